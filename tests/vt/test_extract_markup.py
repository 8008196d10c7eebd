"""What people paste into a message: chat and forum markup, the source of a mail, and characters of other scripts."""

import pytest

from tests.support.values import found

MD5 = "44d88612fea8a8f36de82e1278abb02f"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "_<https://evil-cdn.com/a_b|link>_ and _bob@evil-cdn.com_",
            ["url https://evil-cdn.com/a_b", "email bob@evil-cdn.com"],
        ),
        ("*_evil-cdn.com_* and ~_bad-cdn.net_~", ["domain evil-cdn.com", "domain bad-cdn.net"]),
        ("_*evil-cdn.com*_", ["domain evil-cdn.com"]),
        ("_seen at http://evil-cdn.com/x_", ["url http://evil-cdn.com/x"]),
        ("__evil-cdn.com__", ["domain evil-cdn.com"]),
        (
            "_sip._tcp.evil-cdn.com and _acme-challenge.evil-cdn.com_",
            ["domain _sip._tcp.evil-cdn.com", "domain _acme-challenge.evil-cdn.com"],
        ),
        (
            "selector1._domainkey.evil-cdn.com, _spf.bad-cdn.net _dmarc.bad-cdn.net",
            [
                "domain selector1._domainkey.evil-cdn.com",
                "domain _spf.bad-cdn.net",
                "domain _dmarc.bad-cdn.net",
            ],
        ),
        ("_dmarc.evil-cdn.com points to _bad-cdn.net_", ["domain _dmarc.evil-cdn.com", "domain bad-cdn.net"]),
        (
            "see _evil-cdn.com, bad-cdn.net and 45.83.122.15_.",
            ["domain evil-cdn.com", "domain bad-cdn.net", "ipv4 45.83.122.15"],
        ),
        (
            "_evil-cdn.com_: _45.83.122.15_, (_bad-cdn.net_)",
            ["domain evil-cdn.com", "ipv4 45.83.122.15", "domain bad-cdn.net"],
        ),
        ("http://evil-cdn.com/_a_/b_c?_x=1&y_=2 my_var_", ["url http://evil-cdn.com/_a_/b_c?_x=1&y_=2"]),
        ("__init__.py and _private_ foo_bar.com", []),
        ("_hxxp://evil-cdn[.]com/x_", ["url http://evil-cdn.com/x"]),
        (f"_{MD5}_", [f"md5 {MD5}"]),
        ("> _the C2 was_ evil-cdn.com", ["domain evil-cdn.com"]),
        ("_evil_cdn.evil.com is bad_", ["domain evil_cdn.evil.com"]),
    ],
)
def test_underscores_are_emphasis_or_part_of_a_name(text, expected):
    """Underscores around words are emphasis; those of _dmarc and the like belong to the name."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[url=http://evil-cdn.com/a]click[/url] [img]http://evil-cdn.com/b.png[/img] [email]bob@evil-cdn.com[/email]",
            ["url http://evil-cdn.com/a", "url http://evil-cdn.com/b.png", "email bob@evil-cdn.com"],
        ),
        (
            "[quote=admin][b]evil-cdn.com[/b][/quote] [code]45.83.122.19[/code]",
            ["domain evil-cdn.com", "ipv4 45.83.122.19"],
        ),
        (
            "[URL]http://evil-cdn.com/a[/URL][I]bad-cdn.net[/I]",
            ["url http://evil-cdn.com/a", "domain bad-cdn.net"],
        ),
        (
            "[color=#f00]evil-cdn.com[/color] [size=4]45.83.122.19[/size] [li]bad-cdn.net[/li]",
            ["domain evil-cdn.com", "ipv4 45.83.122.19", "domain bad-cdn.net"],
        ),
        ('[url="http://evil-cdn.com/q"]x[/url]', ["url http://evil-cdn.com/q"]),
        ("[highlight]http://evil-cdn.com/a[/highlight]", ["url http://evil-cdn.com/a"]),
        (
            "hxxp://evil-cdn[.]com[/]a[/]b and evil-cdn[.]com[/gate.php",
            ["url http://evil-cdn.com/a/b", "url http://evil-cdn.com/gate.php"],
        ),
        (
            "{noformat}http://evil-cdn.com/b{noformat} {quote}45.83.122.19{quote}",
            ["url http://evil-cdn.com/b", "ipv4 45.83.122.19"],
        ),
        (
            "{code:java}http://evil-cdn.com/c{code} {color:red}evil-cdn.com{color} {{http://evil-cdn.com/d}}",
            ["url http://evil-cdn.com/c", "domain evil-cdn.com", "url http://evil-cdn.com/d"],
        ),
        (
            "[label|http://evil-cdn.com/e] [http://evil-cdn.com/f] [x|http://evil-cdn.com/g|smart-link]",
            ["url http://evil-cdn.com/e", "url http://evil-cdn.com/f", "url http://evil-cdn.com/g"],
        ),
        (
            "{panel:title=C2}\nhttp://evil-cdn.com/h\n{panel} {*}evil-cdn.com{*}",
            ["url http://evil-cdn.com/h", "domain evil-cdn.com"],
        ),
        (
            "<a href='http://evil-cdn.com/i'>http://evil-cdn.com/i</a><br/>bad-cdn.net</p>",
            ["url http://evil-cdn.com/i", "domain bad-cdn.net"],
        ),
        ("http://evil-cdn.com/x?a[0]=1&b={id} stays", ["url http://evil-cdn.com/x?a[0]=1&b={id}"]),
        ("[spoiler]45.83.122.19:8080/x[/spoiler]", ["url http://45.83.122.19:8080/x"]),
        ("[list][*]evil-cdn.com[*]bad-cdn.net[/list]", ["domain evil-cdn.com", "domain bad-cdn.net"]),
        ("{color:#de350b}http://evil-cdn.com/j{color}", ["url http://evil-cdn.com/j"]),
        (f"[b]{MD5}[/b]", [f"md5 {MD5}"]),
    ],
)
def test_tags_of_forums_and_trackers_end_a_value(text, expected):
    """The tags of BBCode, Jira and HTML are not part of what they surround; a bracketed slash is."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Content-Transfer-Encoding: quoted-printable\r\n\r\nHi,=20\r\nplease go to http://evil-cdn.com/login=\r\n?id=3D42&x=3Dabc=20now",
            ["url http://evil-cdn.com/login?id=42&x=abc"],
        ),
        ("<img src=3D'http://evil-cdn.com/p.gif?u=3D1'>", ["url http://evil-cdn.com/p.gif?u=1"]),
        (
            'href=3D"https://mu0lpx.s3.evil-cdn.com/=\n?t=3DYWJj=3D=3D"',
            ["url https://mu0lpx.s3.evil-cdn.com/?t=YWJj=="],
        ),
        ('<a href=3D"http://evil-cdn=2Ecom/a=3Fb">Best=C3=A4tigen</a>', ["url http://evil-cdn.com/a?b"]),
        ('<a href=3D"mailto:bob@evil-cdn=\n.com">', ["email bob@evil-cdn.com"]),
        ("http://evil-cdn.com/?a=3Dx stays as it is", ["url http://evil-cdn.com/?a=3Dx"]),
        ("http://evil-cdn.com/?id=\nnext line", ["url http://evil-cdn.com/?id="]),
        (
            '&lt;a href=3D"<http://very-long-na=|http://very-long-na=>\n<http://me-evil.com/p|me-evil.com/p>"',
            ["url http://very-long-name-evil.com/p"],
        ),
        (
            "Content-Transfer-Encoding: quoted-printable\n\nfrom 45.83.1=\n22.18 with 44d88612fe=\na8a8f36de82e1278abb02f",
            ["ipv4 45.83.122.18", f"md5 {MD5}"],
        ),
        ("=3Ca href=3D=22http://evil-cdn.com/k=22=3E", ["url http://evil-cdn.com/k"]),
    ],
)
def test_quoted_printable_mail_is_decoded_where_the_text_shows_it(text, expected):
    """Soft line breaks are closed and escapes decoded in the source of a mail, and nowhere else."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http&colon;&sol;&sol;evil-cdn&period;com&sol;a", ["url http://evil-cdn.com/a"]),
        (
            "http://evil-cdn.com/a&#34;&gt; and &lt;http://evil-cdn.com/b&gt;",
            ["url http://evil-cdn.com/a", "url http://evil-cdn.com/b"],
        ),
        (
            "evil-cdn&#46;com bad-cdn&#x2E;net bob&#64;evil-cdn.com",
            ["domain evil-cdn.com", "domain bad-cdn.net", "email bob@evil-cdn.com"],
        ),
        ("http://evil-cdn.com/?a=1&amp;b=2&#38;c=3", ["url http://evil-cdn.com/?a=1&b=2&c=3"]),
        (
            "http://evil-cdn.com/c&apos;) http://evil-cdn.com/d&#39;",
            ["url http://evil-cdn.com/c", "url http://evil-cdn.com/d"],
        ),
        (
            "evil-cdn.com&nbsp;45.83.122.19&emsp;bad-cdn.net&ndash;x",
            ["domain evil-cdn.com", "ipv4 45.83.122.19", "domain bad-cdn.net"],
        ),
        (
            "http://evil-cdn.com/e&rdquo; &ldquo;bad-cdn.net&rdquo;",
            ["url http://evil-cdn.com/e", "domain bad-cdn.net"],
        ),
        ("ev&shy;il-cdn.com b&#8203;ad-cdn.net", ["domain evil-cdn.com", "domain bad-cdn.net"]),
        ("href=&amp;quot;http://evil-cdn.com/f&amp;quot;", ["url http://evil-cdn.com/f"]),
        ("&#104;&#116;&#116;&#112;&#58;&#47;&#47;evil-cdn.com/g", ["url http://evil-cdn.com/g"]),
        ("http://evil-cdn.com/?x=1&copy=2&reg=3&lt=4", ["url http://evil-cdn.com/?x=1&copy=2&reg=3&lt=4"]),
        ("45&#46;83&#46;122&#46;19", ["ipv4 45.83.122.19"]),
        ("http://evil-cdn.com/h&quot;", ["url http://evil-cdn.com/h"]),
        ("&laquo;evil-cdn.com&raquo; evil-cdn.com&hellip;", ["domain evil-cdn.com"]),
    ],
)
def test_html_entities_are_decoded(text, expected):
    """An entity is the character that it stands for, with or without its semicolon where browsers take it so."""
    assert found(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "ｅｖｉｌ－ｃｄｎ．ｃｏｍ と ｈｔｔｐ：／／ｅｖｉｌ－ｃｄｎ．ｃｏｍ／ａ",
            ["domain evil-cdn.com", "url http://evil-cdn.com/a"],
        ),
        (
            "送信元：１９３．２９．１８７．４９、宛先：bad-cdn.net。",
            ["ipv4 193.29.187.49", "domain bad-cdn.net"],
        ),
        ("ｂｏｂ＠ｅｖｉｌ－ｃｄｎ．ｃｏｍ", ["email bob@evil-cdn.com"]),
        ("193．29．187．49から接続", ["ipv4 193.29.187.49"]),
        ("soc﹫evil-cdn.com 1９3.29.187.４9", ["email soc@evil-cdn.com", "ipv4 193.29.187.49"]),
        ("https：//evil-cdn.com/b，然后", ["url https://evil-cdn.com/b"]),
        ("ｈｘｘｐｓ：／／evil-cdn[.]com", ["url https://evil-cdn.com/"]),
        ("evil-cdn.com² ①bad-cdn.net", ["domain evil-cdn.com", "domain bad-cdn.net"]),
        ("𝐞𝐯𝐢𝐥-𝐜𝐝𝐧.𝐜𝐨𝐦", ["domain evil-cdn.com"]),
        ("ＭＤ５：４４ｄ８８６１２ｆｅａ８ａ８ｆ３６ｄｅ８２ｅ１２７８ａｂｂ０２ｆ", [f"md5 {MD5}"]),
        ("１９３。２９。１８７。４９", ["ipv4 193.29.187.49"]),
    ],
)
def test_full_width_characters_are_read_as_ascii(text, expected):
    """Full-width, mathematical and circled letters and digits are read as ASCII; bullets and footnotes are not part of a value."""
    assert found(text) == expected
