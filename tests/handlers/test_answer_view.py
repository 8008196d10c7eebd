"""What people read: the verdict first, everything defanged, nothing from outside alive, within Slack's limits."""

import html
import itertools
import json
import re
from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from inline_snapshot import snapshot

from handlers.text import findings as findings_text
from handlers.text.language import Language, language
from handlers.views import answer as answer_views
from handlers.views import layout
from handlers.views.answer import AnswerContext
from handlers.views.rich_text import as_json
from tests.support.cards import PEOPLE, spoken
from tests.support.findings import HASHES_OF_ONE_FILE, NOW, SCENES, SHA, finding, longest
from tests.support.replies import RECORDED, recorded, recording
from tests.support.slack_rules import message_faults
from vt.actions import BY_KEY
from vt.evidence import HostCriteria, HostRule
from vt.lookup import Lookup
from vt.privacy import SubmitPolicy
from vt.steps import after_report
from vt.verdict import State

CONTEXT = AnswerContext(case="case-id", now=NOW)
SCANS = {
    "Kaspersky": {"detected": True, "result": "Trojan.Win32.Emotet", "version": "1", "update": "20261120"},
    "ESET-NOD32": {"detected": True, "result": "Win32/Emotet.B", "version": "1", "update": "20261120"},
    "Microsoft": {"detected": True, "result": "Trojan:Win32/Emotet!ml", "version": "1", "update": "20261120"},
    "Tiny": {"detected": True, "result": "bad", "version": "1", "update": "20261120"},
    "Deaf": {"detected": False, "result": None, "version": "1", "update": "20261120"},
}


def file_report(positives=4, total=70, **more):
    return {
        "response_code": 1,
        "resource": SHA,
        "sha256": SHA,
        "scan_id": f"{SHA}-1795300000",
        "scan_date": "2026-11-20 10:00:00",
        "positives": positives,
        "total": total,
        "scans": SCANS,
        "verbose_msg": "Scan finished, information embedded",
        **more,
    }


def label(element):
    """What is written on a button, or in a menu."""
    if element["type"] == "overflow":
        return f"⋯ {' / '.join(option['text']['text'] for option in element['options'])}"
    text = element["text"]
    return text["text"] if isinstance(text, dict) else text


def shown(message):
    """The blocks as lines: the fields of a section and the cells of a row are parted by " | "."""
    return lines_of_all(message.blocks)


def lines_of_all(blocks):
    """The lines of several blocks."""
    return [line for block in blocks for line in lines_of(block)]


def lines_of(block):  # noqa: PLR0911 - one for each kind of block
    match block["type"]:
        case "header":
            return [block["text"]["text"]]
        case "section":
            return [" | ".join(map(words, block["fields"]))]
        case "context":
            return [" · ".join(map(words, block["elements"]))]
        case "table":
            return [" | ".join("".join(lines_of(cell)) for cell in row) for row in block["rows"]]
        case "container":
            return [f"{block['title']['text']}:", *lines_of(block["child_blocks"][0])]
        case "actions":
            return ["".join(f"[{label(element)}]" for element in block["elements"])]
        case _:
            parts = [part for element in block["elements"] for part in element["elements"]]
            said = (part.get("text") or part.get("fallback") or f"@{part.get('user_id')}" for part in parts)
            return "".join(said).split("\n")


def words(text):
    """What is read of a text object."""
    if text["type"] == "plain_text":
        return text["text"]
    return re.sub(r"<!date[^|>]*\|([^>]*)>", r"\1", text["text"]).replace("*", "").replace("&amp;", "&")


def test_a_risky_hash_at_3_am():
    """State and count; indicator; names and date; context; warning; buttons; and folded, the documented fields."""
    message = answer_views.answer([finding("scan-hash", SHA, file_report())], CONTEXT)
    assert shown(message) == snapshot(
        [
            "🔴 RISKY · 4 of 70 engines",
            "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f  ▰▱▱▱▱",
            "Microsoft: Trojan:Win32/Emotet!ml | Kaspersky: Trojan.Win32.Emotet | Scan date: 20 Nov 2026 10:00 UTC | ESET-NOD32: Win32/Emotet.B",
            "checked 22 Nov 2026 03:00 UTC",
            "Warning: malicious (threshold 3).",
            "[JSON][VirusTotal][Share][⋯ Details / Why? / Check again now]",
            "All 6 fields:",
            "Field | Value",
            "Scan ID | 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f-1795300000",
            "verbose_msg | Scan finished, information embedded",
            "total | 70",
            "positives | 4",
            "sha256 | 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
            "Detecting Engines | Microsoft, Kaspersky, ESET-NOD32, Tiny",
        ]
    )
    assert message_faults(message) == []
    kinds = [block["type"] for block in message.blocks]
    assert kinds == ["header", "rich_text", "section", "context", "rich_text", "actions", "container"]
    enrichment = message.blocks[-1]
    assert (enrichment["is_collapsible"], enrichment["default_collapsed"]) == (True, True)


