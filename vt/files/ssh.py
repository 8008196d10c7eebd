"""SSH connections to Linux servers: with the password or key of their entry alone, to no server but the one it identifies."""

import asyncio
import base64
import io
import re
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key
from paramiko import AuthenticationException, ECDSAKey, Ed25519Key, PKey, RSAKey, Transport
from pydantic import SecretStr

from vt import errors
from vt.files.hosts import Host, key_family, verify_host_key

SECONDS = 20.0
"""For connecting, verifying the host key and logging in, together."""
MAX_RECV_BYTES = 1 << 20
"""RFC 4253 asks for packets up to 35,000 bytes. paramiko would buffer up to 4 GiB, even before the host key is known."""
THREADS = 4
"""Files that are read at once over one connection; others wait for a free thread."""
MAX_LOGIN_BYTES = 1 << 20
"""Of a key or password file that are read. A key of 16,384 bits has 13 KB."""

Login = PKey | SecretStr

T = TypeVar("T")


class SshSocket(socket.socket):
    """A socket on which a server cannot announce a packet that would fill the memory."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """As socket.recv, but raises ConnectionAbortedError when paramiko asks for a packet that cannot be genuine."""
        if bufsize > MAX_RECV_BYTES:
            raise ConnectionAbortedError
        return super().recv(bufsize, flags)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to a server whose host key was verified and that accepted the login."""

    transport: Transport
    pool: ThreadPoolExecutor
    """Threads of this connection alone: a server that does not answer blocks no other work."""

    async def run(self, work: Callable[[], T]) -> T:
        """The result of blocking work, done in a thread. Raises ConnectionError when the connection is closed."""
        try:
            future = self.pool.submit(work)
        except RuntimeError:  # the pool is shut down
            raise ConnectionResetError from None
        return await asyncio.wrap_future(future)

    def in_background(self, work: Callable[[], object]) -> None:
        """Do blocking clean-up when a thread is free, without waiting for it."""
        with suppress(RuntimeError):
            self.pool.submit(work)


@asynccontextmanager
async def connect(host: Host, seconds: float = SECONDS) -> AsyncIterator[Connection]:
    """A connection to that server, verified and logged in, for as long as the context is open.

    Raises HostUnreachable, HostKeyUnknown, HostKeyChanged, LoginUnusable, KeyEncrypted, LoginRefused.
    """
    pool = ThreadPoolExecutor(THREADS, f"ssh {host.name}")
    # A transport is added as soon as it exists, so that it is closed even if the handshake is interrupted.
    transports: list[Transport] = []
    try:
        yield Connection(await _log_in_to(host, seconds, pool, transports), pool)
    finally:
        for transport in transports:
            # SSH's own disconnect could block. Without the socket, every thread that still waits for the server ends.
            with suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)
            # A running transport thread closes the socket itself. Closed here, its descriptor could be reused under that thread.
            if not transport.is_alive():
                transport.sock.close()
        pool.shutdown(wait=False)


async def _log_in_to(
    host: Host, seconds: float, pool: ThreadPoolExecutor, transports: list[Transport]
) -> Transport:
    run = partial(asyncio.get_running_loop().run_in_executor, pool)
    login = await run(credentials, host)
    try:
        async with asyncio.timeout(seconds):
            transport = await run(_open_transport, host, seconds, transports)
            await run(_negotiate, transport, host, seconds)
            # Before the login: a server that is not the right one must not see a user name or a password.
            shown = transport.get_remote_server_key()
            verify_host_key(host, shown.get_name(), shown.asbytes())
            await run(_authenticate, transport, host, login)
    except errors.VTError:
        raise
    except Exception:  # noqa: BLE001 - with what an unknown server sends, paramiko may raise anything
        raise errors.HostUnreachable(host.name) from None
    return transport


def _open_transport(host: Host, seconds: float, transports: list[Transport]) -> Transport:
    plain = socket.create_connection((host.address, host.port), timeout=seconds)
    # SFTP requests are small. With Nagle's algorithm each would wait until the one before it is acknowledged.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = Transport(SshSocket(fileno=plain.detach()))
    transports.append(transport)
    return transport


def _negotiate(transport: Transport, host: Host, seconds: float) -> None:
    """Exchange keys, preferring the kinds of host key that the entry knows, and the faster AES-GCM ciphers."""
    transport.banner_timeout = transport.handshake_timeout = seconds
    # The deadline for all steps together passes first, and raises the clearer error.
    transport.auth_timeout = seconds + 1
    options = transport.get_security_options()
    known = {key_family(kind) for kind, _ in host.keys}
    options.key_types = sorted(options.key_types, key=lambda kind: key_family(kind) not in known)
    ciphers = [cipher for cipher in options.ciphers if "cbc" not in cipher]
    options.ciphers = sorted(ciphers, key=lambda cipher: "gcm" not in cipher)
    transport.start_client(timeout=seconds)


