"""The client against a VirusTotal that behaves as recorded, and one that misbehaves in every way we know."""

import asyncio
import io
import logging
import traceback
from contextlib import asynccontextmanager

import httpx
import pytest
import respx
from pydantic import SecretStr

from playground.virustotal import Sandbox, faults
from vt import errors
from vt.client import DIRECT_UPLOAD, Client, single
from vt.replies import by_resource

KEY = "5ecre7" * 10 + "beef"
EICAR = "44d88612fea8a8f36de82e1278abb02f"


class Counted:
    """A quota without end that counts."""

    def __init__(self):
        self.taken = 0

    async def take(self, calls=1, _ask=None):
        self.taken += calls

    async def refused(self, _seconds=None, _ask=None):
        raise errors.OverQuota

    async def worked(self):
        """Nothing to forget."""


async def no_pause(_):
    """Tests do not wait between attempts."""


def client(url, *, quota=None, **settings):
    return Client(SecretStr(KEY), url=url, quota=quota or Counted(), sleep=no_pause, **settings)


@asynccontextmanager
async def virustotal(*, kind="public", **settings):
    settings.setdefault("key", KEY)
    async with (
        Sandbox(kind=kind, any_key=False, **settings).serve() as sandbox,
        client(sandbox.url, kind=kind, deadline=60) as vt,
    ):
        yield sandbox, vt


async def test_every_endpoint_that_the_actions_need_answers():
    """Reports, submissions, uploads, rescans and comments come back as VirusTotal's own JSON."""
    async with virustotal(kind="private") as (_, vt):
        assert (await vt.file_reports([EICAR]))[EICAR]["response_code"] == 1
        assert (await vt.url_reports(["http://example.php/"]))["http://example.php/"]["response_code"] == 1
        assert (await vt.domain_report("example.co.in"))["response_code"] == 1
        assert (await vt.ip_report("192.0.2.1"))["country"]
        assert "response_code" in await vt.comments(EICAR)
        assert (await vt.rescan([EICAR]))[EICAR]["scan_id"]
        assert (await vt.submit_urls(["http://new.example/"]))["http://new.example/"]["scan_id"]


@pytest.mark.parametrize("cookie", [b"session=1", b"session=\xc3\xa9", b"session=\x01"])
async def test_cookies_are_not_sent_back(cookie):
    """A request with one that no header may hold could not be sent: no later call would be answered."""
    sent = []

    def reply(request):
        sent.append(request.headers)
        content = httpx.ByteStream(b'{"response_code": 1}')
        return httpx.Response(200, headers=[(b"Set-Cookie", cookie)], stream=content)

    async with client("http://vt.example/", transport=httpx.MockTransport(reply)) as vt:
        for _ in range(2):
            assert (await vt.ip_report("192.0.2.1"))["response_code"] == 1
    assert len(sent) == 2
    assert "cookie" not in sent[1]


CONTROLS = [*map(chr, range(1, 32)), "\x7f", "\x85", "\u2028", "\ud800"]


async def chunks(content, size=1000):
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize(
    "name", ["a b.txt", 'quo"te\r\nX: y.txt', "grüße.txt", "--help", *map("a{}b".format, CONTROLS), "a\\"]
)
async def test_a_file_arrives_whole_and_named_whatever_it_is_called(name):
    """An upload is one form with the key and the file; its name cannot break out of its header."""
    async with virustotal() as (sandbox, vt):
        content = b"hello\r\n--boundary" * 1000
        receipt = await vt.upload(name, len(content), chunks(content))
        assert receipt["scan_id"]
        [call] = sandbox.calls_to("file/scan")
        assert call.upload.size == len(content)


async def test_a_large_file_goes_where_virustotal_says_if_that_host_is_known():
    """upload_url answers with a redirect; it is followed to a known host, and the file is sent there."""
    async with virustotal() as (sandbox, vt):
        assert (await vt.upload_large("big.bin", 5, chunks(b"12345")))["scan_id"]
        assert [call.endpoint for call in sandbox.calls][-1] == "large/upload"


async def test_a_large_file_never_goes_to_an_unknown_host():
    """A redirect to a host that the settings do not name is an error, and nothing is sent there."""
    async with virustotal(upload_host="localhost") as (sandbox, vt):
        with pytest.raises(errors.Redirected) as caught:
            await vt.upload_large("big.bin", 5, chunks(b"12345"))
        assert caught.value.host == "localhost"
        assert [call.endpoint for call in sandbox.calls] == ["file/scan/upload_url"]


async def test_a_host_for_large_files_may_be_named_with_its_port():
    """What the operator names is followed; the same host at another port is another place."""
    async with Sandbox(key=KEY, any_key=False, upload_host="localhost").serve() as sandbox:
        port = httpx.URL(sandbox.url).port
        async with client(sandbox.url, upload_hosts=frozenset({f"localhost:{port}"})) as vt:
            assert (await vt.upload_large("big.bin", 5, chunks(b"12345")))["scan_id"]
        async with client(sandbox.url, upload_hosts=frozenset({"localhost"})) as vt:
            with pytest.raises(errors.Redirected):
                await vt.upload_large("big.bin", 5, chunks(b"12345"))


