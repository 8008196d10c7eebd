"""A real tinyproxy, which notes every tunnel that it opens."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = shutil.which("tinyproxy", path=f"{os.defpath}:/usr/sbin")
SETTINGS = """
Listen 127.0.0.1
Port {port}
Timeout 60
LogFile "{folder}/log"
LogLevel Connect
MaxClients 50
{more}
"""


def needs_tinyproxy(test):
    """Marks a test that starts one."""
    return pytest.mark.slow(pytest.mark.skipif(not PROGRAM, reason="tinyproxy is not installed")(test))


class TinyProxy:
    """One process. `url`: its address, without a login."""

    def __init__(self, folder, more):
        self.folder, self.port = folder, _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (folder / "settings").write_text(SETTINGS.format(port=self.port, folder=folder, more=more))

    def start(self):
        """Returns when it listens."""
        self._process = subprocess.Popen(  # noqa: S603 - no user input
            [PROGRAM, "-d", "-c", str(self.folder / "settings")], stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                assert time.monotonic() < until, self.written()
                time.sleep(0.02)
            else:
                return

    def written(self):
        """Its log."""
        return (self.folder / "log").read_text()

    def tunnels(self, port):
        """How many tunnels to this port of the machine were asked for."""
        return len(re.findall(rf"CONNECT [a-z0-9.]+:{port} HTTP", self.written()))

    def kill(self):
        """Nothing listens there any more."""
        self._process.kill()
        self._process.wait()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


@contextmanager
def tinyproxy(more=""):
    """One that runs. `more`: lines of settings."""
    with tempfile.TemporaryDirectory(prefix="vtbot-tinyproxy-") as name:
        proxy = TinyProxy(Path(name), more)
        proxy.start()
        try:
            yield proxy
        finally:
            proxy.kill()
