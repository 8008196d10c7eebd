"""The package virustotal-api: one indicator a call, or hashes and URLs in lists of 4 (variant "lists"), as it documents."""

from collections import defaultdict

from job import Job
from virus_total_apis import PublicApi

LIST = 4
SPENT = 204


def calls(indicators, size):
    """Pairs of kind and values: hashes and URLs so many to a call, everything else alone."""
    grouped = defaultdict(list)
    for kind, value in indicators:
        grouped[kind].append(value)
    for kind, values in grouped.items():
        step = size if kind in ("hash", "url") else 1
        for start in range(0, len(values), step):
            yield kind, values[start : start + step]


job = Job()
api = PublicApi("bench")
api.base = job.v2
ask = {
    "hash": lambda values: api.get_file_report(",".join(values)),
    "url": lambda values: api.get_url_report("\n".join(values)),
    "ip": lambda values: api.get_ip_report(*values),
    "domain": lambda values: api.get_domain_report(*values),
}
for kind, values in calls(job.indicators, LIST if job.variant == "lists" else 1):
    said = ask[kind](values)
    job.called()
    for value in values:
        job.answer(value, refused=said.get("response_code") == SPENT)
job.report()
