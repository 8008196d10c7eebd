"""An SFTP server with one file that can be made to send wrong replies."""

import stat
import struct
import time

from vt.files import sftp

FILE = stat.S_IFREG | 0o644
FOLDER = stat.S_IFDIR | 0o755


def packet(kind, content):
    return struct.pack(">IB", len(content) + 1, kind) + content


def string(value):
    return struct.pack(">I", len(value)) + value


def attributes(size, mode=FILE, modified=1):
    return struct.pack(">IQIIIII", 0b1111, size, 0, 0, mode, modified, modified)


def status(code):
    return sftp.STATUS, struct.pack(">I", code) + string(b"") * 2


class LyingSftpServer:
    """Serves `content` correctly, except for the kinds of request in `answers`, which maps them to other replies.

    `says` is the size that it reports in bytes, `pause` the seconds before each reply.
    """

    def __init__(self, content=b"0123456789", answers=None, *, says=None, pause=0.0):
        self.content = content
        self.says = len(content) if says is None else says
        self.answers = answers or {}
        self.pause = pause
        self.requests = []
        self.listed = False

    def __call__(self, channel):
        """Serve until the client disconnects."""
        self.greet(channel)
        while True:
            kind, content = self.read(channel)
            self.requests.append(kind)
            time.sleep(self.pause)
            number, rest = content[:4], content[4:]
            answer = self.answers.get(kind, self.honest)
            reply = answer(kind, rest)
            if isinstance(reply, bytes):
                channel.sendall(reply)
            else:
                channel.sendall(packet(reply[0], number + reply[1]))

    def greet(self, channel):
        self.read(channel)
        channel.sendall(self.answers.get(sftp.INIT, packet(sftp.VERSION_REPLY, struct.pack(">I", 3))))

    def read(self, channel):
        length = struct.unpack(">I", self.exactly(channel, 4))[0]
        content = self.exactly(channel, length)
        return content[0], content[1:]

    def exactly(self, channel, count):
        data = b""
        while len(data) < count:
            more = channel.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def honest(self, kind, rest):
        return getattr(self, f"on_{kind}", lambda _: status(0))(rest)

    def on_3(self, _open):
        return sftp.HANDLE, string(b"handle")

    on_11 = on_3

    def on_5(self, read):
        offset, count = struct.unpack(">QI", read[-12:])
        data = self.content[offset : offset + count]
        return (sftp.DATA, string(data)) if data else status(sftp.EOF)

    def on_7(self, lstat):
        return sftp.ATTRS, attributes(self.says, FILE if lstat.endswith(b"file") else FOLDER)

    def on_8(self, _fstat):
        return sftp.ATTRS, attributes(self.says)

    def on_12(self, _readdir):
        self.listed = not self.listed
        return names(b".", b"..", b"file") if self.listed else status(sftp.EOF)


def names(*raw):
    each = b"".join(string(name) + string(b"long") + attributes(1) for name in raw)
    return sftp.NAME, struct.pack(">I", len(raw)) + each
