"""An incident of 300 messages, the same in every run: made up here, with texts from the shared corpora if there are any."""

import json
import random
from dataclasses import dataclass
from functools import cache

from tests.support.slack_rules import SHARED
from vt import extract
from vt.indicators import is_internal
from vt.privacy import has_secret, is_well_known

MESSAGES = 300
PEOPLE = ("ana", "ben", "admin", "guest")
CORPORA = SHARED / "corpora" / "ioc"
LONGEST = 1_500
TALK = (
    "any update?",
    "on it",
    "the 10:42 build of v2.13.7 is out, setup.py and report.pdf are attached",
    "I am on 10.20.30.40, the jump host is 192.168.7.1, docs say 192.0.2.1",
    "see https://playground.slack.com/archives/C0INC10420/p1700000000000100",
    "ticket SEC-3381, MAC 00:1a:2b:3c:4d:5e, id 123e4567-e89b-12d3-a456-426614174000",
    "can somebody restart it at 12:30?",
)
SAYS = ("{} again", "seen on FIN-07: {}", "is {} known?", "blocked {}", "the proxy has {} since 09:12")


@dataclass(frozen=True)
class Line:
    """One message, and who posts it."""

    user: str
    text: str

    @property
    def indicators(self):
        """What must be looked up."""
        return [one for one in extract(self.text) if _sent(one)]


def _sent(one):
    return not (is_internal(one) or is_well_known(one) or (one.kind == "url" and has_secret(one.value)))


def script():
    """The messages in order."""
    rng = random.Random(1042)  # noqa: S311 - not a secret
    lines, told = [], []
    borrowed = _borrowed(rng)
    while len(lines) < MESSAGES:
        lines.append(Line(rng.choice(PEOPLE), _text(rng, told, borrowed)))
        told += [one.value for one in lines[-1].indicators]
    return lines


def _text(rng, told, borrowed):
    """A third is talk, a third repeats indicators, a third has new ones."""
    kind = rng.random()
    if kind < 0.34:
        return rng.choice(TALK)
    if kind < 0.67 and told:
        return rng.choice(SAYS).format(rng.choice(told).replace(".", "[.]"))
    if kind < 0.8 and borrowed:
        return borrowed.pop()
    return rng.choice(SAYS).format(", ".join(_new(rng) for _ in range(rng.randint(1, 3))))


def _new(rng):
    number = rng.randrange(10**6)
    return rng.choice(
        (
            f"{rng.randrange(16**64):064x}",
            f"{rng.randrange(16**32):032x}",
            f"hxxp://cdn{number}[.]badplace[.]top/gate.php?id={number}",
            f"185.{number % 200}.{number % 253 + 1}.{number % 251 + 1}",
            f"mail{number}.badplace[.]top",
        )
    )


@cache
def _corpus():
    """Texts that someone may paste; without those in Slack's markup, which people do not type."""
    files = sorted(CORPORA.glob("*.jsonl")) if CORPORA.is_dir() else []
    texts = [json.loads(line)["text"] for file in files for line in file.read_text().splitlines()]
    return tuple(text for text in texts if 0 < len(text.strip()) <= LONGEST and not set("<>&@#|") & set(text))


def _borrowed(rng):
    texts = list(_corpus())
    rng.shuffle(texts)
    return texts