def _authenticate(transport: Transport, host: Host, login: Login) -> None:
    with suppress(AuthenticationException):
        if isinstance(login, SecretStr):
            transport.auth_password(host.user or "", login.get_secret_value())
        else:
            transport.auth_publickey(host.user or "", login)
    # Neither if the server refused the login, nor if it also wants a second factor, which an entry cannot name.
    if not transport.is_authenticated():
        raise errors.LoginRefused(host.name, host.password is not None)


# The password or private key of a server's entry --------------------------------------------------------

_PRIVATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_PUBLIC = re.compile(
    r"\s*(?:(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+\s+AAAA|-+\s?BEGIN [A-Z0-9 ]*(?:PUBLIC KEY|CERTIFICATE)-?)"
)
_OPENSSH = b"openssh-key-v1\0"
"""How a key in OpenSSH's own format begins. The name of its cipher follows, after four bytes of length (PROTOCOL.key)."""
CERTIFICATE = "-cert.pub"
"""What OpenSSH appends to a key's name for the certificate that belongs to it."""
_WHY = {UnsupportedAlgorithm: "kind", FileNotFoundError: "missing", OSError: "closed"}
"""Why a login cannot be used, as LoginUnusable names it, by the first of these that the error is."""


def credentials(host: Host) -> Login:
    """The private key or password for the server: typed, or from the files of its entry.

    Raises LoginUnusable, KeyEncrypted.
    """
    if host.password is not None:
        return host.password
    try:
        if not host.password_file:
            return _key(host)
        password = _read(host.password_file).rstrip("\r\n")
    except errors.LoginUnusable:
        raise
    except Exception as error:  # noqa: BLE001 - with a damaged key file, its parser may raise anything
        why = next((why for kind, why in _WHY.items() if isinstance(error, kind)), "damaged")
        raise errors.LoginUnusable(host.name, why) from None
    if not password:
        raise errors.LoginUnusable(host.name, "empty")
    return SecretStr(password)


def _read(path: Path) -> str:
    """The text of a key or password file, however the editor on its way saved it. Raises OSError, UnicodeDecodeError."""
    with path.expanduser().open("rb") as file:
        raw = file.read(MAX_LOGIN_BYTES)
    # PowerShell's `>` writes UTF-16, with a byte order mark.
    return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")


def _key(host: Host) -> PKey:
    """The key for paramiko, which reads neither PKCS#8 nor Windows line ends. Raises LoginUnusable, KeyEncrypted."""
    path = str(host.key_file).removesuffix(CERTIFICATE)
    pem = _pem(_read(Path(path)), host.name)
    load = load_ssh_private_key if b"BEGIN OPENSSH" in pem else load_pem_private_key
    key = _for_paramiko(load(pem, None), host.name)
    certificate = Path(path + CERTIFICATE).expanduser()
    if certificate.exists():
        key.load_certificate(str(certificate))
    return key


def _pem(text: str, host: str) -> bytes:
    """The private key in a file, as PEM that every parser reads. Raises LoginUnusable, KeyEncrypted.

    Line ends, indentation, blank lines and what precedes the key are lost on the way through editors, YAML files,
    environment variables (which write a line end as a backslash and an n) and `openssl pkcs12`.
    """
    found = _PRIVATE.search(text.replace("\\r", "").replace("\\n", "\n"))
    if found is None:
        raise errors.LoginUnusable(host, _why_no_key(text))
    label, body = found.groups()
    if "ENCRYPTED" in label or "ENCRYPTED" in body:
        raise errors.KeyEncrypted(host)
    body = "".join(body.split())
    _check(base64.b64decode(body, validate=True), label, host)
    lines = (body[at : at + 64] for at in range(0, len(body), 64))
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _why_no_key(text: str) -> str:
    """What is in a file instead of a private key, as LoginUnusable names it."""
    if text.lstrip().startswith("PuTTY-User-Key-File-"):
        return "putty"
    return "empty" if not text.strip() else "public" if _PUBLIC.match(text) else "damaged"


def _check(raw: bytes, label: str, host: str) -> None:
    """Refuse what parsers would report as damaged, or load with a warning. Raises LoginUnusable, KeyEncrypted."""
    is_openssh = raw.startswith(_OPENSSH)
    if is_openssh and not raw.startswith(b"none", len(_OPENSSH) + 4):
        raise errors.KeyEncrypted(host)
    if label.startswith("DSA") or (is_openssh and b"ssh-dss" in raw[:100]):
        raise errors.LoginUnusable(host, "dsa")


def _for_paramiko(key: object, host: str) -> PKey:
    # paramiko 5.1 misreads the padding of about half of all ECDSA keys that have no comment, so it parses none of them.
    match key:
        case rsa.RSAPrivateKey():
            return RSAKey(key=key)
        case ec.EllipticCurvePrivateKey() if key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
            return ECDSAKey(vals=(key, key.public_key()))
        case ed25519.Ed25519PrivateKey():
            openssh = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
            )
            return Ed25519Key(file_obj=io.StringIO(openssh.decode()))
        case _:
            raise errors.LoginUnusable(host, "dsa" if isinstance(key, dsa.DSAPrivateKey) else "kind")
