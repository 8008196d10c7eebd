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
    "unit", ["eyJ", "a://", "a=b&", "%25", "eyJ-", "reset/", "?token=", "/s/", "token%3D"]
)
def test_hostile_urls(unit):
    """Nothing in it backtracks: 40,000 characters are done while this is read, and most are not shown."""
    url = ("http://a.example/" + unit * 40_000)[:40_000]
    assert len(masked(url)) < 5_000
