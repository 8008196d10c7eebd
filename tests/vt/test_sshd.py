"""asyncssh's server stands in for OpenSSH's where there is none: the bot finds the same in both, wherever tests run."""

import os
from hashlib import sha256

import pytest
from pydantic import SecretStr

from tests.support.asyncssh_server import AsyncSshd
from tests.support.loopback import relay
from tests.support.ssh_host import PASSWORD
from tests.support.sshd import INSTALLED, Sshd, opened, private_view
from vt import errors, files
from vt.files import remote

pytestmark = pytest.mark.slow

MIB = 1 << 20
KINDS = [AsyncSshd, *([Sshd] if INSTALLED and private_view() else [])]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def ssh_host(request):
    """A server of each kind that is here, with a file, and with what is none."""
    with opened(request.param) as made:
        (made.root / "plain").write_bytes(b"inside")
        (made.root / os.fsdecode(b'caf\xe9\'s\n"name"')).write_bytes(b"inside")
        (made.root / "link").symlink_to("plain")
        os.mkfifo(made.root / "fifo")
        (made.root / "closed").touch(mode=0)
        yield made


async def digests(host, path):
    """The file's hash as the bot computes it and, where the entry allows it, the server."""
    async with remote.connect(host, limit=16 * MIB) as server:
        source = await server.open(str(path))
        return await files.digest(source), await server.digest(source)


@pytest.mark.parametrize("login", ["key", "password"])
async def test_who_has_the_key_or_the_password_reads_and_hashes_a_file(ssh_host, login):
    """Here, and there by a command."""
    changes = {"key": {}, "password": {"key_file": None, "password": SecretStr(PASSWORD)}}[login]
    with ssh_host.running() as port:
        found = await digests(ssh_host.host(port, sha256sum=True, **changes), ssh_host.root / "plain")
    assert found == (sha256(b"inside").hexdigest(),) * 2
    assert f"method {login.replace('key', 'publickey')}" in ssh_host.log.read_text()
    assert "Starting session: command" in ssh_host.log.read_text()


@pytest.mark.parametrize("wrong", ["key", "password", "user", "one of two factors"])
async def test_who_has_not_is_refused(ssh_host, wrong):
    """A stranger's key, another password, another user; and who has only one of two factors."""
    changes, options = {
        "key": ({"key_file": ssh_host.folder / "host_rsa"}, {}),
        "password": ({"key_file": None, "password": SecretStr("wrong")}, {}),
        "user": ({"user": "nobody"}, {}),
        "one of two factors": ({}, {"AuthenticationMethods": "publickey,password"}),
    }[wrong]
    with ssh_host.running(**options) as port, pytest.raises(errors.LoginRefused):
        await digests(ssh_host.host(port, **changes), ssh_host.root / "plain")


async def test_a_server_with_another_key_is_not_logged_in_to(ssh_host):
    """It hears nobody's name."""
    with ssh_host.running(["rsa"]) as port, pytest.raises(errors.HostKeyChanged) as changed:
        await digests(ssh_host.host(port), ssh_host.root / "plain")
    assert changed.value.fingerprint == ssh_host.fingerprint("host_rsa")
    assert "KEX done" in ssh_host.log.read_text()
    assert "userauth" not in ssh_host.log.read_text()


async def test_a_file_is_found_by_a_name_that_no_text_can_have(ssh_host):
    """In a listing and when it is opened."""
    with ssh_host.running() as port:
        async with remote.connect(ssh_host.host(port), limit=MIB) as server:
            [path] = await server.find(f"{ssh_host.root}/caf*")
        found = await digests(ssh_host.host(port, sha256sum=True), path)
    assert path == f'{ssh_host.root}/caf\\xe9\'s\n"name"'
    assert found == (sha256(b"inside").hexdigest(),) * 2


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("link", errors.NotRegular),
        ("fifo", errors.NotRegular),
        ("/dev/zero", errors.NotRegular),
        ("closed", errors.NotReadable),
        ("none", errors.Missing),
        ("plain/below", errors.Missing),
        ("n" * 256, errors.Missing),
    ],
)
async def test_what_cannot_be_read_is_told_apart(ssh_host, path, fault):
    """Links and devices are refused; the rest the server says in the same words."""
    with ssh_host.running() as port:
        host = ssh_host.host(port, roots=(ssh_host.root, "/dev"))
        with pytest.raises(fault):
            await digests(host, ssh_host.root / path)


async def test_a_server_without_sftp_is_said_to_be_one(ssh_host):
    """Its login was right."""
    with ssh_host.running(Subsystem="other /bin/false") as port, pytest.raises(errors.SftpRefused):
        await digests(ssh_host.host(port), ssh_host.root / "plain")


async def test_a_server_that_answers_commands_with_sftp_has_its_files_hashed_here(ssh_host):
    """As an account for SFTP alone."""
    with ssh_host.running(ForceCommand="internal-sftp") as port:
        found = await digests(ssh_host.host(port, sha256sum=True), ssh_host.root / "plain")
    assert found == (sha256(b"inside").hexdigest(),) * 2


@pytest.mark.parametrize("cut_after", [30, 1000, 3_000_000])
async def test_a_connection_that_is_cut_never_gives_a_short_file(ssh_host, cut_after):
    """At the greeting, in the handshake, in the middle of the file."""
    (ssh_host.root / "large").write_bytes(os.urandom(8 * MIB))
    with ssh_host.running() as port, relay(port, cut_after) as broken, pytest.raises(errors.HostUnreachable):
        await digests(ssh_host.host(broken), ssh_host.root / "large")
