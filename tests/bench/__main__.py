"""`make bench`: every module here that measures something, in turn."""

from tests.bench import uploads

for line in uploads.measure():
    print(line, flush=True)  # noqa: T201 - to be read
