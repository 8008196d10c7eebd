"""comments/get: at most 25, newest first, older ones by `before`; comments/put: those that were written here come first."""

import re

from playground.virustotal import invented, replies
from playground.virustotal.recordings import Recording
from playground.virustotal.seeded_random import SeededRandom
from playground.virustotal.state import State

DIGEST = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}")
PAGE = 25
SAYINGS = (
    '#malware seen in a mail with the subject "invoice"',
    "Contacts 198.51.100.23:8080 after start.\nDrops %APPDATA%\\update.exe",
    "False positive? Our build server made this file.",
    "[b]Bot communication[/b] to hxxp://c2.example[.]net/gate.php",
    "#phishing kit, reported to the host",
)


def of(state: State, resource: str, before: str) -> replies.Reply | Recording:
    """The reply of comments/get."""
    if recorded := state.recordings.get("comments/get", resource.lower()):
        return recorded
    rng = SeededRandom("comments", resource.lower())
    count = 0 if state.never_seen(resource.lower()) else rng.pick((0, 0, 1, 2, 4, 40))
    dates = sorted((_date(rng, state.today) for _ in range(count)), reverse=True)
    written = state.comments.get(resource.lower(), [])
    said = [*reversed(written), *({"date": date, "comment": rng.pick(SAYINGS)} for date in dates)]
    return {
        "response_code": 1,
        "verbose_msg": "Resource found, comments, if any, returned here",
        "resource": resource,
        "comments": [comment for comment in said if not before or comment["date"] < before][:PAGE],
    }


def put(state: State, resource: str, comment: str) -> replies.Reply:
    """The reply of comments/put: code 0 for what is neither a hash nor a URL, and for a comment that is there already."""
    if not (DIGEST.fullmatch(resource) or "://" in resource):
        return {"response_code": 0, "verbose_msg": "Invalid resource, check what you are submitting"}
    written = state.comments.setdefault(resource.lower(), [])
    if any(one["comment"] == comment for one in written):
        return {"response_code": 0, "verbose_msg": "Duplicate comment"}
    now = "".join(filter(str.isdigit, replies.date(int(state.clock()))))
    written.append({"date": now, "comment": comment})
    return {"response_code": 1, "verbose_msg": "Your comment was successfully posted"}


def _date(rng: SeededRandom, today: int) -> str:
    date = replies.date(today - invented.DAY * rng.between(1, 900) + rng.below(invented.DAY))
    return "".join(filter(str.isdigit, date))