async def test_a_key_that_was_not_granted_large_uploads_is_not_called_wrong():
    """403 is the documented answer of this one endpoint: the key is fine for all the others."""
    async with virustotal() as (sandbox, vt):
        sandbox.faults.add("file/scan/upload_url", faults.status(403))
        with pytest.raises(errors.LargeNotAllowed):
            await vt.upload_large("big.bin", 5, chunks(b"12345"))
        assert await vt.upload("small.bin", 5, chunks(b"12345"))


@pytest.mark.parametrize(
    "told", ["http://a:b/", "http://a\x00/", "https://", "", "upload here", None, 7, ["x"]]
)
async def test_an_address_for_large_files_that_is_none_cannot_be_read(told):
    """As any answer that is not the documented one; nothing is sent anywhere."""
    async with virustotal() as (sandbox, vt):
        sandbox.faults.add("file/scan/upload_url", faults.says({"upload_url": told}), faults.says({}))
        for _ in range(2):
            with pytest.raises(errors.Unreadable):
                await vt.upload_large("big.bin", 5, chunks(b"12345"))


async def zeros(size):
    for start in range(0, size, 1 << 20):
        yield bytes(min(1 << 20, size - start))


@pytest.mark.parametrize(
    ("name", "size", "endpoint"),
    [
        ("plain.bin", DIRECT_UPLOAD, "file/scan"),
        ("plain.bin", DIRECT_UPLOAD + 1, "large/upload"),
        ('"' * 255, DIRECT_UPLOAD, "large/upload"),
    ],
)
async def test_what_does_not_fit_into_one_request_goes_the_other_way(name, size, endpoint):
    """32 MB are for the whole request: of the largest file that fits, a long name makes one that does not."""
    async with virustotal() as (sandbox, vt):
        await vt.upload(name, size, zeros(size))
        [call] = [call for call in sandbox.calls if call.upload]
        assert (call.endpoint, call.upload.size) == (endpoint, size)


FAULTS = [
    (faults.html(500), errors.ServerFault),
    (faults.html(502), errors.ServerFault),
    (faults.reset(), errors.Unreachable),
    (faults.broken_off(), errors.Unreachable),
    (faults.truncated(), errors.Unreadable),
    (faults.nested(), errors.Unreadable),
    (faults.says({"a": [[[[[[[[[]]]]]]]]] * 3}), None),
    (faults.says([1, 2]), errors.Unreadable),
    (faults.says("text"), errors.Unreadable),
    (faults.status(200, b"<html>login</html>"), errors.Unreadable),
    (faults.status(200, b'{"positives": NaN}', "application/json"), errors.Unreadable),
    (faults.status(200, b"9" * 5000, "application/json"), errors.Unreadable),
    (faults.status(200, b"", "application/json"), errors.Unreadable),
    (faults.bomb(), errors.Unreadable),
    (faults.status(204), errors.OverQuota),
    (faults.status(429), errors.OverQuota),
    (faults.status(429, headers={"Retry-After": "soon"}), errors.OverQuota),
    (faults.status(400), errors.RequestRefused),
    (faults.status(403), errors.KeyRefused),
    (faults.status(413), errors.UploadTooLarge),
    (faults.redirect("http://evil.example/"), errors.Redirected),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS)
async def test_every_fault_is_an_error_with_a_name(fault, expected):
    """Whatever comes instead of the documented JSON ends as an error of the tree."""
    async with virustotal() as (sandbox, vt):
        sandbox.faults.always("*", fault)
        if expected is None:
            await vt.ip_report("192.0.2.1")
            return
        with pytest.raises(expected):
            await vt.ip_report("192.0.2.1")


async def test_a_drip_is_cut_off_at_the_deadline():
    """A reply whose every byte comes in time but whose whole does not is given up."""
    async with Sandbox().serve() as sandbox, client(sandbox.url, deadline=0.3) as vt:
        sandbox.faults.always("*", faults.drip(pause=0.02))
        with pytest.raises(errors.TimedOut):
            await vt.ip_report("192.0.2.1")


async def test_a_look_up_is_tried_again_when_no_answer_came():
    """Two faults and then an answer: the asker gets the answer, and each attempt counts against the quota."""
    quota = Counted()
    async with Sandbox().serve() as sandbox, client(sandbox.url, quota=quota) as vt:
        sandbox.faults.add("ip-address/report", faults.reset(), faults.html(503))
        assert (await vt.ip_report("192.0.2.1"))["response_code"] == 1
        assert quota.taken == 3


@pytest.mark.parametrize("fault", [faults.html(500), faults.reset(), faults.status(403)])
async def test_an_upload_is_sent_once_whatever_happens(fault):
    """A POST that broke may have arrived: it is never repeated."""
    async with virustotal() as (sandbox, vt):
        sandbox.faults.always("file/scan", fault)
        with pytest.raises(errors.VTError):
            await vt.upload("a.txt", 5, chunks(b"12345"))
        assert len(sandbox.calls_to("file/scan")) == 1


