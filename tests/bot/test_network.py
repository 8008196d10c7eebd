"""VirusTotal and Slack behind a company's proxy and its certificate authority: a real tinyproxy, and stand-ins by HTTPS."""

import asyncio
import socket
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from aiohttp import connector
from pydantic import SecretStr

from bot.environment import SettingsError
from bot.network import DIRECT, Proxies, Proxy, bypassed, tls
from bot.settings import load
from bot.slack_client import web_client
from bot.transport import VirusTotalTransport, slack_session
from playground.slack.workspace import Workspace
from playground.virustotal import Sandbox
from tests.support.app_fixture import ANA, GENERAL, address, at_work
from tests.support.logs import restored_logging
from tests.support.loopback import encrypted, listening
from tests.support.memory_quota import MemoryQuota
from tests.support.private_ca import PrivateCA
from tests.support.processes import run
from tests.support.tinyproxy import needs_tinyproxy, tinyproxy
from vt.client import Client
from vt.errors import TimedOut, Unreachable
from vt.quota import Limits

USER, PASSWORD = "vt-bot", "Pa55-word-of-the-proxy"
LOGIN = f"BasicAuth {USER} {PASSWORD}"
LOOKUP = "/vt scan-ip 192.0.2.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return PrivateCA(tmp_path_factory.mktemp("authority"))


def with_login(proxy, password=PASSWORD):
    """The proxy's address with a user and a password."""
    return proxy.url.replace("://", f"://{USER}:{password}@")


def port_of(virustotal):
    """The port of a stand-in."""
    return int(virustotal.url.split(":")[2].partition("/")[0])


def unlimited():
    """A quota without limits."""
    return MemoryQuota(Limits(0, 0, 0), lambda: datetime.now(UTC))


def unable(error):
    """What on the way to VirusTotal was at fault, and the proxy's status."""
    assert isinstance(error, Unreachable), error
    return error.why, error.status


# What is set ---------------------------------------------------------------------------------------------


def test_both_cases_and_all_proxy():
    """Lower case counts before upper case, and ALL_PROXY stands in for what is not set."""
    set_ = {"HTTPS_PROXY": "http://one:1", "https_proxy": "http://two:2", "ALL_PROXY": "http://three:3"}
    proxies = load(set_, dotenv=None).proxies
    assert (proxies.https.url, proxies.http.url) == ("http://two:2", "http://three:3")
    assert not load({"NO_PROXY": "*"}, dotenv=None).proxies


def test_proxies_in_dotenv(tmp_path):
    """The bot reads .env itself, so what stands there counts as if it were exported."""
    (tmp_path / ".env").write_text("HTTPS_PROXY=http://one:1\nNO_PROXY=slack.com\n")
    proxies = load({}, dotenv=tmp_path / ".env").proxies
    assert proxies.choose("https", "www.virustotal.com", None).url == "http://one:1"
    assert proxies.choose("wss", "wss-primary.slack.com", None) is None


@pytest.mark.parametrize(
    ("host", "port", "entries"),
    [
        ("slack.com", None, "slack.com"),
        ("files.slack.com", None, "slack.com"),
        ("files.slack.com", None, ".slack.com"),
        ("files.slack.com", None, "example.com, *.Slack.com"),
        ("slack.com", 8443, "slack.com:8443"),
        ("slack.com", None, "slack.com:443"),
        ("10.20.30.40", None, "10.0.0.0/8"),
        ("10.20.30.40", None, "127.0.0.1 10.20.30.40"),
        ("[2001:db8::1]", None, "2001:db8::/32"),
        ("2001:db8::1", 8443, "[2001:db8::1]:8443"),
        ("slack.com", None, "*"),
    ],
)
def test_no_proxy_names(host, port, entries):
    """Names with all below them, addresses, networks, ports, and everything."""
    assert Proxies(Proxy.parse("http://proxy:1"), None, bypassed(entries)).choose("https", host, port) is None


@pytest.mark.parametrize(
    ("host", "entries"),
    [
        ("notslack.com", "slack.com"),
        ("slack.com.example", "slack.com"),
        ("slack.com", "files.slack.com"),
        ("slack.com", "slack.com:80"),
        ("11.0.0.1", "10.0.0.0/8"),
        ("slack.com", "10.0.0.0/8, :443, ., [, slack.com:https"),
        ("slack.com", ""),
    ],
)
def test_no_proxy_does_not_name(host, entries):
    """What is similar goes through the proxy, and so does everything when an entry means nothing."""
    assert Proxies(Proxy.parse("http://proxy:1"), None, bypassed(entries)).choose("https", host, None)


