"""Files on a Linux server: who is trusted, who is let in, what is taken. A real sshd, and one that lies."""

import asyncio
import logging
import os
import random
import shutil
import socket
import subprocess
import time
import tracemalloc
from contextlib import contextmanager
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.support.loopback import listening, relay
from tests.support.lying_sftp import LyingSftpServer, attributes
from tests.support.ssh_host import KINDS, PASSWORD
from tests.support.sshd import paramiko_server, sshd
from vt import errors, files
from vt.files import provider, remote, sftp
from vt.files.hosts import Host
from vt.files.provider import Roots

pytestmark = pytest.mark.slow

MIB = 1 << 20


@pytest.fixture(scope="module")
def ssh_host():
    """A server's keys, users and files."""
    with sshd() as made:
        yield made


@pytest.fixture(scope="module")
def port(ssh_host):
    """The same server, running, with an ed25519 key."""
    with ssh_host.running() as port:
        yield port


@pytest.fixture(scope="module")
def password_host(ssh_host):
    """A server whose user has a password and is not us: the same one, where it may be."""
    if ssh_host.own_user:
        yield ssh_host
        return
    with sshd(own_user=True) as made:
        yield made


@pytest.fixture
def root(ssh_host):
    """What is beneath the root, afresh."""
    return write_files(ssh_host)


def write_files(ssh_host):
    """A few files beneath its root, and one outside of it; nothing else."""
    for path in (ssh_host.root, ssh_host.folder / "outside"):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    (ssh_host.folder / "outside" / "file").write_bytes(b"outside")
    (ssh_host.root / "deep").mkdir()
    (ssh_host.root / "plain").write_bytes(b"inside")
    (ssh_host.root / "deep" / "low").write_bytes(b"inside")
    return ssh_host.root


@pytest.fixture
async def server(ssh_host, port, root):
    """Logged in, with its ordinary entry."""
    async with remote.connect(ssh_host.host(port, roots=(root,)), limit=100 * MIB) as server:
        yield server


async def content(source, after_each=lambda: None):
    blocks = []
    async for block in source.chunks():
        blocks.append(block)
        after_each()
    return b"".join(blocks)


async def read_file(server, path):
    return await content(await server.open(str(path)))


async def plain(host, limit=MIB):
    """Log in and read the one file that is always there."""
    async with remote.connect(host, limit) as server:
        return await read_file(server, f"{host.roots[0]}/plain")


# Is it the server we know?


def lines(ssh_host, kind):
    """Entries of a hosts file, and whether they tell a server of that kind of key."""
    other = next(each for each in KINDS if each != kind)
    third = next(each for each in KINDS if each not in (kind, other))
    own, stranger = ssh_host.public(f"host_{kind}"), ssh_host.public(f"user_{kind}")
    return {
        "its key": ((own,), None),
        "its line of known_hosts": ((f"[127.0.0.1]:22 {own}",), None),
        "several keys of it": ((ssh_host.public(f"host_{other}"), own), None),
        "an old key and the new one": ((stranger, own), None),
        "nothing": ((), errors.HostKeyUnknown),
        "another key": ((stranger,), errors.HostKeyChanged),
        "a key of another kind": ((ssh_host.public(f"host_{other}"),), errors.HostKeyChanged),
        "keys of two other kinds": (
            (ssh_host.public(f"host_{other}"), ssh_host.public(f"host_{third}")),
            errors.HostKeyChanged,
        ),
        "a line for another name but another key": ((f"127.0.0.1 {stranger}",), errors.HostKeyChanged),
    }


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("case", range(9))
@pytest.mark.parametrize("kind", KINDS)
async def test_only_a_server_that_shows_a_key_of_its_entry_is_spoken_to(ssh_host, kind, case):
    """Any other is refused with the fingerprint it showed, before it hears a user's name."""
    known, fault = list(lines(ssh_host, kind).values())[case]
    with ssh_host.running([kind]) as port:
        host = ssh_host.host(port, known_hosts=known)
        if fault is None:
            assert await plain(host) == b"inside"
            return
        with pytest.raises(fault) as refused:
            await plain(host)
    log = ssh_host.log.read_text()
    assert (refused.value.host, refused.value.fingerprint) == ("web-1", ssh_host.fingerprint(f"host_{kind}"))
    assert "KEX done" in log
    assert "userauth" not in log


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("kind", KINDS)
async def test_of_several_host_keys_the_known_one_is_asked_for(ssh_host, kind):
    """A server may have more keys than its entry names."""
    with ssh_host.running(KINDS) as port:
        assert await plain(ssh_host.host(port, known_hosts=(ssh_host.public(f"host_{kind}"),))) == b"inside"


