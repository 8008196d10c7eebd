"""Processes that begin with the bot imported, which is most of what a start costs: 0.8 of its 0.9 seconds of CPU time.

One process imports the bot for each process of pytest, and each order has it fork. What comes of that has its own memory,
environment, folder and signals, and is killed, frozen and stopped like any other.
"""

import asyncio
import atexit
import contextlib
import gc
import json
import os
import signal
import socket
import subprocess
import sys
from functools import cache

LONGEST = 1 << 17
"""Bytes of an order, the environment included."""


class Forked:
    """One of them, with what the tests use of asyncio's Process."""

    def __init__(self, pid, reader, writer):
        self.pid = pid
        self.returncode = None
        self._writer = writer
        self._end = asyncio.create_task(self._until_it_ends(reader))

    async def _until_it_ends(self, reader):
        self.returncode = int(await reader.readline())
        self._writer.close()

    async def wait(self):
        await asyncio.shield(self._end)
        return self.returncode

    def terminate(self):
        self._send(signal.SIGTERM)

    def kill(self):
        self._send(signal.SIGKILL)

    def _send(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


async def start(arguments, folder, environ, log):
    """`vtbot` with these arguments, in a process of its own that writes into a file which is open."""
    starting = asyncio.create_task(_start(arguments, folder, environ, log))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        (await starting).kill()  # nobody else knows of it
        raise


async def _start(arguments, folder, environ, log):
    ours, theirs = socket.socketpair()
    with theirs:
        order = json.dumps({"arguments": arguments, "folder": str(folder), "environ": environ}).encode()
        socket.send_fds(_parent(environ["PYTHONPATH"]), [order], [theirs.fileno(), log.fileno()])
    reader, writer = await asyncio.open_connection(sock=ours)
    return Forked(int(await reader.readline()), reader, writer)


@cache
def _parent(python_path):
    """Where the process takes orders that has imported the bot. It ends with ours, since then nobody can order any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        parent = subprocess.Popen(
            [sys.executable, "-m", "tests.support.forked"],
            stdin=theirs,
            env={"PATH": os.defpath, "PYTHONPATH": python_path, "LC_ALL": "C.UTF-8"},
        )

    def end():
        ours.close()
        parent.wait()

    atexit.register(end)
    return ours


# In the process that has imported the bot -----------------------------------------------------------------


def take_orders():
    """Until nobody can give one any more."""
    import bot.app  # noqa: F401, PLC0415 - only this process needs it
    from bot.__main__ import main  # noqa: PLC0415 - the same, which imports what it needs once it is called

    gc.freeze()  # or the garbage collectors of all that begin here would copy it
    with socket.socket(fileno=os.dup(0)) as orders:
        while True:
            order, files, _, _ = socket.recv_fds(orders, LONGEST, 2)
            _reap()
            if not order:
                return 0
            if os.fork() == 0:
                orders.close()
                return _begin(main, json.loads(order), *files)
            for file in files:
                os.close(file)


def _reap():
    """Wait for those that have ended, so that the system counts their CPU time as ours."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _begin(main, order, line, log):
    """Become the bot; another process tells the one who ordered it about its id and its end."""
    pid = os.fork()
    if pid == 0:
        os.close(line)
        return _become(main, order, log)
    os.close(log)
    os.write(line, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):
        os.write(line, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    return 0


def _become(main, order, log):
    nothing = os.open(os.devnull, os.O_RDONLY)
    for old, new in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(old, new)
    os.close(nothing)
    os.close(log)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    return main(order["arguments"])


if __name__ == "__main__":
    sys.exit(take_orders())