def test_no_value_of_a_card_is_shown_twice():
    """Documented fields that say the same are there once; the JSON has them all."""
    url = "http://evil.example/"
    report = {
        "response_code": 1,
        "resource": url,
        "url": url,
        "scan_date": "2026-11-20 10:00:00",
        "permalink": "https://www.virustotal.com/gui/url/x",
        "positives": 4,
        "total": 70,
        "scans": SCANS,
    }
    file = Lookup.of_file("/srv/a", BY_KEY["scan-file"], 3).hashed(SHA, 9)
    for found in (
        finding("scan-url", url, report),
        after_report(file, file_report(), NOW, may_rescan=False).finding(NOW),
        finding("scan-ip", "192.0.2.1", ip_report(detected_urls=[{"url": url, "positives": 1}])),
    ):
        rows = list(labelled(answer_views.answer([found], CONTEXT)))
        labels = [name.casefold() for name, _ in rows]
        assert len(labels) > 4
        assert len(set(labels)) == len(labels)
        values = [value for _, value in rows if len(value) > 15]
        assert len(set(values)) == len(values)


def labelled(message):
    """The facts above the buttons, and the fields below them: each with its value."""
    for block in message.blocks:
        if block["type"] == "section":
            yield from (words(one).split(": ", 1) for one in block["fields"])
        if block["type"] == "container":
            yield from (row.split(" | ", 1) for row in lines_of(block)[2:])


def test_the_plain_text_says_it_all():
    """Notifications and screen readers get the same, in the same order."""
    message = answer_views.answer([finding("scan-hash", SHA, file_report())], CONTEXT)
    said = [line.partition("  ")[0] for line in shown(message)[:5]]
    assert message.text.split("\n")[:7] == snapshot(
        [
            "🔴 RISKY · 4 of 70 engines 275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
            "Microsoft: Trojan:Win32/Emotet!ml",
            "Kaspersky: Trojan.Win32.Emotet",
            "Scan date: 20 Nov 2026 10:00 UTC",
            "ESET-NOD32: Win32/Emotet.B",
            "checked 22 Nov 2026 03:00 UTC",
            "Warning: malicious (threshold 3).",
        ]
    )
    assert all(part in message.text for line in said for part in re.split(r" \| ", line))
    for name, value in labelled(message):
        assert f"{name}: {value}" in message.text


def ip_report(**more):
    return {
        "response_code": 1,
        "country": "DE",
        "as_owner": "Example AG",
        "verbose_msg": "IP address in dataset",
        **more,
    }


def test_the_json_of_blocks_is_what_the_sdk_makes():
    """Of every block and button of every answer."""
    for findings in (*SCENES.values(), *([one] for one in longest().values())):
        context = AnswerContext(NOW, case="case", private_key=True)
        entries = answer_views.entries(findings)
        fitted = answer_views.fit(entries[0], context)
        blocks = [
            *(layout.several(entries, context) if len(entries) > 1 else answer_views.card(fitted)),
            *answer_views.buttons(findings, context),
            *answer_views.enrichment(fitted),
        ]
        assert [as_json(block) for block in blocks] == [block.to_dict() for block in blocks]