# Are we let in?


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_login_with_a_key(ssh_host, port, kind):
    """Of every kind that is in use."""
    assert await plain(ssh_host.host(port, key_file=ssh_host.folder / f"user_{kind}")) == b"inside"


async def test_a_login_with_a_password_from_a_file(password_host):
    """The line's end is not part of it."""
    write_files(password_host)
    with password_host.running() as port:
        host = password_host.host(port, key_file=None, password_file=password_host.folder / "secret")
        assert await plain(host) == b"inside"


async def test_a_login_with_a_typed_password_leaves_no_trace_of_it(password_host, caplog):
    """Right or wrong, in no log and no error, paramiko's own included."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "paramiko")
    write_files(password_host)
    with password_host.running() as port:
        host = password_host.host(port, key_file=None, password=SecretStr(PASSWORD))
        assert await plain(host) == b"inside"
        with pytest.raises(errors.LoginRefused) as refused:
            await plain(password_host.host(port, key_file=None, password=SecretStr("canary-7291")))
    seen = f"{caplog.text} {refused.value!r} {refused.value.__cause__!r} {host!r}"
    assert "userauth" in seen
    assert PASSWORD not in seen
    assert "canary-7291" not in seen


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("options", [{}, {"MaxAuthTries": 1}])
async def test_a_wrong_key_is_refused(ssh_host, options):
    """Said as it is, also by a server that hangs up on it."""
    with ssh_host.running(**options) as port, pytest.raises(errors.LoginRefused) as refused:
        await plain(ssh_host.host(port, key_file=ssh_host.folder / "host_rsa"))
    assert refused.value.host == "web-1"


@pytest.mark.usefixtures("root")
async def test_a_second_factor_that_is_not_there_is_a_refused_login(ssh_host):
    """Half a login is none."""
    with (
        ssh_host.running(AuthenticationMethods="publickey,password") as port,
        pytest.raises(errors.LoginRefused),
    ):
        await plain(ssh_host.host(port))


@pytest.mark.usefixtures("root")
async def test_only_what_the_entry_names_is_offered(ssh_host, monkeypatch, tmp_path):
    """Neither an agent's keys nor those in the home folder: the server hears of one key, and no more."""
    (tmp_path / ".ssh").mkdir()
    shutil.copy(ssh_host.folder / "user_rsa", tmp_path / ".ssh" / "id_rsa")
    with socket.socket(socket.AF_UNIX) as agent:
        monkeypatch.chdir(tmp_path)
        agent.bind("agent")
        agent.listen()
        agent.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        monkeypatch.setenv("HOME", str(tmp_path))
        with ssh_host.running() as port, pytest.raises(errors.LoginRefused):
            await plain(ssh_host.host(port, key_file=ssh_host.folder / "host_ed25519"))
        with pytest.raises(BlockingIOError):
            agent.accept()
    tried = [line for line in ssh_host.log.read_text().splitlines() if "userauth-request" in line]
    assert len(tried) == 1
    assert "method publickey" in tried[0]


@pytest.mark.parametrize("spoiled", ["missing", "not a key", "a public key", "locked", "a folder"])
async def test_a_key_file_that_is_no_use_is_our_fault_and_nothing_is_sent(ssh_host, tmp_path, spoiled):
    """The server is not even connected to."""
    path = tmp_path / "key"
    match spoiled:
        case "not a key":
            path.write_text("not a key")
        case "a public key":
            path.write_text(ssh_host.public("user_ed25519"))
        case "locked":
            ssh_host.keygen("ed25519", path, phrase="a phrase")
        case "a folder":
            path.mkdir()
    connections = []
    with listening(connections.append) as port:
        with pytest.raises(errors.LoginUnusable):
            await plain(ssh_host.host(port, key_file=path))
        with pytest.raises(errors.LoginUnusable):
            await plain(ssh_host.host(port, key_file=None, password_file=tmp_path / "none"))
    assert connections == []


# Is anybody there?


