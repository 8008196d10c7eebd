"""Files to try the bot with: made up and harmless, in a folder that it may read. To the sandbox each is something else."""

from collections.abc import Mapping
from pathlib import Path

UNKNOWN = b"A made-up sample, harmless: an invoice that nobody has seen before, number 1042.\n"
FLAGGED = b"A made-up sample, harmless: an invoice that many engines flag, number 1042.\n"
FILES: Mapping[str, bytes] = {
    "invoice-1042.js": UNKNOWN,
    "invoice-1041.js": FLAGGED,
    "access.log": b"A made-up sample, harmless: a log, number 1048.\n",
    "server.pem": b"A made-up sample, harmless: by its name it may be a key, so that nobody can have it uploaded: number 1059.\n",
}


def folder(state: Path) -> Path:
    """The folder with all of them, below STATE_DIR; absolute."""
    made = state.resolve() / "samples"
    made.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    return made
