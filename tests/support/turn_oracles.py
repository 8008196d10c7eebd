"""What must hold for everything that a turn stores and shows, written without the product's own reading of replies."""

import json
import re
from bisect import bisect_right
from functools import cache

from playground.slack import rules
from tests.support import slack_rules
from tests.support.mutated_bodies import HUSH, names_another, names_it

KEY = "canary-key-77e1c0"
"""The VirusTotal key of the client: nobody may read it."""
TOLD = ("U2", "U3", "C1", "D1")
"""The ids that Slack has named to the bot."""
_LIVE = re.compile(
    r"(?:https?|ftps?)://(?!www\.virustotal\.com/)|(?<![\w\[])www\.(?!virustotal)|evil\.com", re.IGNORECASE
)
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
HOSTS = ("scan-ip", "domain-report")
"""Actions whose reports have no engines, but lists of what was seen there."""
MOST_ENGINES = 10_000
_LISTS_FLAGGED = ("detected_urls", "detected_downloaded_samples", "detected_communicating_samples")
_LISTS = re.compile(r"(?:un)?detected_(?:urls|(?:downloaded|communicating|referrer)_samples)")
_DETECTED = re.compile("detected_.*")


# The verdict -------------------------------------------------------------------------------------------


class _Twice(ValueError):
    """A key occurs twice in an object."""


def _once(pairs):
    if len({name for name, _ in pairs}) != len(pairs):
        raise _Twice
    return dict(pairs)