async def test_nobody_answers(ssh_host):
    """A closed port, a name that does not exist."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    for host in (ssh_host.host(port), ssh_host.host(port, address="nowhere.invalid")):
        with pytest.raises(errors.HostUnreachable) as fault:
            await plain(host)
        assert fault.value.host == "web-1"


STRANGERS = {
    "says nothing": b"",
    "is a web server": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "never ends its first line": b"SSH-2.0-" + b"x" * 100_000,
    "announces a packet of 4 GiB": b"SSH-2.0-x\r\n" + b"\xff" * 16,
    "sends noise": b"SSH-2.0-x\r\n\0\0\0\x0c\x06\x14" + bytes(range(64)),
    "speaks SSH 1": b"SSH-1.5-old\r\n",
}


@pytest.mark.parametrize("stays", [True, False], ids=["and waits", "and hangs up"])
@pytest.mark.parametrize("words", STRANGERS.values(), ids=STRANGERS)
async def test_who_does_not_speak_ssh_is_left_in_time(ssh_host, words, stays):
    """Whatever comes instead."""

    def speak(line):
        line.sendall(words)
        while stays and line.recv(65536):
            pass

    with listening(speak) as port, pytest.raises(errors.HostUnreachable):
        async with remote.ssh.connect(ssh_host.host(port), seconds=0.5):
            pass


def test_a_packet_of_4_gib_is_not_even_begun():
    """Otherwise paramiko would collect what anybody announces, before any key is known; such a connection is dropped."""
    client_end, theirs = socket.socketpair()
    with theirs, remote.ssh.SshSocket(fileno=client_end.detach()) as line:
        theirs.sendall(b"x" * 10)
        assert line.recv(35_000) == b"x" * 10
        with pytest.raises(ConnectionAbortedError):
            line.recv(1 << 32)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.binary(max_size=200), max_size=4))
async def test_no_noise_from_a_stranger_makes_it_raise_anything_else(ssh_host, packets):
    """Well-framed nonsense in place of a handshake is an unreachable server."""

    def speak(line):
        line.sendall(b"SSH-2.0-x\r\n")
        for each in packets:
            padding = 8 - (len(each) + 5) % 8 + 8
            line.sendall((len(each) + 1 + padding).to_bytes(4) + bytes([padding]) + each + bytes(padding))

    with listening(speak) as port, pytest.raises(errors.HostUnreachable):
        async with remote.ssh.connect(ssh_host.host(port), seconds=5):
            pass


@pytest.mark.parametrize("cut_after", [30, 1000, 2500, 4000, 100_000, 3_000_000])
async def test_a_connection_that_breaks_is_a_server_out_of_reach(ssh_host, port, root, cut_after):
    """At the greeting, in the handshake, in the middle of the file: never a short file."""
    (root / "plain").write_bytes(os.urandom(8 * MIB))
    with (
        relay(port, cut_after) as broken,
        pytest.raises((errors.HostUnreachable, errors.LoginRefused)) as fault,
    ):
        await plain(ssh_host.host(broken), limit=10 * MIB)
    assert cut_after < 4000 or isinstance(fault.value, errors.HostUnreachable)


@pytest.mark.usefixtures("root")
async def test_a_server_without_sftp_is_said_to_be_one(ssh_host):
    """The login was right; that is all that can be had."""
    with ssh_host.running(Subsystem="other /bin/false") as port, pytest.raises(errors.SftpRefused):
        await plain(ssh_host.host(port))


async def test_a_file_cannot_be_read_once_the_connection_is_over(ssh_host, port, root):
    """A source lives as long as its server is connected."""
    async with remote.connect(ssh_host.host(port), limit=MIB) as server:
        source = await server.open(f"{root}/plain")
    with pytest.raises(errors.HostUnreachable):
        await content(source)


# What is read


async def test_a_file_beneath_a_root_is_read_hashed_and_read_again(server, root):
    """It tells its path as asked, name and size, and gives the same bytes as often as it is read."""
    data = os.urandom(5 * MIB + 3)
    (root / "deep" / "low").write_bytes(data)
    source = await server.open(f"{root}/deep/low")
    assert (source.path, source.name, source.size) == (f"{root}/deep/low", "low", len(data))
    assert await files.digest(source) == await server.digest(source) == sha256(data).hexdigest()
    assert await content(files.VerifiedSource(source, sha256(data).hexdigest())) == data


async def test_several_files_are_read_at_once(server, root):
    """Over one connection, each in a conversation of its own."""
    for number in range(8):
        (root / f"n{number}").write_bytes(bytes([number]) * MIB)
    sources = [await server.open(path) for path in await server.find(f"{root}/n?")]
    contents = await asyncio.gather(*map(content, sources))
    assert contents == [bytes([number]) * MIB for number in range(8)]


NAMES = [
    "with space",
    'it\'s "quoted"',
    "two\nlines",
    "--help",
    "-",
    "n" * 255,
    "päth ☃",
    "$(id)",
    "`id`",
    "a\\b",
    "*",
]


@pytest.mark.parametrize("name", NAMES)
async def test_any_name_that_a_file_can_have_is_fine(ssh_host, port, root, name):
    """Read, and hashed there: no shell makes anything else of it."""
    (root / name).write_bytes(name.encode())
    async with remote.connect(ssh_host.host(port, sha256sum=True), limit=MIB) as server:
        source = await server.open(f"{root}/{name}")
        assert source.name == name
        assert await content(source) == name.encode()
        assert await server.digest(source) == sha256(name.encode()).hexdigest()


async def test_a_name_that_is_not_utf8_is_found_and_opened(server, root):
    r"""Spelled with `\xff`, as for files on this machine."""
    (root / os.fsdecode(b"caf\xe9")).write_bytes(b"latin")
    assert await server.find(f"{root}/caf*") == [rf"{root}/caf\xe9"]
    assert await read_file(server, rf"{root}/caf\xe9") == b"latin"


async def test_patterns_fit_files_and_follow_no_link(server, root):
    """As on this machine."""
    (root / "link").symlink_to("plain")
    (root / "ways").symlink_to("..")
    (root / ".hidden").touch()
    assert await server.find(f"{root}/*") == [f"{root}/plain"]
    assert await server.find(f"{root}/*/l?w") == [f"{root}/deep/low"]
    assert await server.find(f"{root}/d*/low") == [f"{root}/deep/low"]
    for pattern in ("*/outside/*", "ways/*", "link*", "none*", "none/*"):
        with pytest.raises((errors.Missing, errors.NotRegular)):
            await server.find(f"{root}/{pattern}")


async def test_too_many_matches_are_refused_not_cut(server, root):
    """A hundred are taken, a hundred and one are none."""
    for number in range(provider.MAX_MATCHES):
        (root / f"n{number}").touch()
    assert len(await server.find(f"{root}/n*")) == provider.MAX_MATCHES
    (root / "n").touch()
    with pytest.raises(errors.TooManyFiles):
        await server.find(f"{root}/n*")


async def test_the_servers_own_sum_is_asked_for_only_when_the_entry_allows_it(ssh_host, root):
    """Without it no command is run; with it the file's bytes stay where they are."""
    (root / "plain").write_bytes(bytes(4 * MIB))
    right = sha256(bytes(4 * MIB)).hexdigest()
    for allowed in (False, True):
        with ssh_host.running() as port:
            async with remote.connect(ssh_host.host(port, sha256sum=allowed), limit=10 * MIB) as server:
                assert await server.digest(await server.open(f"{root}/plain")) == right
        log = ssh_host.log.read_text()
        assert ("Starting session: command" in log) is allowed