@pytest.mark.parametrize(
    "wrong",
    [
        "proxy.example:3128",
        "//proxy.example:3128",
        "http://",
        "http://proxy.example:0",
        "http://proxy.example:70000",
        "http://proxy.example:port",
        "http://proxy.example/path",
        "http://proxy.example:3128?x=1",
        f"http://{USER}:{PASSWORD}#x@proxy.example",
        "socks5://proxy.example:1080",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("name", ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_an_address_that_is_none(name, wrong):
    """One sentence names the variable, and does not repeat what may hold a password."""
    with pytest.raises(SettingsError) as refused:
        load({name: wrong}, dotenv=None)
    assert str(refused.value) == (
        f"{name.upper()} must be the address of an HTTP proxy, such as http://proxy.example:3128."
    )


def test_a_password_of_the_proxy_is_a_secret():
    """In each form in which it may be written: as set, decoded, and as the header that the proxy gets."""
    settings = load({"HTTPS_PROXY": "http://vt%40bot:p%40ss-w%3Ard@proxy.example:3128"}, dotenv=None)
    secrets = {one.get_secret_value() for one in settings.secrets}
    proxy = settings.proxies.https
    assert (proxy.url, proxy.user, proxy.password) == (
        "http://proxy.example:3128",
        "vt@bot",
        SecretStr("p@ss-w:rd"),
    )
    assert secrets >= {"p%40ss-w%3Ard", "p@ss-w:rd", b64encode(b"vt@bot:p@ss-w:rd").decode()}
    assert "p@ss" not in f"{settings!r} {proxy!r} {settings.proxies}"


def test_a_bundle_that_is_none(tmp_path):
    """Missing, a folder, not readable as PEM, or with a key alone: one sentence at the start says which."""
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (tmp_path / "odd.der").write_bytes(bytes(range(256)))
    (tmp_path / "empty.pem").write_bytes(b"")
    said = {}
    for name in ("none.pem", ".", "key.pem", "odd.der", "empty.pem"):
        with pytest.raises(SettingsError) as refused:
            load({"VT_CA_BUNDLE": str(tmp_path / name)}, dotenv=None)
        said[name] = str(refused.value)
    no_certificate = "VT_CA_BUNDLE cannot be read: it holds no certificate in PEM format."
    assert said == {
        "none.pem": "VT_CA_BUNDLE cannot be read: No such file or directory.",
        ".": "VT_CA_BUNDLE cannot be read: Is a directory.",
        "key.pem": no_certificate,
        "odd.der": no_certificate,
        "empty.pem": no_certificate,
    }


# The way to VirusTotal -----------------------------------------------------------------------------------


async def fault_of(url, proxies=DIRECT, ca_bundle=None, deadline=20.0):
    """The error of one call to VirusTotal, or None."""
    transport = VirusTotalTransport(ca_bundle=ca_bundle, proxies=proxies)
    async with Client(
        SecretStr("k" * 64),
        url=url,
        quota=unlimited(),
        transport=transport,
        deadline=deadline,
        sleep=lambda _: asyncio.sleep(0),
    ) as client:
        try:
            await client.ping()
        except Exception as error:  # noqa: BLE001 - whichever it is
            return error
    return None


async def test_a_certificate_of_an_unknown_authority(authority):
    """Without the bundle nothing is sent, and the error says why; with it, all is well."""
    context, _ = authority.server()
    async with Sandbox().serve(tls=context) as virustotal:
        error = await fault_of(virustotal.url)
        assert unable(error) == ("certificate", 0)
        assert not error.was_sent
        assert error.__cause__ is error.__context__ is None, "httpx's error holds the address"
        assert not virustotal.calls
        assert await fault_of(virustotal.url, ca_bundle=authority.bundle) is None


async def test_a_proxy_that_is_down_or_silent():
    """Nothing listens there; or something does, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = Proxies(Proxy.parse(f"http://{USER}:{PASSWORD}@127.0.0.1:{port}"))
    assert unable(await fault_of("https://virustotal.example/", down)) == ("proxy", 0)
    with listening(lambda line: line.recv(1 << 20) and line.recv(1)) as port:
        silent = Proxies(Proxy.parse(f"http://127.0.0.1:{port}"))
        assert isinstance(await fault_of("https://virustotal.example/", silent, deadline=0.5), TimedOut)


@needs_tinyproxy
async def test_a_proxy_that_refuses(authority, tmp_path):
    """It wants a login, or does not let anybody go there, or cannot: its status is kept."""
    (tmp_path / "filter").write_text("virustotal\n")
    context, _ = authority.server()
    async with Sandbox().serve(tls=context) as virustotal:
        with tinyproxy(LOGIN) as proxy:
            for url, why in [
                (proxy.url, ("proxy", 407)),
                (with_login(proxy, "wrong"), ("proxy", 401)),
            ]:
                error = await fault_of(virustotal.url, Proxies(Proxy.parse(url)), authority.bundle)
                assert unable(error) == why
            right = Proxies(Proxy.parse(with_login(proxy)))
            assert await fault_of(virustotal.url, right, authority.bundle) is None
        with tinyproxy(f'Filter "{tmp_path}/filter"') as proxy:
            proxies = Proxies(Proxy.parse(proxy.url))
            assert unable(await fault_of("https://www.virustotal.example/", proxies)) == ("proxy", 403)
            assert unable(await fault_of("https://127.0.0.1:1/", proxies)) == ("proxy", 500)


@needs_tinyproxy
async def test_a_proxy_by_https(authority):
    """The way to the proxy is encrypted by a certificate of the same authority, and tunnels go through it: for both."""
    context, handshakes = authority.server()
    async with Sandbox().serve(tls=context) as virustotal, Workspace(tls=context) as slack:
        with tinyproxy(LOGIN) as proxy:
            async with encrypted(proxy.port, authority.server()[0]) as port:
                address = f"https://{USER}:{PASSWORD}@localhost:{port}"
                proxies = Proxies(Proxy.parse(address))
                assert await fault_of(virustotal.url, proxies, authority.bundle) is None
                assert unable(await fault_of(virustotal.url, proxies))[0] == "certificate"
                settings = load(
                    {
                        "SLACK_BOT_TOKEN": slack.bot_token,
                        "SLACK_SIGNING_SECRET": "x",
                        "SLACK_API_URL": slack.api_url,
                        "HTTPS_PROXY": address,
                        "VT_CA_BUNDLE": str(authority.bundle),
                    },
                    dotenv=None,
                )
                async with web_client(settings) as client:
                    assert (await client.auth_test())["ok"]
            assert len(handshakes) == proxy.tunnels(slack.port) + proxy.tunnels(port_of(virustotal)) == 2


@needs_tinyproxy
async def test_large_files_go_through_the_proxy(authority):
    """The upload's other host as well: each of the three calls is in a tunnel."""
    context, handshakes = authority.server()
    async with Sandbox(kind="private", upload_host="localhost").serve(tls=context) as virustotal:
        with tinyproxy(LOGIN) as proxy:
            port = port_of(virustotal)
            proxies = Proxies(Proxy.parse(with_login(proxy)))

            async def content():
                yield b"not known"

            async with Client(
                SecretStr("k" * 64),
                url=virustotal.url,
                quota=unlimited(),
                transport=VirusTotalTransport(ca_bundle=authority.bundle, proxies=proxies),
                upload_hosts=frozenset({f"localhost:{port}"}),
            ) as client:
                receipt = await client.upload_large("a.bin", 9, content())
            assert receipt["response_code"] == 1
            assert len(handshakes) == proxy.tunnels(port) == 2
            assert f"CONNECT localhost:{port} " in proxy.written()


# The whole bot -------------------------------------------------------------------------------------------


@needs_tinyproxy
@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_everything_goes_through_the_proxy(database, authority, mode):
    """A command, an attached file and a picture: every connection to VirusTotal and to Slack is in a tunnel."""
    to_slack, slack_handshakes = authority.server()
    to_virustotal, virustotal_handshakes = authority.server()
    with tinyproxy(LOGIN) as proxy:
        async with at_work(
            database,
            mode,
            slack_tls=to_slack,
            virustotal_tls=to_virustotal,
            HTTPS_PROXY=with_login(proxy),
            VT_CA_BUNDLE=str(authority.bundle),
        ) as app:
            assert "192[.]0[.]2[.]1" in app.now(await app.asks(LOOKUP))
            await app.slack.says(ANA, "@vt", "", files=[("a.bin", b"not known")])
            await app.slack.types(ANA, GENERAL, "/vt report 192.0.2.1")
            await app.idle()
            assert [file.mimetype for file in app.slack.state.files.values()].count("image/png") == 1
            assert app.virustotal.calls_to("file/report")
            port = port_of(app.virustotal)
            assert len(virustotal_handshakes) == proxy.tunnels(port) > 0
            assert len(slack_handshakes) == proxy.tunnels(app.slack.port) > 0


@needs_tinyproxy
async def test_no_proxy_is_honoured(database, authority):
    """Slack is reached directly and VirusTotal through the proxy."""
    to_slack, slack_handshakes = authority.server()
    to_virustotal, virustotal_handshakes = authority.server()

    def by_name(slack):
        slack.state.base = slack.state.base.replace("127.0.0.1", "localhost")

    with tinyproxy() as proxy:
        async with at_work(
            database,
            slack_tls=to_slack,
            virustotal_tls=to_virustotal,
            before=by_name,
            https_proxy=proxy.url,
            no_proxy="example.com,localhost",
            VT_CA_BUNDLE=str(authority.bundle),
        ) as app:
            assert "192[.]0[.]2[.]1" in app.now(await app.asks(LOOKUP))
            port = port_of(app.virustotal)
            assert len(virustotal_handshakes) == proxy.tunnels(port) > 0
            assert slack_handshakes
            assert proxy.tunnels(app.slack.port) == 0


async def test_a_certificate_that_is_not_trusted_is_said(database, authority):
    """Without the bundle: NOT CHECKED, with the reason, and nothing is sent."""
    context, _ = authority.server()
    async with at_work(database, virustotal_tls=context) as app:
        said = app.now(await app.asks(LOOKUP))
        assert "NOT CHECKED" in said
        assert "the certificate shown for VirusTotal is not trusted, so I sent nothing" in said
        assert not app.virustotal.calls


@needs_tinyproxy
async def test_a_proxy_that_refuses_is_said_without_its_password(database, authority, capsys):
    """407: NOT CHECKED, and the password is nowhere."""
    context, _ = authority.server()
    with tinyproxy("BasicAuth somebody else") as proxy, restored_logging():
        async with at_work(
            database,
            virustotal_tls=context,
            HTTPS_PROXY=with_login(proxy),
            VT_CA_BUNDLE=str(authority.bundle),
        ) as app:
            said = app.now(await app.asks(LOOKUP))
    assert "NOT CHECKED" in said
    assert "our network's proxy did not connect me to VirusTotal (401)" in said
    assert PASSWORD not in said + "".join(capsys.readouterr())


# The command line ----------------------------------------------------------------------------------------


@needs_tinyproxy
async def test_doctor_and_ask_behind_the_proxy(database, authority, tmp_path):
    """As they are typed: with the right login both work; with a wrong one doctor says what is wrong at either end."""
    to_slack, _ = authority.server()
    to_virustotal, _ = authority.server()
    async with Workspace(tls=to_slack) as slack, Sandbox().serve(tls=to_virustotal) as virustotal:
        with tinyproxy(LOGIN) as proxy:
            environ = {
                "SLACK_BOT_TOKEN": slack.bot_token,
                "SLACK_SIGNING_SECRET": slack.signing_secret,
                "SLACK_API_URL": slack.api_url,
                "VT_API_KEY": "k" * 64,
                "VT_API_URL": virustotal.url,
                "VT_QUOTA_MINUTE": "0",
                "DATABASE_URL": address(database),
                "HTTPS_PROXY": with_login(proxy),
                "VT_CA_BUNDLE": str(authority.bundle),
            }

            async def typed(*words, **more):
                return await asyncio.to_thread(run, *words, folder=tmp_path, environ=environ | more)

            well = await typed("doctor")
            asked = await typed("ask", "scan-ip", "192.0.2.1")
            refused = await typed("doctor", HTTPS_PROXY=with_login(proxy, "wrong-" + PASSWORD))
            unknown = await typed(
                "doctor", HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1", VT_CA_BUNDLE=""
            )
            given_up = await typed("ask", "scan-ip", "192.0.2.9", HTTPS_PROXY=with_login(proxy, "wrong"))
            direct = await typed("doctor", HTTPS_PROXY="http://127.0.0.1:1", NO_PROXY="127.0.0.1")
    done = (well, asked, direct, refused, unknown, given_up)
    assert [one.returncode for one in done] == [0, 0, 0, 1, 1, 1], done
    assert "proxy did not connect me to VirusTotal (401)" in refused.stdout
    assert "Slack: not responding (proxy_refused)" in refused.stdout
    assert "the certificate shown for VirusTotal is not trusted" in unknown.stdout
    assert "Slack: not responding (certificate_not_trusted)" in unknown.stdout
    assert "our network's proxy did not connect me to VirusTotal (401)" in given_up.stdout
    assert [one for one in done if PASSWORD in one.stdout + one.stderr] == []


async def test_there_is_one_set_of_certificate_authorities_for_slack_and_virustotal():
    """That of aiohttp, which sessions of slack_sdk go by, is replaced: each takes 2 MB."""
    async with slack_session(None, DIRECT, []):
        assert connector._SSL_CONTEXT_VERIFIED is tls(verify=True, ca_bundle=None)
