"""`make bench`: every module here that measures something, in turn."""

from tests.bench import uploads, watch

for module in (watch, uploads):
    for line in module.measure():
        print(line, flush=True)  # noqa: T201 - to be read
