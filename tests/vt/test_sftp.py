"""The reading half of SFTP, against servers that lie."""

import itertools
import os
import socket
import struct
import threading
import tracemalloc
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.lying_sftp import LyingSftpServer, attributes, names, packet, status, string
from vt.files import sftp


@contextmanager
def talking(server):
    """A session with a server at the other end of a pair of sockets."""
    client_end, theirs = socket.socketpair()

    def speak():
        with theirs, suppress(OSError, EOFError):
            server(theirs)

    thread = threading.Thread(target=speak, daemon=True)
    thread.start()
    client_end.settimeout(5)
    try:
        yield sftp.Session(client_end)
    finally:
        client_end.close()
        thread.join()


def content(server, size=None):
    with talking(server) as session:
        return b"".join(session.blocks(session.open(b"/file"), server.says if size is None else size))


@pytest.mark.parametrize("size", [0, 1, sftp.READ_BYTES, sftp.READ_BYTES + 1, 3 * sftp.READ_AHEAD_BYTES + 7])
def test_an_honest_server_gives_the_whole_file(size):
    """Whatever its length, in order."""
    data = os.urandom(size)
    assert content(LyingSftpServer(data)) == data


def test_reads_are_asked_for_ahead():
    """A server that answers only once all requests have come is not waited for in vain."""
    held = []

    def patient(channel):
        server.greet(channel)
        while True:
            kind, body = server.read(channel)
            reply = server.honest(kind, body[4:])
            held.append(packet(reply[0], body[:4] + reply[1]))
            if kind != sftp.READ or len(held) == 3:
                # In the wrong order, too: replies are told apart by their number.
                channel.sendall(b"".join(reversed(held)))
                held.clear()

    server = LyingSftpServer(os.urandom(3 * sftp.READ_BYTES))
    with talking(patient) as session:
        blocks = session.blocks(session.open(b"/file"), server.says)
        assert b"".join(itertools.islice(blocks, 3)) == server.content


def test_a_server_that_gives_less_than_asked_is_asked_for_the_rest():
    """Servers may cut reads short; nothing is lost, and later requests ask for as much as it gives."""
    counts = []

    def a_little(kind, rest):
        _, count = struct.unpack(">QI", rest[-12:])
        counts.append(count)
        return server.honest(kind, rest[:-4] + struct.pack(">I", min(count, 30000)))

    data = os.urandom(5 * sftp.READ_AHEAD_BYTES)
    server = LyingSftpServer(data, {sftp.READ: a_little})
    assert content(server) == data
    assert sum(count > 30000 for count in counts) < 100
    assert counts[-2] <= 30000


@pytest.mark.parametrize(("says", "got"), [(20, 10), (5, 6), (0, 1), (9, 10), (1 << 62, 10)])
def test_a_file_that_is_not_as_long_as_said_shows_it(says, got):
    """A shorter one ends early; of a longer one a single byte too many comes."""
    assert len(content(LyingSftpServer(b"0123456789", says=says))) == got


def everything(server):
    """All that is asked of a server for one file."""
    with talking(server) as session:
        next(session.lstat([b"/file"]))
        handle = session.open(b"/file")
        session.fstat(handle)
        list(session.blocks(handle, 10))


