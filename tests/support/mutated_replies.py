"""Whole turns with mutated replies: decoded, looked up, stored as JSON, read again, judged and shown.

python -m tests.support.mutated_replies 200000 [SEED]
"""

import asyncio
import copy
import json
import random
import re
import sys
from collections import Counter
from datetime import UTC, datetime

import httpx
from pydantic import SecretStr

from handlers.stored_shapes import LOOKUPS, parsed
from handlers.views import answer as answer_views
from handlers.views.answer import AnswerContext
from tests.support.slack_rules import message_faults
from tests.support.vt_service import no_pause
from vt import codec
from vt.actions import BY_KEY
from vt.client import Client
from vt.indicators import read
from vt.lookup import Lookup
from vt.service import Service
from vt.verdict import State

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
CONTEXT = AnswerContext(case="case-id", now=NOW)
SHA = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"
URL = "http://example.com/a?b=c"
ENGINES = {name: {"detected": False, "result": "clean site", "update": "20261120"} for name in "ABC"}
SCANNED = {"response_code": 1, "positives": 0, "total": 3, "scans": ENGINES, "verbose_msg": "Scan finished"}
DATED = {"scan_date": "2026-11-20 10:00:00", "first_seen": "2020-01-01 00:00:00"}
HOST = {
    "response_code": 1,
    "verbose_msg": "in dataset",
    "undetected_urls": [["http://example.com/", SHA, 0, 66, "2022-11-23 06:51:49"]],
    "undetected_referrer_samples": [{"sha256": SHA, "positives": 0, "total": 66, "date": None}],
    "detected_urls": [],
    "detected_communicating_samples": [],
    "resolutions": [{"hostname": "a.example.com", "last_resolved": "2022-11-23 06:51:49"}],
    "whois": "Registrar: x",
}
ASKED = {
    "scan-hash": (SHA, SCANNED | DATED | {"resource": SHA, "sha256": SHA, "scan_id": f"{SHA}-1795300000"}),
    "scan-url": (URL, SCANNED | DATED | {"resource": URL, "url": URL}),
    "scan-ip": ("8.8.8.8", HOST | {"asn": 15169, "as_owner": "Google", "country": "US"}),
    "domain-report": ("example.com", HOST | {"categories": ["parked"], "BitDefender category": "parked"}),
}
VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -5,
        40,
        0.9,
        1.0,
        1e308,
        10**12,
        10**400,
        "",
        "0",
        "54/60",
        "\0",
        "\x1f",
        "\ud800x",
    ),
    *(
        [],
        {},
        [54],
        [None],
        ["http://evil.com/"],
        [[]],
        {"detected": True},
        {"positives": 54},
        [["x", SHA, 40, 60]],
    ),
    *(
        "http://evil.com/",
        "<http://evil.com|x>",
        "<!channel>",
        "\u202ehttp://evil.com",
        "https://evil.com/\ud800",
    ),
    *(
        "2019-02-05 15:41:52",
        "x" * 5000,
        "*b* _i_ `c`",
        f"{'5e' * 32}-1",
        SHA[::-1],
        9.9e-324,
        "evil.com",
        " \n",
    ),
]
KEYS = [
    "scan_date",
    "first_seen",
    "positives",
    "\ud800",
    "\0",
    "http://evil.com/",
    "x category",
    "detected_urls",
    "",
]
LINK = re.compile(r"(?:https?|ftp)://(?!www\.virustotal\.com/)", re.IGNORECASE)


def mutated(raw, chance):
    """A copy of a reply with one to three values replaced, removed, added or put a few levels deeper."""
    reply = copy.deepcopy(raw)
    for _ in range(chance.randint(1, 3)):
        node = reply
        while isinstance(node, dict | list) and node:
            key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[key], dict | list) or not node[key] or chance.random() < 0.3:
                break
            node = node[key]
        if not isinstance(node, dict | list) or not node:
            continue
        value = copy.deepcopy(chance.choice(VALUES))
        kind = chance.random()
        if kind < 0.5:
            node[key] = value
        elif kind < 0.6:
            del node[key]
        elif kind < 0.7:
            for _ in range(chance.choice([2, 30, 80])):
                value = [value]
            node[key] = value
        elif isinstance(node, dict):
            node[chance.choice(KEYS)] = value
        else:
            node.append(value)
    return reply