def reports(bodies):
    """The objects of replies, without those of a reply that is no JSON or says something twice."""
    found = []
    for body in bodies:
        try:
            reply = json.loads(body, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            continue
        found += [one for one in (reply if isinstance(reply, list) else [reply]) if isinstance(one, dict)]
    return found


def may_be_clean(sample, found):
    """Is there a report on it in which every number that "clean" rests on is of the documented type, and zero?"""
    return any(_is_clean(sample, report) for report in found)


def names_clean(sample, found):
    """The same, in a report that says by itself what it is about, as it must among others."""
    return any(_is_clean(sample, report) and names_it(sample, report) for report in found)


def is_contradicted(sample, double):
    """Does a second entry of the batch name the sample, and say that engines flag it?"""
    found = reports([double] if double else [])
    return any(one.get("resource") == sample.value and _has_flag(sample, one) for one in found)


def may_be_risky(sample, found, threshold):
    """Is there anything in a report on it that reads like so many engines?"""
    own = [report for report in found if not names_another(sample, report)]
    return any(most >= threshold for report in own for most in _readings(report))


def _readings(report):
    """Everything in a report that may be read as a number of engines."""
    yield _number(report.get("positives"))
    if isinstance(report.get("scans"), dict):
        yield sum(isinstance(one, dict) and bool(one.get("detected")) for one in report["scans"].values())
    for key in filter(_LISTS.fullmatch, report):
        yield from (_number(_counts(entry)[0]) for entry in _entries(report[key]))


def _number(value):
    try:
        return int(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else 0
    except (ValueError, OverflowError):
        return 0


def is_flagged(sample, found):
    """Do all reports that may be on it say without any doubt that an engine flags it? Then it is neither CLEAN nor UNKNOWN."""
    own = [report for report in found if not names_another(sample, report)]
    return bool(own) and all(_has_flag(sample, report) for report in own)


def _is_clean(sample, report):
    if type(report.get("response_code")) is not int or report["response_code"] != 1:
        return False
    if names_another(sample, report):
        return False
    return _host_is_clean(report) if sample.action in HOSTS else _engines_are_clean(report)


def _engines_are_clean(report):
    scans, counts = report.get("scans"), (report.get("positives"), report.get("total"))
    if isinstance(scans, dict) and type(counts[1]) is int and len(scans) > counts[1]:
        return False
    if not isinstance(report.get("resource"), str | None):
        return False
    if not isinstance(scans, dict) or not scans or any(type(count) is not int for count in counts):
        return False
    engines = all(isinstance(one, dict) and one.get("detected") is False for one in scans.values())
    return engines and counts[0] == 0 and counts[1] >= 1


def _host_is_clean(report):
    entries = []
    # What engines flag is never clean, whatever the count beside it says; nor is a list that nobody knows.
    for key in filter(_DETECTED.fullmatch, report):
        seen = [_counts(entry) for entry in report[key]] if isinstance(report[key], list) else [("?", "?")]
        if report[key] is not None and any(counts not in ((0, 0), (0, None)) for counts in seen):
            return False
    for key in filter(_LISTS.fullmatch, report):
        if not isinstance(report[key], list | None):
            return False
        entries += [_counts(entry) for entry in report[key] or ()]
    known = [counts for counts in entries if counts != (None, None)]
    exact = all(type(count) is int for counts in known for count in counts if count is not None)
    return exact and bool(known) and all(counts[0] == 0 for counts in known)


def _counts(entry):
    """The numbers of an entry: of its keys, or by their place in a list of five."""
    if isinstance(entry, list):
        return tuple([*entry[2:4], None, None][:2])
    return (entry.get("positives"), entry.get("total")) if isinstance(entry, dict) else ("?", "?")


def _has_flag(sample, report):
    """Whatever the response_code says."""
    if sample.action in HOSTS:
        listed = [_counts(entry) for key in _LISTS_FLAGGED for entry in _entries(report.get(key))]
        return any(type(counts[0]) is int and 0 < counts[0] <= MOST_ENGINES for counts in listed)
    engines = report["scans"].values() if isinstance(report.get("scans"), dict) else ()
    return any(isinstance(one, dict) and one.get("detected") is True for one in engines)


def _entries(value):
    return value if isinstance(value, list) else []


# What is shown -----------------------------------------------------------------------------------------


def text_faults(shown):
    """What nobody may see in a text: live links, secrets, and characters that hide something."""
    for name, pattern in (("live link", _LIVE), ("invisible", _INVISIBLE)):
        if found := pattern.search(shown):
            yield f"{name}: {shown[max(0, found.start() - 40) : found.start() + 60]!r}"
    yield from (f"secret: {name}" for name in (KEY, HUSH) if name in shown)


def block_faults(payload):
    """What Slack refuses in single blocks: by the stand-in's rules and, where it is there, by the shared checker. Slow."""
    for block in payload["blocks"]:
        for part in _single_parts(block):
            yield from _part_faults(json.dumps(_shape(part)), payload.get("type", "message"))


def length_faults(payload):
    """What Slack refuses because there is too much of it."""
    blocks = payload["blocks"]
    is_message = "type" not in payload
    if is_message and not 0 < len(payload["text"]) <= rules.TEXT_LENGTH:
        yield f"blocks: text of {len(payload['text'])} characters"
    if len(blocks) > (50 if is_message else 100):
        yield f"blocks: {len(blocks)}"
    if is_message and sum(map(_characters, blocks)) > rules.SHOWN_LENGTH:
        yield "blocks: too many characters"
    yield from (f"blocks: {len(one['elements'])} elements" for one in blocks if _is_too_long(one))


def _is_too_long(block):
    return (
        block["type"] in ("actions", "context")
        and len(block["elements"]) > {"actions": 25, "context": 10}[block["type"]]
    )


def _characters(node):
    if isinstance(node, list):
        return sum(map(_characters, node))
    if not isinstance(node, dict):
        return 0
    own = len(node["text"]) if isinstance(node.get("text"), str) else 0
    return own + sum(_characters(value) for value in node.values() if isinstance(value, list | dict))


def _single_parts(block):
    """The block once for each of its elements: the shared checker is slow, and the same elements recur."""
    for element in block.get("elements") or (None,):
        if element is None:
            yield block
        elif block["type"] == "rich_text":
            yield from (
                {**block, "elements": [{**element, "elements": [one]}]} for one in element["elements"]
            )
        else:
            yield {**block, "elements": [element]}


@cache
def _part_faults(shape, surface):
    """By shape: what Slack takes depends on the lengths of texts, not on what they say. Some blocks belong to one surface."""
    block = json.loads(shape)
    if surface == "message":
        refused = rules.message({"text": "-", "blocks": [block]}, TOLD, unfurls=False)
    else:
        title = {"type": "plain_text", "text": "-"}
        own = {"title": title, "submit": title} if surface == "modal" else {}
        refused = rules.view({"type": surface, "blocks": [block], **own}, TOLD)
    found = [fault.sentence for fault in refused]
    return tuple(f"blocks: {one[-200:]}" for one in [*found, *slack_rules.faults("message", [block])])


@cache
def _lengths():
    """Every length at which a schema says something else, in order."""
    found = {0, 1, *(limit + more for limit in (24, 75, 150, 255, 2000, 3000) for more in (0, 1))}
    for path in sorted((slack_rules.SHARED / "schemas").glob("*.json")):
        limits = re.findall(r'"(?:min|max)(?:Length|Items)":\s*(\d+)', path.read_text())
        found |= {int(limit) + more for limit in limits for more in (0, 1)}
    return sorted(found)


_FREE = ("text", "fallback", "value", "private_metadata", "description")
"""Keys whose text a schema judges by its length alone."""
_VIRUSTOTAL = "https://www.virustotal.com/"


def _shape(node, key=""):
    """The payload with texts as short as the schemas cannot tell from their real length."""
    if isinstance(node, dict):
        return {name: _shape(value, name) for name, value in node.items()}
    if isinstance(node, list):
        return [_shape(item) for item in node]
    if isinstance(node, str) and key in _FREE:
        return "x" * _least(len(node))
    if key == "url" and node.startswith(_VIRUSTOTAL):
        return _VIRUSTOTAL
    if key == "action_id":
        return node.partition(":")[0]
    return 0 if key == "timestamp" else node


def _least(length):
    lengths = _lengths()
    return lengths[bisect_right(lengths, length) - 1]