async def test_a_server_that_runs_no_commands_has_its_files_hashed_as_they_are_read(ssh_host, root):
    """An account for SFTP alone answers every command with SFTP."""
    with ssh_host.running(ForceCommand="internal-sftp") as port:
        async with remote.connect(ssh_host.host(port, sha256sum=True), limit=MIB) as server:
            assert await server.digest(await server.open(f"{root}/plain")) == sha256(b"inside").hexdigest()


def test_a_shell_takes_two_thousand_names_for_one_word_each():
    """Whatever bytes are in them, and whatever they would do."""
    pieces = [
        b"'",
        b'"',
        b"\\",
        b"\n",
        b"$(id)",
        b"`id`",
        b";",
        b"|",
        b"&",
        b"*",
        b"-",
        b" ",
        b"!",
        b"#",
        b"\xff",
        b"a",
    ]
    chance = random.Random(7)  # noqa: S311 - names, not secrets
    names = [b"".join(chance.choices(pieces, k=chance.randint(1, 12))) for _ in range(2000)]
    script = b"".join(b"printf '%s\\0' " + remote.shell_quote(name) + b"\n" for name in names)
    seen = subprocess.run(["/bin/sh"], input=script, capture_output=True, check=True)
    assert seen.stdout.split(b"\0")[:-1] == names
    assert seen.stderr == b""


