"""comments/get: at most 25, newest first, older ones by `before`."""

from playground.virustotal import invented, replies
from playground.virustotal.recordings import Recording
from playground.virustotal.seeded_random import SeededRandom
from playground.virustotal.state import State

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
    said = [{"date": date, "comment": rng.pick(SAYINGS)} for date in dates]
    return {
        "response_code": 1,
        "verbose_msg": "Resource found, comments, if any, returned here",
        "resource": resource,
        "comments": [comment for comment in said if not before or comment["date"] < before][:PAGE],
    }


def _date(rng: SeededRandom, today: int) -> str:
    date = replies.date(today - invented.DAY * rng.between(1, 900) + rng.below(invented.DAY))
    return "".join(filter(str.isdigit, date))
