"""A 200 MB file to VirusTotal from disk and over SFTP: memory above idle, and speed beside the parts one after the other.

The others: paramiko's own prefetching get into a file (from disk: its SHA-256), then an httpx upload of that file.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.bench import null_virustotal

SIZE = 200 << 20
MEMORY = 32
"""MiB above idle, at most."""
SHARE = 0.8
"""Of the throughput of the others, at least."""
REPEATS = 3


def measure():
    """Lines to read. Each method is measured in a process of its own, in turns, so that a busy machine is busy for all."""
    with tempfile.TemporaryDirectory() as folder, null_virustotal.serving() as url:
        root = Path(folder)
        _sample(root)
        yield from _compared("from disk", {"url": url, **_paths(root), "copy": f"{folder}/copy"})
    yield from _over_sftp()


def _over_sftp():
    """From OpenSSH's server: no other is as fast."""
    from tests.support.sshd import INSTALLED, SSHD, sshd  # noqa: PLC0415 - needed here alone

    if not INSTALLED:
        yield f"over SFTP: not measured, no {SSHD}"
        return
    with sshd() as server, server.running() as port, null_virustotal.serving() as url:
        _sample(server.root)
        host = {
            "address": "127.0.0.1",
            "port": port,
            "user": server.user,
            "key_file": str(server.folder / "user_ed25519"),
            "known_hosts": [server.public("host_ed25519")],
            "roots": [str(server.root)],
        }
        job = {"url": url, **_paths(server.root), "copy": f"{server.folder}/copy"}
        yield from _compared("over SFTP, hashed here", job | {"host": host})
        yield from _compared("over SFTP, hashed there", job | {"host": {**host, "sha256sum": True}})


def _sample(root):
    with (root / "large.bin").open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    (root / "warm.bin").write_bytes(b"warm")
    for name in ("large.bin", "warm.bin"):
        (root / name).chmod(0o644)
    root.chmod(0o755)


def _paths(root):
    return {"root": str(root), "path": str(root / "large.bin"), "warm": str(root / "warm.bin")}


def _compared(title, job):
    runs = {"vtbot": [], "baseline": []}
    for _ in range(REPEATS):
        for method, results in runs.items():
            results.append(_run(job | {"method": method}))
    mine, other = (median(run["seconds"] for run in runs[method]) for method in ("vtbot", "baseline"))
    peak = max(run["mib"] for run in runs["vtbot"])
    yield (
        f"{title}: {SIZE / 1e6 / mine:.0f} MB/s ({mine:.2f} s), one after the other "
        f"{SIZE / 1e6 / other:.0f} MB/s ({other:.2f} s): {other / mine:.0%} "
        f"[{'met' if other / mine >= SHARE else 'MISSED'}, {SHARE:.0%} wanted]; "
        f"memory +{peak:.1f} MiB [{'met' if peak <= MEMORY else 'MISSED'}, +{MEMORY} allowed], "
        f"the others +{max(run['mib'] for run in runs['baseline']):.1f} MiB"
    )


def _run(job):
    command = [sys.executable, "-m", "tests.bench.transfer", json.dumps(job)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)  # noqa: T201 - to be read
