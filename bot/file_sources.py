"""Where files may come from, as the settings say: this machine's roots, the servers of the hosts file."""

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
    """The places of the settings, and others by their kind. Raises SettingsError when the hosts file is no good."""
    roots = Roots(tuple(map(PurePosixPath, settings.file_roots)))
    return Places(Disk(roots, limit=settings.vt_max_upload), servers(settings), kinds)


def spool(settings: Settings) -> Spool:
    """Where what can be read only once is put down."""
    return Spool(settings.state_dir / "spool", settings.spool_budget)


def servers(settings: Settings) -> dict[str, Host]:
    """Those of the hosts file. Raises SettingsError when it is no good."""
    try:
        return hosts.load(settings.hosts_file) if settings.hosts_file else {}
    except hosts.Unfit as fault:
        raise SettingsError(f"HOSTS_FILE: {fault}.") from None
