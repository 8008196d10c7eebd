"""A real PgBouncer in session mode in front of a database, which can be killed and started again."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bot.postgres import account, hand_to

PROGRAM = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
INSTALLED = bool(PROGRAM)
PORT = 6432
SETTINGS = """
[databases]
* = host={host} port={port} user=postgres
[pgbouncer]
listen_addr =
listen_port = {own_port}
unix_socket_dir = {folder}
auth_type = any
pool_mode = session
default_pool_size = {connections}
logfile = {folder}/log
{more}
"""


class PgBouncer:
    """One process, with a Unix socket in a folder of its own."""

    def __init__(self, database, folder, connections, more):
        given = conninfo_to_dict(database)
        self.folder = folder
        self.url = f"postgresql://postgres@/{given['dbname']}?host={quote(str(folder), safe='')}&port={PORT}"
        settings = SETTINGS.format(
            host=given["host"],
            port=given["port"],
            own_port=PORT,
            folder=folder,
            connections=connections,
            more=more,
        )
        (folder / "settings").write_text(settings)
        self._process = None

    def start(self):
        """Returns when it answers."""
        # An account of its own, like PostgreSQL: it refuses to run as root.
        self._process = subprocess.Popen(  # noqa: S603 - no user input
            [PROGRAM, "-q", str(self.folder / "settings")], stderr=subprocess.DEVNULL, **account()
        )
        until = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url).close()
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def kill(self):
        """With kill -9: every connection breaks."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pgbouncer(database, *, connections=60, more=""):
    """One that runs. `connections`: to the database, as many as clients, since each keeps its own. `more`: lines of settings."""
    with tempfile.TemporaryDirectory(prefix="vtbot-pgbouncer-") as name:
        folder = Path(name)
        hand_to(folder, account())
        pooler = PgBouncer(database, folder, connections, more)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.kill()