@pytest.mark.parametrize(
    "tongue",
    [
        tongue if tongue is Language.ENGLISH else pytest.param(tongue, marks=pytest.mark.slow)
        for tongue in PEOPLE
    ],
)
def test_every_card_and_list_is_sound_and_its_text_says_the_same(tongue):
    """Slack's rules hold, and all that is read above the buttons is in the text; the table has what the card has no room for."""
    for findings in (*SCENES.values(), *([one] for one in longest().values()), HASHES_OF_ONE_FILE):
        [message] = spoken(tongue, [findings], changed=True)
        assert message_faults(message) == []
        assert "▰" not in message.text
        said = html.unescape(message.text)
        if len(findings) > 1 and findings is not HASHES_OF_ONE_FILE:
            assert said.startswith(shown(message)[0])
            continue
        above = list(itertools.takewhile(lambda block: block["type"] != "actions", message.blocks))
        parts = re.split(r" \| | · |; |, |、|: | → |  [▰▱]+|\n", "\n".join(lines_of_all(above)))
        missing = [one for one in parts if one.strip("…") not in said and not one.endswith("<#C0INC10420>")]
        assert missing == []
        with language(tongue):
            told = [(str(label), str(value)) for label, value in findings_text.facts(findings[0])]
        assert all(f"{label}: {value}" in said for label, value in told)
        seen = "\n".join(shown(message))
        assert [value for _, value in told if value not in seen] == []


def test_an_address_says_what_the_verdict_rests_on_and_how_old_that_is():
    """By the documented rule: the highest count among what was seen there, with its date."""
    raw = ip_report(
        detected_urls=[
            {"url": "http://evil.example/x", "positives": 30, "total": 70, "scan_date": "2019-01-28 23:58:13"}
        ],
        detected_downloaded_samples=[
            {"sha256": SHA, "positives": 2, "total": 70, "date": "2026-11-01 00:00:00"}
        ],
    )
    documented = finding("scan-ip", "192.0.2.1", raw, HostCriteria(HostRule.DOCUMENTED))
    message = answer_views.answer([documented], CONTEXT)
    assert shown(message)[:5] == snapshot(
        [
            "🔴 RISKY · 30 of 70 engines",
            "192[.]0[.]2[.]1  ▰▰▱▱▱",
            "Owner: Example AG | Flagged there: 1 URL, 1 file | Country: DE | Last detected: 1 Nov 2026 (2 of 70)",
            "worst of 2 related files and URLs: a URL on it (28 Jan 2019), threshold 25 · worst of the last 30 days: 2 engines · checked 22 Nov 2026 03:00 UTC",
            "Warning: malicious, threshold met.",
        ]
    )


UNSURE = [
    ("scan-hash", SHA, {"response_code": 0, "resource": SHA, "verbose_msg": "x"}, "⚪ UNKNOWN"),
    ("scan-hash", SHA, file_report(positives=0, total=0) | {"scans": {}}, "⚪ UNKNOWN"),
    ("scan-ip", "192.0.2.1", {"response_code": 0, "verbose_msg": "Missing IP address"}, "⚪ UNKNOWN"),
    ("scan-ip", "192.0.2.1", ip_report(), "⚪ UNKNOWN"),
    ("scan-ip", "2001:db8::1", {"response_code": -1, "verbose_msg": "Invalid IP address"}, "⛔ NOT CHECKED"),
    ("scan-ip", "10.0.0.1", None, "⛔ NOT CHECKED"),
    ("scan-ip", "192.0.2.1", None, "⛔ NOT CHECKED"),
    ("scan-hash", SHA, {"response_code": -2, "resource": SHA, "scan_id": SHA}, "⏳ PENDING"),
]


@pytest.mark.parametrize(("action", "value", "raw", "first"), UNSURE)
def test_not_knowing_never_looks_like_clean(action, value, raw, first):
    """Unknown, unscanned, pending and unchecked each say so first; no green, "clean" only in "does not mean it is clean"."""
    message = answer_views.answer([finding(action, value, raw)], CONTEXT)
    assert message.text.startswith(first)
    assert "🟢" not in message.text + json.dumps(message.blocks, ensure_ascii=False)
    assert not re.search(r"(?<!does not mean it is )clean", message.text)


def test_clean_says_that_no_engine_flags_it():
    """Never "safe"."""
    message = answer_views.answer(
        [finding("scan-hash", SHA, file_report(0) | {"scans": {"A": {"detected": False}}})], CONTEXT
    )
    assert message.text.startswith("🟢 CLEAN ")
    assert "none of 70 engines flags it" in message.text
    assert "safe" not in message.text


def labels(message):
    return [
        label(element)
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
        if element["type"] == "button"
    ]


