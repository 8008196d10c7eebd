"""The private server's process: whether it lives, and what a dead one leaves behind."""

import os
import re
from contextlib import suppress
from pathlib import Path

PIDFILE = "postmaster.pid"
SOCKET = ".s.PGSQL.5432"


def living(data: Path) -> int | None:
    """The process that serves this folder.

    The file that names it outlives a power cut, a kill or a container, where another process may get its number.
    """
    try:
        pid = int((data / PIDFILE).read_text().split("\n")[0])
    except (OSError, ValueError):
        return None
    return pid if _is_postgres(pid) and _is_in(pid, data) else None


def clear(data: Path, sockets: Path) -> None:
    """Remove the files of a dead one: PostgreSQL takes whatever has the number in them by now for a living server.

    They are not what keeps two servers from one folder: that is the memory which the sessions of a server share.
    """
    for file in (data / PIDFILE, sockets / f"{SOCKET}.lock"):
        file.unlink(missing_ok=True)


def _is_postgres(pid: int) -> bool:
    """One that is dead (Z) can keep its number for ever: in a container there may be nobody to bury it."""
    try:
        if Path("/proc/self/stat").exists():
            return bool(re.match(rb"\d+ \(postgres.*\) [^ZX]", Path(f"/proc/{pid}/stat").read_bytes()))
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _is_in(pid: int, data: Path) -> bool:
    """A server is in its data folder, and another one in another; not every root may see that."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").samefile(data)
    return True
