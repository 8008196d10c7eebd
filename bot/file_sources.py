"""The places that files may come from, as the settings say: this machine's roots and the servers of the hosts file."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from bot.settings import Settings, SettingsError
from vt.files import hosts
from vt.files.disk import Disk
from vt.files.hosts import Host
from vt.files.places import Opener, Places
from vt.files.safe_path import Roots
from vt.files.spool import Spool


def places(settings: Settings, kinds: Mapping[str, Opener]) -> Places:
    """The places of the settings, and more by their kind. Raises SettingsError when the hosts file is wrong."""
    roots = Roots(tuple(map(PurePosixPath, settings.file_roots)))
    return Places(Disk(roots, limit=settings.vt_max_upload), servers(settings), kinds)


def spool(settings: Settings) -> Spool:
    """The folder for copies of what can be read only once."""
    return Spool(settings.state_dir / "spool", settings.spool_budget)


def servers(settings: Settings) -> dict[str, Host]:
    """The servers of the hosts file by name. Raises SettingsError when the file is wrong."""
    try:
        return hosts.load(settings.hosts_file) if settings.hosts_file else {}
    except hosts.HostsFileError as fault:
        raise SettingsError(f"HOSTS_FILE: {fault}.") from None
