"""`make bench`: everything here that measures something, in turn; `python -m tests.bench NAME`: one part of it."""

import argparse
from functools import partial

from tests.bench import (
    commands,
    free_key,
    growth,
    lookups,
    programs,
    quota,
    steady,
    stored,
    throughput,
    uploads,
    watch,
)

options = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
options.add_argument("parts", nargs="*", metavar="NAME", help="one of the parts; none: all")
options.add_argument("--clients", default=programs.CLIENTS, help="a Python that has virustotal-api and vt-py")
options.add_argument("--beside", nargs="*", default=(), help="other checkouts of the bot, for commands")
options.add_argument("--most", type=int, default=stored.MOST, help="rows, for stored")
options.add_argument("--minutes", type=float, default=steady.MINUTES, help="for steady")
given = options.parse_args()
parts = {
    "commands": partial(commands.measure, *given.beside),
    "watch": watch.measure,
    "uploads": uploads.measure,
    "lookups": partial(lookups.measure, given.clients),
    "free-key": partial(free_key.measure, given.clients),
    "quota": lambda: quota.measure(),  # noqa: PLW0108 - found when it runs, so that the others run without it
    "growth": growth.measure,
    "throughput": throughput.measure,
    "steady": partial(steady.measure, given.minutes),
    "stored": partial(stored.measure, given.most),
}
if unknown := set(given.parts) - set(parts):
    options.error(f"no part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
for name in given.parts or parts:
    print(f"\n{name} ({programs.load()})\n", flush=True)  # noqa: T201 - to be read
    for line in parts[name]():
        print(line, flush=True)  # noqa: T201 - to be read