def test_an_unknown_url_can_be_submitted_by_someone_who_was_told_who_sees_it():
    """The button asks first; with `allow` it does not ask, with `deny` it is not there."""
    unknown = finding(
        "scan-url", "http://evil.example/a", {"response_code": 0, "resource": "http://evil.example/a"}
    )
    asks = answer_views.answer([unknown], CONTEXT)
    assert labels(asks) == ["JSON", "VirusTotal", "Share", "Submit for scanning"]
    assert "the URL's owner can see it" in json.dumps(asks.blocks)
    allowed = answer_views.answer([unknown], AnswerContext(NOW, case="case-id", submit=SubmitPolicy.ALLOW))
    assert "Submit for scanning" in labels(allowed)
    assert "can see it" not in json.dumps(allowed.blocks)
    assert "Submit for scanning" not in labels(
        answer_views.answer([unknown], AnswerContext(NOW, case="case-id", submit=SubmitPolicy.DENY))
    )


@pytest.mark.parametrize("private", [False, True])
def test_a_file_that_no_engine_has_looked_at_yet_can_be_sent_there(private):
    """VirusTotal has it, so it is not asked about: it may be uploaded anyway, or rescanned with a private key."""
    file = Lookup.of_file("/srv/a", BY_KEY["scan-file"], 3).hashed(SHA, 9)
    unseen = after_report(file, file_report(0, 0, scans={}), NOW, may_rescan=private).finding(NOW)
    assert unseen.state is State.UNKNOWN
    message = answer_views.answer([unseen], AnswerContext(NOW, case="case-id", private_key=private))
    menu = next(line for line in shown(message) if line.startswith("[JSON]"))
    assert ("Upload anyway" in menu, "Rescan" in menu) == (True, private)
    nowhere = after_report(file, {"response_code": 0}, NOW, may_rescan=private).done(None).finding(NOW)
    assert "Upload anyway" not in str(
        answer_views.answer([nowhere], AnswerContext(NOW, case="case-id")).blocks
    )


def test_nothing_to_click_that_does_nothing():
    """No JSON without a reply, no link to VirusTotal for an internal address, no buttons while waiting."""
    internal = finding("scan-ip", "10.0.0.1")
    assert labels(answer_views.answer([internal], CONTEXT)) == ["Share"]
    assert labels(answer_views.answer([internal], AnswerContext(NOW, case="case-id", final=False))) == []


def many(count):
    """Findings of every state, with the longest values that people post."""
    url = "http://evil.example/" + "a/" * 600
    risky = finding("scan-hash", SHA, file_report())
    clean = finding(
        "scan-url",
        url,
        {
            "response_code": 1,
            "scans": {"A": {"detected": False}},
            "positives": 0,
            "total": 70,
            "scan_date": "2026-11-20 10:00:00",
        },
    )
    unknown = finding("scan-ip", "192.0.2.1", {"response_code": 0, "verbose_msg": "Missing IP address"})
    waiting = finding(
        "scan-ip", "192.0.2.1", error={"code": "quota-spent", "data": {"retry_at": "2026-11-22T03:00:38Z"}}
    )
    return ([clean, unknown, waiting, risky] * count)[:count]


MOST_ROWS = 99
"""Of the table, without its head."""
ROWS = {2: 2, 60: 46, 100: 76, 140: 106}
"""By findings: every fourth one is the same file, which is one row."""


@pytest.mark.parametrize("count", [2, 60, 100, 140])
def test_sixty_indicators_fit_into_one_message(count):
    """Worst first, one row each, counts by state, up to 99 rows and the rest in the CSV, within every limit."""
    message = answer_views.answer(many(count), CONTEXT)
    assert message_faults(message) == []
    first = json.dumps(message.blocks[0], ensure_ascii=False)
    assert all(state.value in first for state in {found.state for found in many(count)})
    table = message.blocks[1]
    rows = ["".join(lines_of(row[0])) for row in table["rows"][1:]]
    assert len(rows) == min(MOST_ROWS, ROWS[count])
    order = [list(State).index(state) for row in rows for state in State if row.endswith(f" {state}")]
    assert len(order) == len(rows)
    assert order == sorted(order)
    left = ROWS[count] - len(rows)
    assert any("press CSV to see" in line for line in shown(message)) is bool(left)
    assert "CSV" in labels(message)