async def test_the_key_is_in_no_log_no_error_and_no_repr():
    """With every logger at DEBUG and every fault, the key appears nowhere, neither in causes nor in contexts."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        said = await _everything_that_is_said()
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    assert "HTTP Request" in log.getvalue()
    assert KEY not in log.getvalue() + said


async def _everything_that_is_said():
    said = []
    for fault, expected in [*FAULTS, (faults.none(), None)]:
        async with virustotal() as (sandbox, vt):
            sandbox.faults.always("*", fault)
            said += [repr(vt), str(vars(vt))]
            for call in (vt.ip_report("192.0.2.1"), vt.file_reports([EICAR]), vt.upload_url()):
                try:
                    await call
                except errors.VTError as error:
                    said += _chain(error)
                else:
                    assert expected is None
    return "".join(said)


def _chain(error):
    while error is not None:
        yield repr(error) + str(error) + str(error.args) + "".join(traceback.format_exception(error))
        error = error.__cause__ or error.__context__


async def test_a_wrong_key_is_refused_and_says_so():
    """403 is about the key."""
    async with Sandbox(key="other", any_key=False).serve() as sandbox, client(sandbox.url) as vt:
        with pytest.raises(errors.KeyRefused):
            await vt.ping()


async def test_a_public_key_does_not_ask_for_a_rescan():
    """file/rescan is closed to public keys: that is known without a call."""
    async with virustotal() as (sandbox, vt):
        with pytest.raises(errors.RescanNotAllowed):
            await vt.rescan([EICAR])
        assert not sandbox.calls


async def test_what_a_batch_leaves_out_is_seen():
    """Ten are asked with a key for four: four are answered, and the other six are not mistaken for answered."""
    hashes = [f"{number:064x}" for number in range(10)]
    async with virustotal() as (_, vt):
        assert set(await vt.file_reports(hashes)) == set(hashes[:4])


def test_entries_find_their_resource_in_any_order_and_spelling():
    """Hashes come back in another case, URLs normalised, lists shuffled; nothing is taken for another's."""
    found = by_resource(
        ["ABCD", "http://a.example", "scan-1"],
        [{"resource": "scan-1"}, {"resource": "http://a.example/"}, {"resource": "abcd", "md5": "abcd"}],
    )
    assert found["ABCD"] == {"resource": "abcd", "md5": "abcd"}
    assert found["http://a.example"]["resource"] == "http://a.example/"
    assert found["scan-1"] == {"resource": "scan-1"}
    assert by_resource(["aa", "bb"], [{"resource": "cc"}]) == {}
    assert by_resource(["aa"], {"resource": "bb", "response_code": 1}) == {}
    assert by_resource(["http://ä.example/"], {"response_code": -1}) != {}


def test_a_list_of_one_is_accepted_where_one_was_asked():
    """Recorded: file/report with a single resource answered with a list."""
    assert single([{"a": 1}]) == {"a": 1}
    with pytest.raises(errors.Unreadable):
        single([])


@respx.mock
async def test_the_form_is_what_virustotal_documents():
    """POST, form-encoded, the key as a field and never in the address; newlines between URLs."""
    route = respx.post("https://vt.example/vtapi/v2/url/report").mock(
        return_value=httpx.Response(200, json=[{"resource": "http://a/"}, {"resource": "http://b/"}])
    )
    async with client("https://vt.example/vtapi/v2/") as vt:
        await vt.url_reports(["http://a/", "http://b/"])
    request = route.calls.last.request
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert KEY not in str(request.url)
    assert b"resource=http%3A%2F%2Fa%2F%0Ahttp%3A%2F%2Fb%2F" in request.content
    assert f"apikey={KEY}".encode() in request.content


@respx.mock
async def test_a_proxy_from_the_environment_gets_nothing(monkeypatch):
    """Only the settings say where the key goes: HTTPS_PROXY is not followed."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    route = respx.get("https://vt.example/vtapi/v2/ip-address/report").mock(
        return_value=httpx.Response(200, json={"response_code": 1})
    )
    async with client("https://vt.example/vtapi/v2") as vt:
        assert await vt.ip_report("192.0.2.1") == {"response_code": 1}
    assert route.called


async def test_calls_at_once_share_one_client():
    """Many look-ups at a time all come back."""
    async with virustotal() as (_, vt):
        replies = await asyncio.gather(*(vt.ip_report(f"198.51.100.{n}") for n in range(30)))
        assert len(replies) == 30


async def test_a_refused_key_is_logged_with_its_instance_and_endpoint(capsys):
    """The operator learns which VirusTotal refused which call; the key is not in the line."""
    async with virustotal() as (sandbox, vt):
        sandbox.faults.always("*", faults.status(403))
        with pytest.raises(errors.KeyRefused):
            await vt.domain_report("evil.com")
    logged = capsys.readouterr().out
    assert "key_refused" in logged
    assert "127.0.0.1" in logged
    assert "domain/report" in logged
    assert KEY not in logged