READ = sftp.READ
LIES = {
    "more bytes than asked": {READ: lambda *_: (sftp.DATA, string(b"x" * 200000))},
    "no bytes": {READ: lambda *_: (sftp.DATA, string(b""))},
    "a string longer than its packet": {READ: lambda *_: (sftp.DATA, struct.pack(">I", 10) + b"x")},
    "another kind of reply": {READ: lambda *_: (sftp.ATTRS, attributes(10))},
    "a reply to what was not asked": {
        READ: lambda *_: packet(sftp.DATA, struct.pack(">I", 77) + string(b"x"))
    },
    "a packet of 4 GiB": {READ: lambda *_: b"\xff\xff\xff\xff" + bytes(100)},
    "a packet over the limit": {READ: lambda *_: struct.pack(">I", sftp.MAX_PACKET_BYTES + 1) + bytes(100)},
    "an empty packet": {READ: lambda *_: bytes(4)},
    "a packet too short for a number": {READ: lambda *_: packet(sftp.DATA, b"x")},
    "a shell's greeting": {READ: lambda *_: b"Welcome to Debian GNU/Linux 12!\r\n" * 9},
    "no handle": {sftp.OPEN: lambda *_: (sftp.DATA, string(b"handle"))},
    "cut attributes": {sftp.FSTAT: lambda *_: (sftp.ATTRS, attributes(10)[:9])},
    "endless extended attributes": {
        sftp.FSTAT: lambda *_: (sftp.ATTRS, struct.pack(">II", 1 << 31, (1 << 32) - 1))
    },
    "another greeting": {sftp.INIT: packet(sftp.STATUS, struct.pack(">I", 3))},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_is_not_sftp_is_recognised(lie):
    """It is neither waited for nor believed."""
    with pytest.raises(sftp.ProtocolError):
        everything(LyingSftpServer(answers=lie))


@pytest.mark.parametrize("last_words", [b"", b"\0\0\0\x50abc"])
def test_a_server_that_hangs_up_is_noticed(last_words):
    """In the middle of a packet too."""
    server = LyingSftpServer()

    def hangs_up(channel):
        server.greet(channel)
        server.read(channel)
        channel.sendall(last_words)

    with pytest.raises(EOFError):
        everything(hangs_up)


@pytest.mark.parametrize("code", [sftp.NO_SUCH_FILE, sftp.PERMISSION_DENIED, sftp.BAD_MESSAGE, 4, 99])
def test_a_refusal_keeps_its_code(code):
    """Whatever was asked."""
    with talking(LyingSftpServer(answers={sftp.OPEN: lambda *_: status(code)})) as session:
        with pytest.raises(sftp.StatusError) as refused:
            session.open(b"/file")
        assert refused.value.code == code


def test_a_folder_is_listed_without_itself_and_what_no_name_can_be():
    """Names that would lead elsewhere are passed over."""
    odd = [b".", b"..", b"", b"a/b", b"../up", b"nul\0", b"caf\xe9", b"-r"]
    replies = iter([names(*odd), names(b"more"), status(sftp.EOF)])
    with talking(LyingSftpServer(answers={sftp.READDIR: lambda *_: next(replies)})) as session:
        assert [name for name, _ in session.names(b"/")] == [b"caf\xe9", b"-r", b"more"]
        assert session.fstat(b"handle").size == 10


def test_a_listing_without_names_does_not_go_on_for_ever():
    """An answer of no names is no answer."""
    with (
        talking(LyingSftpServer(answers={sftp.READDIR: lambda *_: names()})) as session,
        pytest.raises(sftp.ProtocolError),
    ):
        list(session.names(b"/"))


def test_memory_stays_small_however_slowly_it_is_read():
    """No more is asked for than AHEAD_BYTES beyond what was taken."""
    data = bytes(16 * sftp.READ_AHEAD_BYTES)
    server = LyingSftpServer(data)
    with talking(server) as session:
        blocks = session.blocks(session.open(b"/file"), len(data))
        tracemalloc.start()
        next(blocks)
        at_first = server.requests.count(READ)
        total = sum(map(len, blocks))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert at_first <= sftp.READ_AHEAD_BYTES // sftp.READ_BYTES + 1
    assert total == len(data) - sftp.READ_BYTES
    assert peak < 4 * sftp.READ_AHEAD_BYTES


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5), st.booleans())
def test_no_noise_makes_it_raise_anything_else(noise, framed):
    """Random packets and random bytes end in Garbled, Refused or EOFError."""

    def noisy(channel):
        channel.sendall(packet(sftp.VERSION_REPLY, struct.pack(">I", 3)))
        for number, each in enumerate(noise, 1):
            channel.sendall(packet(100 + len(each) % 7, struct.pack(">I", number) + each) if framed else each)
        channel.shutdown(socket.SHUT_WR)
        while channel.recv(65536):
            pass

    with suppress(sftp.ProtocolError, sftp.StatusError, EOFError, BrokenPipeError, ConnectionResetError):
        everything(noisy)
