"""Logging in to a Linux server: only with what its entry names, and only to the one whose key the entry knows."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_ssh_private_key
from paramiko import AuthenticationException, ECDSAKey, PKey, SSHException, Transport
from pydantic import SecretStr

from vt import errors
from vt.files.hosts import Host

SECONDS = 20.0
"""For connecting, recognising the server and logging in, together."""
RECV_BYTES = 1 << 20
"""No SSH packet is larger than 35,000 bytes; paramiko would wait for one of 4 GiB, even before any key is known."""

THREADS = 4
"""Files that are read at once over one connection; others wait their turn."""

Login = PKey | SecretStr
T = TypeVar("T")


class Line(socket.socket):
    """A connection on which nobody can announce a packet that would fill the memory."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As ever, but refuses to begin with what is absurdly large."""
        if bufsize > RECV_BYTES:
            raise ConnectionAbortedError
        return super().recv(bufsize, flags)


@dataclass(frozen=True, slots=True)
class Connection:
    """A server that was recognised and took the login."""

    transport: Transport
    pool: ThreadPoolExecutor
    """Its own threads: a server that leaves them hanging hangs nobody else."""

    async def run(self, work: Callable[[], T]) -> T:
        """What comes of blocking work. Raises ConnectionError when the connection is over."""
        try:
            coming = self.pool.submit(work)
        except RuntimeError:
            raise ConnectionResetError from None
        return await asyncio.wrap_future(coming)

    def later(self, work: Callable[[], object]) -> None:
        """Tidy up when a thread is free; nobody waits for it."""
        with suppress(RuntimeError):
            self.pool.submit(work)


@asynccontextmanager
async def connected(host: Host, seconds: float = SECONDS) -> AsyncIterator[Connection]:
    """A connection to that server and no other, logged in.

    Raises HostUnreachable, HostKeyUnknown, HostKeyChanged, LoginUnusable, LoginRefused.
    """
    pool = ThreadPoolExecutor(THREADS, f"ssh {host.name}")
    begun: list[Transport] = []
    try:
        yield Connection(await _introduced(host, seconds, pool, begun), pool)
    finally:
        # No leave is taken: whatever still waits for the server in a thread ends with the line.
        for transport in begun:
            _cut(transport)
        pool.shutdown(wait=False)


async def _introduced(
    host: Host, seconds: float, pool: ThreadPoolExecutor, begun: list[Transport]
) -> Transport:
    run = asyncio.get_running_loop().run_in_executor
    login = await run(pool, credentials, host)
    try:
        async with asyncio.timeout(seconds):
            transport = await run(pool, _dial, host, seconds, begun)
            await run(pool, _shake_hands, transport, host, seconds)
            recognise(transport, host)
            await run(pool, _log_in, transport, host, login)
    except errors.VTError:
        raise
    except Exception:  # noqa: BLE001 - what a stranger sends may make paramiko raise anything
        raise errors.HostUnreachable(host.name) from None
    return transport


def _cut(transport: Transport) -> None:
    """End it now, for both sides and every thread; never waits."""
    with suppress(OSError):
        transport.sock.shutdown(socket.SHUT_RDWR)
    if not transport.is_alive():
        transport.sock.close()


def credentials(host: Host) -> Login:
    """The key or password of its entry. Raises LoginUnusable."""
    if host.password is not None:
        return host.password
    try:
        if host.password_file:
            return SecretStr(host.password_file.read_text("utf-8").rstrip("\r\n"))
        return _key(host.key_file or Path())
    except Exception:  # noqa: BLE001 - what is in a key file may make its reader raise anything
        raise errors.LoginUnusable(host.name) from None


def _key(path: Path) -> PKey:
    try:
        return PKey.from_path(path)
    except SSHException:
        # paramiko 5.1 misreads the padding of about half of all ECDSA keys that have no comment.
        key = load_ssh_private_key(path.read_bytes(), None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise
        return ECDSAKey(vals=(key, key.public_key()))


def _dial(host: Host, seconds: float, begun: list[Transport]) -> Transport:
    plain = socket.create_connection((host.address, host.port), timeout=seconds)
    # Requests are small and answers large: without this each waits for the acknowledgement of the one before.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    begun.append(Transport(Line(fileno=plain.detach())))
    return begun[0]


def _shake_hands(transport: Transport, host: Host, seconds: float) -> None:
    """Agree on how to speak, with a preference for the kind of key that is known, and for the faster ciphers."""
    transport.banner_timeout = transport.handshake_timeout = seconds
    transport.auth_timeout = seconds + 1  # the deadline of all steps is sooner, and says so better
    options = transport.get_security_options()
    known = {_family(kind) for kind, _ in host.keys}
    options.key_types = sorted(options.key_types, key=lambda kind: _family(kind) not in known)
    ciphers = [cipher for cipher in options.ciphers if "cbc" not in cipher]
    options.ciphers = sorted(ciphers, key=lambda cipher: "gcm" not in cipher)
    transport.start_client(timeout=seconds)


def _family(kind: str) -> str:
    """One kind of key signs under several names: ssh-rsa, rsa-sha2-256, rsa-sha2-512."""
    return "rsa" if "rsa" in kind else kind


def recognise(transport: Transport, host: Host) -> None:
    """Is it the server that the entry knows? Before anything is told to it. Raises HostKeyUnknown, HostKeyChanged."""
    shown = transport.get_remote_server_key()
    if (shown.get_name(), shown.asbytes()) in host.keys:
        return
    changed = errors.HostKeyChanged if host.keys else errors.HostKeyUnknown
    raise changed(host.name, fingerprint(shown.asbytes()))


def fingerprint(key: bytes) -> str:
    """As ssh-keygen -l shows it."""
    return "SHA256:" + base64.b64encode(sha256(key).digest()).decode().rstrip("=")


def _log_in(transport: Transport, host: Host, login: Login) -> None:
    try:
        if isinstance(login, SecretStr):
            transport.auth_password(host.user or "", login.get_secret_value())
        else:
            transport.auth_publickey(host.user or "", login)
    except AuthenticationException:
        raise errors.LoginRefused(host.name, host.password is not None) from None
    if not transport.is_authenticated():
        # It wants something more: a second factor that the entry does not name.
        raise errors.LoginRefused(host.name, host.password is not None)
