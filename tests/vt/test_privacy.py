"""URLs that carry a password or a token: found, shown without it, and not sent before somebody agrees."""

import itertools

import pytest

from vt.actions import fitting
from vt.indicators import read
from vt.lookup import Lookup
from vt.privacy import has_secret, masked

NAMES = (
    *(
        "token",
        "access_token",
        "id_token",
        "refresh_token",
        "auth",
        "key",
        "api_key",
        "apikey",
        "api-key",
        "ApiKey",
    ),
    *(
        "sig",
        "signature",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
        "X-Goog-Signature",
        "password",
        "passwd",
        "pwd",
    ),
    *(
        "pass",
        "secret",
        "client_secret",
        "session",
        "sessionid",
        "PHPSESSID",
        "sid",
        "jwt",
        "code",
        "otp",
        "ticket",
    ),
    *("user[password]", "resetToken", "private_token", "SAMLResponse", "credential", "%74oken"),
)
PATHS = (
    "/reset/0a1b2c3d4e5f6a7b8c9d",
    "/password-reset/AbCdEfGhIjKlMnOpQrSt",
    "/users/invite/0a1b2c3d-4e5f-6a7b-8c9d-0e1f2a3b4c5d",
    "/verify-email/0a1b2c3d4e5f6a7b8c9d/confirm",
    "/magic/0a1b2c3d4e5f6a7b8c9d",
    "/#/reset/0a1b2c3d4e5f6a7b8c9d",
    "/app;jsessionid=0A1B2C",
    "/x/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abc",
    "/login?next=https%3A%2F%2Fana%3Apw%40other.example%2F",
    "/to/https://ana:pw@other.example/",
)
PLACES = (
    "https://hooks.slack.com/services/T000/B000/XXXX",
    "https://discord.com/api/webhooks/1234567890/abcdefghijklmnopqrstuvwxyz0123456789",
    "https://api.telegram.org/bot123456789:AAabcdefghijklmnopqrstuvwxyz0123456/getMe",
    "https://docs.google.com/document/d/1aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789/edit",
    "https://ana:hunter2@host.example/x",
    "https://ghp_abcdefghijklmnopqrst1234@github.com/acme/repo",
)
HOSTS = ("https://files.example", "http://10-0-0-7.nip.example:8443", "https://xn--bcher-kva.example")
SENSITIVE = [
    *PLACES,
    *(host + path for host, path in itertools.product(HOSTS, PATHS)),
    *(f"{host}/a?x=1&{name}=s3cr3t" for host, name in itertools.product(HOSTS, NAMES)),
    *(f"{host}/#{name}=s3cr3t" for host, name in itertools.product(HOSTS, NAMES)),
]
PLAIN = (
    "https://files.example/",
    "https://files.example/index.html?id=5&page=2&keyword=shoes",
    "http://files.example/download/invoice-2024.zip",
    "https://github.com/acme/repo/commit/0123456789abcdef0123456789abcdef01234567",
    "https://files.example/share/how-to-fix-windows-10-update",
    "https://files.example/login/index.php",
    "http://paypal.com@files.example/",
    "http://185.220.101.45:8080/stage2.bin",
)


def test_two_hundred_urls_with_secrets():
    """Each is held back, and shown without its secret."""
    assert len(SENSITIVE) >= 200
    for url in SENSITIVE:
        indicator = read(url)
        assert Lookup.of(indicator, fitting(indicator.kind), 3).is_sensitive, url
        shown = masked(f"see {url} now")
        assert "***" in shown, url
        assert "s3cr3t" not in shown
        assert "hunter2" not in shown


