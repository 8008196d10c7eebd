"""Files of named Linux servers, from a real sshd: asked for by name, expanded there, hashed there, carried from there."""

from functools import partial

import pytest

from tests.support.app_fixture import ANA, at_work
from tests.support.hosts_file import hosts_file, write_remote_file
from tests.support.sshd import sshd

pytestmark = pytest.mark.slow

NEW = b"on a server, and nowhere else"


@pytest.fixture(scope="module")
def server():
    with sshd() as made:
        yield made


@pytest.fixture
def entry(server, tmp_path):
    """Writes a hosts file with that server at a port, under the name web-1."""
    return partial(hosts_file, tmp_path, server)


def host_app(database, hosts_file, **environ):
    sandbox = {"invent": False, "queue_seconds": 10}
    return at_work(database, sandbox=sandbox, HOSTS_FILE=hosts_file, **environ)


@pytest.mark.parametrize("summed", [True, False], ids=["sha256sum there", "hashed here"])
async def test_an_unknown_file_of_a_server_is_asked_about_and_carried_from_there(
    database, server, entry, summed
):
    """Named server, unknown file: the question says where it is from, and the upload is its content."""
    file = write_remote_file(server, "odd name's.bin", NEW)
    with server.running() as port:
        async with host_app(database, entry(port, sha256sum=summed)) as app:
            answer = await app.asks(f"/vt scan-file --host web-1 {file}")
            await app.slack.until(lambda: "29 bytes · from web-1" in app.now(answer))
            await app.slack.presses(ANA, answer, "Upload")
            await app.slack.until(lambda: "PENDING" in app.now(answer))
            [upload] = [call.upload for call in app.virustotal.calls_to("file/scan")]
            assert (upload.name, upload.size) == ("odd name's.bin", len(NEW))


async def test_a_pattern_on_a_server_is_one_answer(database, server, entry):
    """`*` within the roots of the server."""
    for number in range(3):
        write_remote_file(server, f"many{number}.txt", b"%d" % number)
    with server.running() as port:
        async with host_app(database, entry(port)) as app:
            answer = await app.asks(f"/vt scan-file --host web-1 {server.root}/many*.txt, {server.root}/no")
            await app.slack.until(lambda: "⚪ 3 UNKNOWN · ⛔ 1 NOT CHECKED" in app.now(answer))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"known_hosts": []}, "has no host key in the hosts file"),
        ({"known_hosts": "user_rsa"}, "THE HOST KEY OF web-1 HAS CHANGED"),
        ({"key_file": "/nowhere"}, "I can't use the key or password"),
        ({"key_file": None}, "web-1 needs a login"),
        ({"port": 1}, "I can't reach web-1 over SSH"),
        ({"roots": ["/nowhere"]}, "I may not read files there"),
    ],
)
async def test_a_server_that_cannot_be_trusted_or_used_is_one_sentence(
    database, server, entry, changes, sentence
):
    """And VirusTotal hears nothing."""
    file = write_remote_file(server, "any.bin", NEW)
    if changes.get("known_hosts"):
        changes = {"known_hosts": [server.public("user_ed25519")]}
    with server.running() as port:
        async with host_app(database, entry(**{"port": port, **changes})) as app:
            answer = await app.asks(f"/vt scan-file --host web-1 {file}")
            assert sentence in app.now(answer)
            assert not app.virustotal.calls


async def test_a_server_that_nobody_named_is_said_to_be_unknown(database, entry):
    """The hosts file is the list."""
    async with host_app(database, entry(22)) as app:
        answer = await app.asks("/vt scan-file --host web-2 /srv/a")
        assert "there is no server called web-2" in app.now(answer)


async def test_a_file_that_changed_on_the_server_since_it_was_agreed_to_is_not_uploaded(
    database, server, entry
):
    """Another content of the same size never arrives complete."""
    file = write_remote_file(server, "moves.bin", NEW)
    with server.running() as port:
        async with host_app(database, entry(port)) as app:
            answer = await app.asks(f"/vt scan-file --host web-1 {file}")
            write_remote_file(server, "moves.bin", NEW[::-1])
            await app.slack.presses(ANA, answer, "Upload")
            await app.slack.until(lambda: "changed while I was reading it" in app.now(answer))
            assert not [call for call in app.virustotal.calls_to("file/scan") if call.upload]
