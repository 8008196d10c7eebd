"""One value: read as it was typed, shown so that nobody can click on it, and never sent when it is internal."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import VALUES
from vt.indicators import Indicator, Kind, defang, defang_path, is_internal, read, refang, split_values

MD5 = "44d88612fea8a8f36de82e1278abb02f"
SHA256 = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f"


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        (MD5.upper(), Kind.MD5, MD5),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", Kind.SHA1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        (f" `{SHA256}` ", Kind.SHA256, SHA256),
        ("192[.]0[.]2[.]1", Kind.IPV4, "192.0.2.1"),
        ("192.0.2.1:8443", Kind.IPV4, "192.0.2.1"),
        ("192.0.2.1/32", Kind.IPV4, "192.0.2.1"),
        ("2001:db8::1/128", Kind.IPV6, "2001:db8::1"),
        ("192.0.2.1/gate.php", Kind.URL, "http://192.0.2.1/gate.php"),
        ("[2001:db8::1]:80/gate.php", Kind.URL, "http://[2001:db8::1]:80/gate.php"),
        ("2001[:]db8[:][:]1", Kind.IPV6, "2001:db8::1"),
        ("[2001:DB8:0:0:0:0:0:1]:443", Kind.IPV6, "2001:db8::1"),
        ("Example.CO.in.", Kind.DOMAIN, "example.co.in"),
        ("evil[.]example:8080", Kind.DOMAIN, "evil.example"),
        ("bücher.example", Kind.DOMAIN, "xn--bcher-kva.example"),
        ("db01.prod.internal", Kind.DOMAIN, "db01.prod.internal"),
        ("localhost", Kind.DOMAIN, "localhost"),
        ("hxxp://example[.]php", Kind.URL, "http://example.php/"),
        ("example.com/Path?Q=1", Kind.URL, "http://example.com/Path?Q=1"),
        ("HTTPS://Example.COM:8443", Kind.URL, "https://example.com:8443/"),
        ("http://[2001:DB8::0:1]/x", Kind.URL, "http://[2001:db8::1]/x"),
        ("http://intranet/wiki", Kind.URL, "http://intranet/wiki"),
        ("Bob[@]Evil[.]example", Kind.EMAIL, "bob@evil.example"),
        ("mailto:bob@evil.example", Kind.EMAIL, "bob@evil.example"),
        ("ldap://evil.example:1389/a", Kind.DOMAIN, "evil.example"),
    ],
)
def test_one_argument_is_read_as_what_it_is(typed, kind, value):
    """Each of the eight kinds is recognised, defanged or not, and normalised."""
    assert read(typed) == Indicator(kind, value)


@pytest.mark.parametrize(
    "url",
    [
        "http://www.spiegel.de/politik/deutschland/0,1518,558786,00.html",
        "http://www.dw.de/dw/article/0,,15563342,00.html",
        "https://www.google.com/maps/@52.5200,13.4050,15z",
        "http://www.lemonde.fr/web/article/0,1-0@2-3214,36-1010101,0.html",
        "https://fonts.googleapis.com/css?family=Open+Sans:300,400,700",
        "https://cdn.jsdelivr.net/combine/npm/jquery@3.6.0,npm/bootstrap@5.1.3/dist/js/bootstrap.min.js",
        "http://www.faz.net/s/Rub,Doc~E1,ATpl~Ecommon~Scontent.html",
        "https://api.weather.gov/points/39.7456,-97.0892",
        "http://cgi.ebay.de/ws/a,b;c,d.php?x=y,z",
        "https://res.cloudinary.com/demo/image/upload/w_400,h_400,c_crop/w_200/lady.jpg",
        "hxxp://evil-cdn[.]com/a,b,c[.]php",
        "https://pl.wikipedia.org/wiki/Rzeszów,_Polska",
    ],
)
def test_commas_inside_a_url_are_its_own(url):
    """URLs of news sites, maps and image services have commas, also two in a row."""
    assert split_values(f"{url}, 192.0.2.1,{url}") == [url, "192.0.2.1", url]


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("http://a.com/x,hxxp://b[.]com/y", ["http://a.com/x", "hxxp://b[.]com/y"]),
        ("http://a.com/x,www.b.com/y,c[.]com", ["http://a.com/x", "www.b.com/y", "c[.]com"]),
        ("http://a.com/x，http://b.com/y、a.com", ["http://a.com/x", "http://b.com/y", "a.com"]),
        ("http://a.com/x,\nhttp://b.com/y,", ["http://a.com/x", "http://b.com/y"]),
        ("5.6.7.8,,9.9.9.9", ["5.6.7.8", "9.9.9.9"]),
    ],
)
def test_a_comma_before_another_value_divides(line, values):
    """A URL, an address or a name under a known suffix after a comma is a value of its own."""
    assert split_values(line) == values


@pytest.mark.parametrize(
    ("typed", "kind", "value"),
    [
        ("<http://evil.example|evil.example>", Kind.DOMAIN, "evil.example"),
        ("<http://evil.example/a?x=1&amp;y=2>", Kind.URL, "http://evil.example/a?x=1&y=2"),
        ("<https://evil.example/a|the report>", Kind.URL, "https://evil.example/a"),
        ("<mailto:bob@evil.example|bob@evil.example>", Kind.EMAIL, "bob@evil.example"),
        ("<mailto:bob@evil.example>", Kind.EMAIL, "bob@evil.example"),
    ],
)
def test_what_the_client_made_of_it_is_undone(typed, kind, value):
    """A link that the chat client made is read as what was typed."""
    assert read(typed) == Indicator(kind, value)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "hello",
        MD5[:-1],
        SHA256 + "0",
        "1.2.3",
        "1.2.3.4.5",
        "999.1.1.1",
        "192.0.2.0/24",
        "2001:db8::/32",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "10.1/2",
        "http://",
        "http://evil.example:99999/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "evil.example and more",
        "/etc/passwd",
        "<@U012AB3CD>",
        "a" * 64 + ".example",
        "evil..example",
        "fe80::1%eth0",
        "x" * 100_000,
    ],
)
def test_what_is_not_exactly_one_indicator_is_none(typed):
    """Anything else is refused, and nothing is guessed: no hash of a wrong length, no odd address, no network."""
    assert read(typed) is None


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7F.0.0.1", "１２７.0.0.1"]
)
def test_odd_spellings_of_an_address_are_seen_through(host):
    """However a URL spells 127.0.0.1, it is that address, and internal."""
    found = read(f"http://{host}/admin")
    assert found == Indicator(Kind.URL, "http://127.0.0.1/admin")
    assert is_internal(found)


def test_what_was_written_stays_with_the_value_and_does_not_count():
    """`asked` is the refanged writing; equal values are equal however they were written."""
    loud, plain = read("Evil[.]EXAMPLE"), read("evil.example")
    assert (loud.written, plain.written) == ("Evil.EXAMPLE", "evil.example")
    assert loud == plain


@pytest.mark.parametrize(
    "value",
    [
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "127.0.0.53",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.251",
        "255.255.255.255",
        "240.0.0.1",
        "0.0.0.0",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::10.0.0.1",
        "2002:0a00:0001::1",
        "db01.internal",
        "printer.local",
        "nas.lan",
        "router.home.arpa",
        "wiki.corp",
        "wiki.intranet",
        "app.localhost",
        "localhost",
        "http://10.0.0.1/",
        "http://[::1]:8080/x",
        "http://[::ffff:192.168.0.1]/",
        "http://intranet/wiki",
        "http://user:secret@wiki.corp:8080/x",
        "bob@mail.internal",
    ],
)
def test_internal_values_are_recognised(value):
    """Private, reserved and special addresses and internal names are internal, as hosts of URLs and mail too."""
    assert is_internal(read(value))


@pytest.mark.parametrize(
    "value",
    [
        "8.8.8.8",
        "192.0.2.1",
        "198.51.100.7",
        "203.0.113.9",
        "2001:db8::1",
        "::ffff:192.0.2.1",
        "2606:4700::1111",
        "64:ff9b::8.8.8.8",
        "local.example.com",
        "internal.example.org",
        "corp.com",
        "http://192.0.2.1/",
        "http://localhost.example.com/",
        "bob@example.com",
        MD5,
    ],
)
def test_public_values_are_not_internal(value):
    """Public values and the documentation ranges may be sent."""
    assert not is_internal(read(value))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("192.0.2.1", "192[.]0[.]2[.]1"),
        ("2001:db8::1", "2001[:]db8[:][:]1"),
        ("evil.example", "evil[.]example"),
        ("user@evil.example", "user[@]evil[.]example"),
        ("http://evil.example/path", "hxxp://evil[.]example/path"),
        ("https://evil.example/a.php?u=x@y.example", "hxxps://evil[.]example/a[.]php?u=x[@]y[.]example"),
        ("ftp://evil.example/x", "fxp://evil[.]example/x"),
        ("ssh://evil.example", "ssh[:]//evil[.]example"),
        ("mailto:bob@evil.example", "mailto[:]bob[@]evil[.]example"),
        (MD5, MD5),
        ("Two: http://a.example and b.example.", "Two: hxxp://a[.]example and b[.]example."),
    ],
)
def test_values_are_shown_harmless(value, shown):
    """What is shown has the customary form, and nothing that a client could make a link of."""
    assert defang(value) == shown


@pytest.mark.parametrize(
    "written",
    [
        "hxxps://www[.]evil[.]example/a",
        "hXXps[://]www[.]evil[.]example/a",
        "https[:]//www(.)evil(.)example[/]a",
        "hxxps:\\\\www{.}evil{dot}example/a",
        "h**ps://www[dot]evil[DOT]example/a",
        "hxxps://www[.evil.]example/a",
        "hxxps://www\\.evil\\.example/a",
        "https:\\/\\/www.evil.example\\/a",
        "https__www.evil.example/a",
        "hxtps://www].]evil[.[example/a",
        "h[tt]ps://[www].evil.example/a",
        "hxxps:// www .evil .example /a",
        "https://www․evil。example/a",
        "https://www&#46;evil&#x2e;example/a",
        "https://www.ev\u200bil.exam\u00adple/a",
    ],
)
def test_every_way_of_defanging_is_undone(written):
    """However people and tools defang a URL, refanging it gives the same URL."""
    assert refang(written) == "https://www.evil.example/a"


@pytest.mark.parametrize(
    "text",
    ["Connect the dots at noon", "items[0].name and foo(bar).baz", "we are AT lunch", "see (above).Then go"],
)
def test_ordinary_text_is_left_alone(text):
    """What only resembles defanging stays as it was written."""
    assert refang(text) == text


@given(st.text(max_size=300))
def test_any_text_can_be_read_and_shown(text):
    """No text makes reading, refanging or defanging fail, and nothing shown could become a link."""
    found = read(text)
    assert found is None or isinstance(is_internal(found), bool)
    assert not re.search(r"\w[.@]\w|(?i:https?|ftp)://", defang(text))


@given(VALUES)
def test_what_is_shown_can_be_typed_back(value):
    """A defanged value is read as the very same indicator."""
    assert read(defang(value)) == read(value) is not None


@pytest.mark.parametrize(
    "hidden", ["\u200b", "\u202e", "\u2060", "\ufeff", "\xad", "\t", "\x1b", "\ue000", "\ud800"]
)
@pytest.mark.parametrize(
    "link", ["http://evil.test/a", "www.evil.test", "ana@evil.test", "192.0.2.1", "2001:db8::1"]
)
def test_nothing_invisible_hides_a_link_from_being_defanged(link, hidden):
    """Wherever it stands: views leave such characters out, and the link would be one again."""
    for place in range(len(link) + 1):
        shown = defang(f"{link[:place]}{hidden}{link[place:]}")
        assert shown == defang(link)
        assert "://" not in defang_path(f"{link[:place]}{hidden}{link[place:]}").replace("hxxp://", "")