REPORTED = (
    "https://a.example/cb#/callback?access_token=s3cr3t&state=ok",  # promptfoo 9425
    "https://b.s3.amazonaws.com/r?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F2026&X-Amz-Signature=s3cr3t",  # reticle 72
    "https://x.blob.core.windows.net/c/f?sv=2020-08-04&sp=r&sig=s3cr3t%3D",
    "https://a.example/webhooks?hub.verify_token=s3cr3t&hub.challenge=5",  # langx 1447
    "https://a.example/api/auth/reset/0s3cr3t9c8d7e6f5a4b",  # Node 3951
    "https://a.example/?glt_x=1&login_token=s3cr3t",  # pySmartHashtag 197
    "https://a.example/?tokens[0]=s3cr3t",
    "https://a.example/?id_token_hint=s3cr3t",
    "https://a.example/?code_verifier=s3cr3t",
    "https://a.example/?oauth_verifier=s3cr3t",
    "https://a.example/?sessid=s3cr3t",
    "https://a.example/?_wpnonce=s3cr3t",
    "https://a.example/?SAMLart=s3cr3t",
    "https://a.example/?connection_string=Server%3Dx%3BPassword%3Ds3cr3t",  # pentect 1400
    "https://a.example/?config=%7B%22api_key%22%3A%20%22s3cr3t%22%7D",
    "https://a.example/?contrase%C3%B1a=s3cr3t",
    "https://a.example/?passwort=s3cr3t",
    "https://a.example/?mot_de_passe=s3cr3t",
    "https://a.example/?%E3%83%91%E3%82%B9%E3%83%AF%E3%83%BC%E3%83%89=s3cr3t",
    "https://hooks.slack.com/workflows/T000/A000/1/s3cr3t",
    "https://hooks.slack.com/triggers/T000/1/s3cr3t",
    "https://outlook.office.com/webhook/1@2/IncomingWebhook/s3cr3t",
    "https://acme.sharepoint.com/:w:/s/x/Es3cr3t?e=a",
    "https://a.example/oauth/0s3cr3t9c8d7e6f5a4b",
)
"""As public bug reports of other programs tell of them, with the repository and number of the report, and others of the kind."""


@pytest.mark.parametrize("url", REPORTED)
def test_secrets_that_other_programs_showed(url):
    """In fragments used like paths, signed links, settings in a parameter, other languages, links that need no login."""
    assert Lookup.of(read(url), fitting(read(url).kind), 3).is_sensitive
    assert "s3cr3t" not in masked(f"see {url} now")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgres://bob:p/s3cr3t@db/x", "postgres://***@db/x"),
        ("postgresql://u:p@s3#w?cr3t@db:5432/x", "postgresql://***@db:5432/x"),
        ("redis://:p@s3#cr3t@h:6379/0", "redis://***@h:6379/0"),
        ("mongodb+srv://a:b:s3cr3t@h/", "mongodb+srv://***@h/"),
        ("amqp://u:s3?cr3t@h/v", "amqp://***@h/v"),
        ("https://bob:s3/cr3t@a.example/", "https://***@a.example/"),
        (
            "https://paypal.com:s3cr3t@evil.example/login?e=me@y.example",
            "https://***@evil.example/login?e=me@y.example",
        ),
    ],
)
def test_a_password_with_unescaped_characters_is_left_out_whole(text, shown):
    """Also where they end the host by the rules of URLs: grafana 85840, charlescd 1492. The host of a web page stays."""
    assert masked(f"cannot reach {text}") == f"cannot reach {shown}"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example/@user/path",
        "https://a.example:8080/@user",
        "http://[2001:db8::1]/@x",
        "http://[2001:db8::1]:80/a@b",
        "https://a.example/?time=12%3A30&city=a%20b",
        "https://a.example/?q=key%20lime%20pie",
        "https://a.example/?filter=a%3D1%3Bb%3D2",
        "https://a.example/author/oauth-explained-for-beginners",
        "ftp://a.example:21/a@b",
        "postgres://h:5432/db@x",
    ],
)
def test_an_at_sign_or_a_colon_is_not_yet_a_secret(url):
    """In a path after a port, an address in brackets, a time, or a list without secrets."""
    assert masked(url) == url


@pytest.mark.parametrize("url", PLAIN)
def test_urls_without_secrets(url):
    """Nobody is asked about these; a name in front of the host is no password but a disguise."""
    assert not has_secret(url)
    assert masked(url) == url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/?x=1&token=abc&y=2", "https://a.example/?x=1&token=***&y=2"),
        ("https://ana:pw@a.example/x", "https://***@a.example/x"),
        ("https://a.example/" + "long/" * 1_000, "https://a.example/" + ("long/" * 1_000)[:4_078] + "***"),
        ("https://a.example/reset/0a1b2c3d4e5f6a7b8c9d/go", "https://a.example/reset/***/go"),
    ],
)
def test_only_the_secret_is_left_out(url, shown):
    """What is around it stays, so that people know what is meant."""
    assert masked(url) == shown


@pytest.mark.parametrize(
    "unit",
    [
        "eyJ",
        "a://",
        "a=b&",
        "%25",
        "eyJ-",
        "reset/",
        "?token=",
        "/s/",
        "token%3D",
        "a:",
        "a@",
        "%3Ba%3D",
        "a%20",
    ],
)
def test_hostile_urls(unit):
    """Nothing in it backtracks: 40,000 characters are done while this is read, and most are not shown."""
    url = ("http://a.example/" + unit * 40_000)[:40_000]
    assert len(masked(url)) < 5_000