def may_be_clean(raw):  # noqa: C901 - one line for each way in which a reply can prove something
    """Written without the product's own reading: is everything there of the documented type, and all of it zero?"""

    def is_zero(entry):
        counts = (entry.get("positives"), entry.get("total"))
        return counts == (None, None) or (
            type(counts[0]) is int and counts[0] == 0 and type(counts[1]) in (int, type(None))
        )

    if type(raw.get("response_code")) is not int or raw["response_code"] != 1:
        return False
    if raw.get("resource") not in (None, "", SHA, URL, "8.8.8.8", "example.com") and isinstance(
        raw["resource"], str
    ):
        return False
    if "scans" in raw:
        counts = (raw.get("positives"), raw.get("total"))
        whole = all(type(count) is int for count in counts) and counts[0] == 0 and counts[1] >= 1
        engines = list(raw["scans"].values()) if isinstance(raw["scans"], dict) else []
        return (
            whole
            and bool(engines)
            and all(isinstance(one, dict) and one.get("detected") is False for one in engines)
        )
    for key, value in raw.items():
        if (
            key.startswith(("detected_", "undetected_"))
            and key.endswith(("urls", "samples"))
            and value is not None
        ):
            if not isinstance(value, list):
                return False
            for entry in value:
                named = {"positives": entry[2:3], "total": entry[3:4]} if isinstance(entry, list) else entry
                if isinstance(entry, list):
                    named = {name: (part or [None])[0] for name, part in named.items()}
                if not isinstance(named, dict) or not is_zero(named):
                    return False
    return True


async def fault(action, reply):
    """What is wrong with a turn that gets this reply; "" when nothing is."""
    body = json.dumps(reply).encode()
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    client = Client(
        SecretStr("k" * 64), url="http://vt.test/", quota=_Quota(), transport=transport, sleep=no_pause
    )
    row = BY_KEY[action]
    try:
        async with client:
            service = Service(client, places=None, clock=lambda: NOW)
            lookups = (Lookup.of(read(ASKED[action][0]), row, row.threshold),)
            async for known in service.advance(lookups):
                stored = LOOKUPS.dump_json(known).decode()
                lookups = LOOKUPS.validate_python(parsed(stored))  # as another process reads them
            found = [lookup.finding(NOW) for lookup in lookups]
            message = answer_views.answer(found, CONTEXT)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"crash: {type(error).__name__}: {str(error)[:200]}"
    if found[0].state is State.CLEAN and not may_be_clean(codec.parse(body)):
        return "false CLEAN"
    shown = json.dumps(message.blocks) + message.text
    if LINK.search(shown):
        return f"live link: {shown[LINK.search(shown).start() :][:80]}"
    faults = message_faults(message)
    return f"blocks: {faults[0][-300:]}" if faults else ""


class _Quota:
    async def take(self, calls=1): ...

    async def worked(self): ...

    async def refused(self): ...


async def run(count, seed):
    """So many mutated replies; the faults, each with how often it occurred and one reply that causes it."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    faults = Counter()
    examples = {}
    for _ in range(count):
        action = chance.choice(list(ASKED))
        reply = mutated(ASKED[action][1], chance)
        if wrong := await fault(action, reply):
            kind = wrong[:60]
            faults[kind] += 1
            examples.setdefault(kind, (wrong, action, json.dumps(reply)[:600]))
    return faults, examples


if __name__ == "__main__":
    counted, causes = asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
    for kind, times in counted.most_common():
        print(times, *causes[kind], sep="\n  ")  # noqa: T201 - a program for the terminal
    print(f"{sum(counted.values())} faults")  # noqa: T201