# What is refused


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", errors.NotRegular),
        ("deep", errors.NotRegular),
        ("fifo", errors.NotRegular),
        ("socket", errors.NotRegular),
        ("link", errors.NotRegular),
        ("out", errors.NotRegular),
        ("away/file", errors.NotRegular),
        ("away/nothing", errors.NotRegular),
        ("loop", errors.NotRegular),
        ("none", errors.Missing),
        ("plain/below", errors.Missing),
        ("n" * 256, errors.Missing),
        ("nul\0", errors.Missing),
        ("../outside/file", errors.NotAllowed),
        ("deep/../../outside/file", errors.NotAllowed),
        ("sparse", errors.FileTooLarge),
    ],
)
async def test_what_is_no_file_beneath_the_root_is_refused(server, root, path, fault):
    """Folders, FIFOs, links wherever they lead, what is not there, what is outside, what is too large."""
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    (root / "link").symlink_to("plain")
    (root / "out").symlink_to("../outside/file")
    (root / "away").symlink_to("../outside")
    (root / "loop").symlink_to("loop")
    with (root / "sparse").open("wb") as sparse:
        sparse.truncate(100 * MIB + 1)
    with pytest.raises(fault) as refused:
        await read_file(server, f"{root}/{path}")
    assert refused.value.path == f"{root}/{path}"


@pytest.mark.parametrize("name", ["zero", "null", "random", "fd/0", "stdin"])
async def test_devices_are_not_regular(ssh_host, port, name):
    """/dev/zero says that its size is 0 and never ends."""
    async with remote.connect(ssh_host.host(port, roots=("/dev",)), limit=MIB) as server:
        with pytest.raises((errors.NotRegular, errors.Missing)):
            await read_file(server, f"/dev/{name}")


async def test_a_file_that_says_it_is_empty_and_is_not_has_changed(ssh_host, port):
    """The count does not fit."""
    async with remote.connect(ssh_host.host(port, roots=("/proc",)), limit=MIB) as server:
        with pytest.raises(errors.Changed):
            await read_file(server, "/proc/version")


async def test_without_roots_nothing_is_allowed(ssh_host, port):
    """An entry that names none opens nothing."""
    async with remote.connect(ssh_host.host(port, roots=()), limit=MIB) as server:
        with pytest.raises(errors.NotAllowed):
            await server.open("/etc/passwd")


@contextmanager
def closed(*paths):
    """For a while nobody may look."""
    for path in paths:
        path.chmod(0)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755)


async def test_what_permissions_forbid_is_not_readable(password_host):
    """A file and a folder that are closed to the login."""
    root = write_files(password_host)
    with password_host.running() as port, closed(root / "plain", root / "deep"):
        async with remote.connect(password_host.host(port), limit=MIB) as server:
            for attempt in (
                read_file(server, f"{root}/plain"),
                read_file(server, f"{root}/deep/low"),
                server.find(f"{root}/deep/*"),
            ):
                with pytest.raises(errors.NotReadable):
                    await attempt


async def test_a_folder_that_is_closed_does_not_hide_the_others(password_host):
    """What a pattern passes on its way is passed over, as on this machine."""
    root = write_files(password_host)
    (root / "open").mkdir()
    (root / "open" / "low").touch()
    with password_host.running() as port, closed(root / "deep"):
        async with remote.connect(password_host.host(port), limit=MIB) as server:
            assert await server.find(f"{root}/*/low") == [f"{root}/open/low"]


@pytest.mark.parametrize("meddle", ["grows", "shrinks", "rewritten", "replaced"])
async def test_a_file_that_changes_while_it_is_read_is_an_error(server, root, meddle):
    """However it changes; what was held in the pipe does not hide it."""
    path = root / "busy"
    path.write_bytes(bytes(8 * MIB))
    os.utime(path, (1, 1))
    source = await server.open(str(path))

    def change():
        match meddle:
            case "grows":
                os.truncate(path, 9 * MIB)
            case "shrinks":
                os.truncate(path, 3 * MIB)
            case "rewritten":
                os.utime(path, (2, 2))
            case "replaced":
                path.unlink(missing_ok=True)
                path.write_bytes(bytes(8 * MIB))

    if meddle == "replaced":
        change()
    with pytest.raises(errors.Changed):
        await content(source, change)
    assert path.exists()


