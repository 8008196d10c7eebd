"""Runs a client in a process of its own, and reads what it reports."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench.bots import ROOT, cpu_seconds

FOLDER = Path(__file__).parent / "clients"
CLIENTS = Path(sys.prefix) / "bench" / "bin" / "python"
"""A Python that has virustotal-api and vt-py, made by `make bench`: vt-py cannot be installed beside the bot."""
LOOK_SECONDS = 0.02


class MissingError(Exception):
    """The package is not installed."""


def python_of(clients, needed):
    """The Python that has a client's package, which the statement `needed` imports. Raises MissingError."""
    asked = [str(clients), "-c", needed]
    if not Path(clients).exists():
        raise MissingError(needed)
    if subprocess.run(asked, check=False, capture_output=True, cwd="/", env={}).returncode:  # noqa: S603 - a Python
        raise MissingError(needed)
    return str(clients)


def run(program, job, python=sys.executable):
    """What a client reports of a job. `program`: a file in tests/bench/clients, or a module of the bench."""
    command = [python, str(FOLDER / program)] if program.endswith(".py") else [python, "-m", program]
    environ = {"PATH": os.defpath} | ({} if program.endswith(".py") else {"PYTHONPATH": str(ROOT)})
    done = subprocess.run(  # noqa: S603 - our own program
        command, input=json.dumps(job), cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{program}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def asked(environ, words):
    """What one `vtbot ask` with these words on standard input needs, like `run`.

    It answers nothing when the database is too busy.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "ask", "--json"],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdin.write(words.encode())
    process.stdin.close()
    most = cpu = 0.0
    os.set_blocking(process.stdout.fileno(), False)
    answer = b""
    while process.poll() is None:
        most = max(most, memory(process.pid, "VmHWM"))
        cpu = cpu_seconds(process.pid)
        answer += process.stdout.read() or b""
        time.sleep(LOOK_SECONDS)
    answer += process.stdout.read() or b""
    took = time.perf_counter() - start
    return {"seconds": took, "cpu": cpu, "peak": most, "answered": len(json.loads(answer or b"[]"))}


def memory(pid, name="VmRSS"):
    """Megabytes of one process, without its children: PostgreSQL is none of them. 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{name}:")), 0.0)


def load():
    """The machine's load of the last minute, and how many cores it has, to be printed with what was measured."""
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
