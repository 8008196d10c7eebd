"""`make bench`: every module here that measures something, in turn."""

from tests.bench import commands, uploads, watch

for module in (commands, watch, uploads):
    for line in module.measure():
        print(line, flush=True)  # noqa: T201 - to be read