async def test_a_link_put_in_a_files_place_after_it_was_taken_is_not_followed(server, root):
    """It is looked at again each time it is opened."""
    source = await server.open(f"{root}/plain")
    (root / "plain").unlink()
    (root / "plain").symlink_to("../outside/file")
    with pytest.raises(errors.NotRegular):
        await content(source)


async def test_a_large_file_takes_little_memory(server, root):
    """48 MiB never fill more than a few."""
    with (root / "large").open("wb") as large:
        large.truncate(48 * MIB)
    source = await server.open(f"{root}/large")
    tracemalloc.start()
    total = await files.digest(source)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == sha256(bytes(48 * MIB)).hexdigest()
    assert peak < 16 * MIB


PATH_PARTS = [
    "..",
    ".",
    "",
    "plain",
    "deep",
    "low",
    "out",
    "away",
    "loop",
    "file",
    "outside",
    "*",
    "?",
    "l*",
    "\\x2e\\x2e",
]


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.one_of(st.sampled_from(PATH_PARTS), st.text(max_size=6)), max_size=6).map("/".join))
async def test_generated_paths_stay_within_the_root(server, root, path):
    """Whatever is asked, found or opened: the inside or a fault."""
    for name, target in {"out": "../outside/file", "away": "../outside", "loop": "loop"}.items():
        if not (root / name).is_symlink():
            (root / name).symlink_to(target)
    try:
        for found in await server.find(f"{root}/{path}"):
            assert await read_file(server, found) == b"inside"
    except errors.FileFault:
        pass


# Who lies


@pytest.fixture
async def lying_server(request):
    """Logged in to a server that serves /root/file as the test says."""
    tried = []
    with paramiko_server(request.param, tried) as (port, key):
        host = Host(
            name="liar",
            address="127.0.0.1",
            port=port,
            user="scanner",
            password=SecretStr(PASSWORD),
            roots=("/root",),
            known_hosts=(key,),
        )
        async with remote.connect(host, limit=MIB, seconds=1.0) as server:
            yield server
        assert tried == [("scanner", PASSWORD)]


def fstat(size, mode=0o100644):
    return {sftp.FSTAT: lambda *_: (sftp.ATTRS, attributes(size, mode))}


@pytest.mark.parametrize(
    ("lying_server", "fault"),
    [
        (LyingSftpServer(b"01234", says=10), errors.Changed),
        (LyingSftpServer(b"0123456789", says=5), errors.Changed),
        (LyingSftpServer(bytes(4 * MIB), says=10), errors.Changed),
        (LyingSftpServer(b"", says=1 << 62), errors.FileTooLarge),
        (LyingSftpServer(answers=fstat(11)), errors.Changed),
        (LyingSftpServer(answers=fstat(10, 0o120777)), errors.Changed),
        (LyingSftpServer(b"x" * 1000, pause=0.3), errors.TooSlow),
        (LyingSftpServer(answers={sftp.READ: lambda *_: time.sleep(5) or b""}), errors.TooSlow),
        (LyingSftpServer(answers={sftp.READ: lambda *_: b"\xff" * 64}), errors.SftpRefused),
        (LyingSftpServer(answers={sftp.INIT: b"Welcome!\r\n" * 20}), errors.SftpRefused),
        (lambda channel: channel.close(), errors.SftpRefused),
        (lambda channel: channel.recv(1) and time.sleep(5), errors.TooSlow),
    ],
    ids=[
        "short",
        "long",
        "endless",
        "huge",
        "another size once opened",
        "a link once opened",
        "dripping",
        "silent",
        "garbled",
        "greeting",
        "hanging up",
        "never speaking",
    ],
    indirect=["lying_server"],
)
async def test_a_lying_server_is_caught(lying_server, fault):
    """Never is a file taken for whole that is not what was said."""
    with pytest.raises(fault):
        await read_file(lying_server, "/root/file")


@pytest.mark.parametrize("lying_server", [LyingSftpServer(b"0123456789")], indirect=True)
async def test_the_same_server_telling_the_truth_is_believed(lying_server):
    """So it was the lie that was caught."""
    assert await read_file(lying_server, "/root/file") == b"0123456789"
    assert await lying_server.find("/root/*") == ["/root/file"]


def test_where_files_may_be_taken_from_is_what_the_entry_says(ssh_host):
    """And nothing else."""
    host = ssh_host.host(22)
    assert remote.Server(host, None, 1, 1.0).roots == Roots(host.roots)