@pytest.mark.parametrize(
    ("action", "value", "seen"),
    [
        ("scan-url", f"http://bank.example.{'x' * 50}.{'y' * 50}.evil.com/a", "[.]evil[.]com…"),
        ("scan-url", f"http://evil.com/{'login/' * 40}", "hxxp://evil[.]com/login/"),
        ("domain-report", f"{'x' * 60}.{'y' * 60}.evil.com", "[.]evil[.]com"),
        ("domain-report", f"someone@{'x' * 60}.{'y' * 60}.evil.com", "[.]evil[.]com"),
    ],
)
def test_however_long_the_owners_domain_is_seen(action, value, seen):
    """Of a host that is too long its end is shown: its beginning can be that of any bank."""
    subject = shown(answer_views.answer([finding(action, value)], CONTEXT))[1]
    assert seen in subject
    assert len(subject) <= layout.SUBJECT_CHARACTERS


def test_the_end_of_a_long_path_is_seen():
    """It names the file."""
    long = Lookup.of_file(f"/srv/{'samples/' * 30}invoice.pdf.exe", BY_KEY["scan-file"], 3).hashed(SHA, 9)
    assert shown(answer_views.answer([long.finding(NOW)], CONTEXT))[1].endswith("/invoice.pdf.exe")


def test_the_hashes_of_one_file_are_one_row():
    """MD5, SHA-1 and SHA-256 of it: counted once, with the other hashes beside it. Asked for alone it is one card."""
    md5, sha1 = "5" * 32, "1" * 40
    same = [finding("scan-hash", value, file_report()) for value in (md5, SHA, sha1)]
    other = finding("scan-hash", "7" * 64, file_report(0, sha256="7" * 64, scans={"A": {"detected": False}}))
    message = answer_views.answer([*same, other], CONTEXT)
    lines = shown(message)
    assert lines[0] == "🔴 1 RISKY · 🟢 1 CLEAN"
    assert len(message.blocks[1]["rows"]) == 1 + 2
    others = f"Same file: {SHA[:17]}…, {sha1[:17]}…"
    assert lines[2].startswith(f"🔴 RISKY | {md5} | 4 of 70 | Trojan:Win32/Emotet!ml · {others} | ")
    assert f"Same file: {SHA}, {sha1}" in message.text
    alone = answer_views.answer(same, CONTEXT)
    assert shown(alone)[:3] == ["🔴 RISKY · 4 of 70 engines", f"{md5}  ▰▱▱▱▱", others]
    assert f"Same file: {SHA}, {sha1}" in alone.text
    assert message_faults(message) == message_faults(alone) == []


def test_a_row_shows_what_makes_a_host_suspicious():
    """Where only files that contact it are flagged: not "0", beside which SUSPICIOUS would look like a mistake."""
    raw = ip_report(
        detected_communicating_samples=[
            {"sha256": SHA, "positives": 60, "total": 71, "date": "2026-11-01 00:00:00"}
        ]
    )
    row = shown(
        answer_views.answer([finding("scan-ip", "192.0.2.1", raw), finding("scan-ip", "10.0.0.1")], CONTEXT)
    )[2]
    assert row.startswith("🟠 SUSPICIOUS | 192[.]0[.]2[.]1 | context: 60 of 71 | ")


def test_the_verdict_on_an_email_address_is_its_domains():
    """The card and the list say so."""
    raw = ip_report(detected_urls=[{"url": "http://evil.example/x", "positives": 3, "total": 70}])
    found = finding("domain-report", "someone@evil.example", raw)
    assert any(
        "the domain of the email address, not on the mailbox" in line for line in shown(card_of(found))
    )
    row = shown(answer_views.answer([found, finding("scan-ip", "10.0.0.1")], CONTEXT))[2]
    assert "domain of the email address" in row


def card_of(one):
    return answer_views.answer([one], CONTEXT)


def test_what_is_beside_a_list_is_not_in_it():
    """The three worst in short form: other names and the record, nothing that their rows say but the indicator."""
    risky = [
        finding("scan-hash", f"{n}" * 64, file_report(60 - n, 70, sha256=f"{n}" * 64)) for n in range(1, 6)
    ]
    message = answer_views.answer(risky, CONTEXT)
    shorts = [lines_of(block) for block in message.blocks[2:-2]]
    assert [lines[0] for lines in shorts] == [f"{n}" * 64 for n in range(1, 4)]
    assert all("Kaspersky: " in lines[1] and "Microsoft" not in lines[1] for lines in shorts)
    assert not any("RISKY" in line or "of 70" in line for lines in shorts for line in lines)
    assert [block["type"] for block in message.blocks[-2:]] == ["actions", "context"]


def test_every_answer_says_when_virustotal_was_asked():
    """One finding, several that were asked at once, and some whose replies were cached; also as plain text."""

    def checked(*ages):
        hashes = [f"{number}" * 64 for number, _ in enumerate(ages)]
        found = [
            finding(
                "scan-hash", one, file_report(60, 70, sha256=one), checked_at=NOW - timedelta(minutes=age)
            )
            for one, age in zip(hashes, ages, strict=True)
        ]
        message = answer_views.answer(found, CONTEXT)
        [said] = {line.partition("checked ")[2] for line in shown(message) if "checked " in line}
        assert f"checked {said}" in message.text
        return said

    assert checked(59) == "22 Nov 2026 02:01 UTC"
    assert checked(0, 0) == "22 Nov 2026 03:00 UTC"
    assert checked(0, 59, 3) == "between 22 Nov 2026 02:01 UTC and 22 Nov 2026 03:00 UTC"


def test_several_say_why_for_those_that_are_no_verdict():
    """A line that is not checked says when it will be."""
    assert any(
        "out of quota; next call in 38 s" in line for line in shown(answer_views.answer(many(4), CONTEXT))
    )


REPORTS = [path for path in sorted(RECORDED.glob("*report__200*.json")) if ".meta." not in path.name]
SUBJECTS = {
    "domain": ("domain-report", "evil.example"),
    "file": ("scan-hash", SHA),
    "ip-address": ("scan-ip", "192.0.2.1"),
    "url": ("scan-url", "http://evil.example/"),
}


@recorded
@pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
@pytest.mark.slow
def test_every_recorded_report_fits_slack(path):
    """Alone and sixty times at once, the 159 KB recording included."""
    raw = recording(path.stem)
    found = finding(*SUBJECTS[path.name.partition("_")[0]], raw[0] if isinstance(raw, list) else raw)
    for message in (answer_views.answer([found], CONTEXT), answer_views.answer([found] * 60, CONTEXT)):
        assert message_faults(message) == []


HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        "<!channel>",
        "<@U123>",
        "<http://evil.example|click>",
        "http://evil.example/",
        "*bold* _it_ `x`",
        "&lt;!here&gt;",
        "\u202eexe.fdp",
        "a\x00b\x07",
        "javascript:alert(1)",
        "hxxp://ok",
        "evil.example",
        "```\ncode```",
        ":skull:",
    ]
)


KINDS = {"header", "rich_text", "section", "context", "actions", "table", "container"}
LABEL = re.compile(r"^\*[^*]+:\*|<!date\^[^>]*>")
FORMATTED = re.compile(r"[*_~`<>]|:\w+:")


def mrkdwn_texts(block):
    """The texts of a block in which Slack formats; the buttons' are ours."""
    elements = [*block.get("fields", ()), *(block["elements"] if block["type"] == "context" else ())]
    return [one["text"] for one in elements if one["type"] == "mrkdwn"]


@example(
    result="", engine="", message="", owner="", name="\U00018cd6"
)  # a country that cleaning leaves empty
@given(result=HOSTILE, engine=HOSTILE, message=HOSTILE, owner=HOSTILE, name=HOSTILE)
@pytest.mark.slow
def test_nothing_from_outside_is_alive(result, engine, message, owner, name):
    """Engine names, results, owners and messages cannot mention, link, format or turn a line round."""
    scans = {engine or "x": {"detected": True, "result": result}}
    found = [
        finding("scan-hash", SHA, file_report(verbose_msg=message, scans=scans)),
        finding(
            "scan-ip",
            "192.0.2.1",
            ip_report(
                as_owner=owner, country=name, detected_urls=[{"url": result, "positives": 3, "total": 70}]
            ),
        ),
    ]
    for one in ([found[0]], [found[1]], found):
        answer = answer_views.answer(one, CONTEXT)
        assert message_faults(answer) == []
        assert not re.search(r"<[@!#h]", answer.text)
        assert not re.search(r"https?://(?!www\.virustotal\.com/)", answer.text)
        assert not re.search(
            "[\u202a-\u202e\u2066-\u2069\x00-\x09\x0b-\x1f]",
            answer.text + json.dumps(answer.blocks, ensure_ascii=False),
        )
        assert {block["type"] for block in answer.blocks} <= KINDS
        for block in answer.blocks:
            formatted = [text for text in mrkdwn_texts(block) if FORMATTED.search(LABEL.sub("", text))]
            assert formatted == []
