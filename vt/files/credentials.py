"""The login for a Linux server: the password or private key that its entry in the hosts file names."""

import base64
import io
import re
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.dsa import DSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey
from pydantic import SecretStr

from vt import errors
from vt.files.hosts import Host

MAX_BYTES = 1 << 20
"""Of a key or password file that are read. A key of 16,384 bits has 13 KB."""

Login = PKey | SecretStr


def credentials(host: Host) -> Login:
    """The private key or password for the server: typed, or from the files of its entry.

    Raises LoginUnusable, KeyEncrypted.
    """
    if host.password is not None:
        return host.password
    try:
        if host.password_file:
            return _password(host)
        return _key(host)
    except errors.LoginUnusable:
        raise
    except FileNotFoundError:
        raise errors.LoginUnusable(host.name, "missing") from None
    except OSError:
        raise errors.LoginUnusable(host.name, "closed") from None
    except Exception:  # noqa: BLE001 - with a damaged key file, its parser may raise anything
        raise errors.LoginUnusable(host.name, "damaged") from None


def _password(host: Host) -> SecretStr:
    password = _read(host.password_file).rstrip("\r\n")
    if not password:
        raise errors.LoginUnusable(host.name, "empty")
    return SecretStr(password)


def _read(path: Path | None) -> str:
    """The text of a key or password file, however the editor on its way saved it. Raises OSError, UnicodeDecodeError."""
    with (path or Path()).expanduser().open("rb") as file:
        raw = file.read(MAX_BYTES)
    # PowerShell's `>` writes UTF-16, with a byte order mark.
    return raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")


# Private keys ------------------------------------------------------------------------------------------

_PRIVATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(.*?)-----END \1-----", re.DOTALL)
_PUBLIC = re.compile(
    r"\s*(?:(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+\s+AAAA|-+\s?BEGIN [A-Z0-9 ]*(?:PUBLIC KEY|CERTIFICATE)-?)"
)
_OPENSSH = b"openssh-key-v1\0"
"""How a key in OpenSSH's own format begins. The name of its cipher follows, after four bytes of length (PROTOCOL.key)."""
CERTIFICATE = "-cert.pub"
"""What OpenSSH appends to a key's name for the certificate that belongs to it."""


def _key(host: Host) -> PKey:
    """The key for paramiko, which reads neither PKCS#8 nor Windows line ends. Raises LoginUnusable, KeyEncrypted."""
    path = str(host.key_file).removesuffix(CERTIFICATE)
    pem = _pem(_read(Path(path)), host.name)
    key = _for_paramiko(_load(pem, host.name), host.name)
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
        _refuse(text, host)
    label, body = found.groups()
    if "ENCRYPTED" in label or "ENCRYPTED" in body:
        raise errors.KeyEncrypted(host)
    body = "".join(body.split())
    _check(base64.b64decode(body, validate=True), label, host)
    lines = (body[at : at + 64] for at in range(0, len(body), 64))
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""]).encode()


def _refuse(text: str, host: str) -> NoReturn:
    """Say what a file without a private key is."""
    if not text.strip():
        why = "empty"
    elif text.lstrip().startswith("PuTTY-User-Key-File-"):
        why = "putty"
    else:
        why = "public" if _PUBLIC.match(text) else "damaged"
    raise errors.LoginUnusable(host, why)


def _check(raw: bytes, label: str, host: str) -> None:
    """Refuse what parsers would report as damaged, or load with a warning. Raises LoginUnusable, KeyEncrypted."""
    is_openssh = raw.startswith(_OPENSSH)
    if is_openssh and not raw.startswith(b"none", len(_OPENSSH) + 4):
        raise errors.KeyEncrypted(host)
    if label.startswith("DSA") or (is_openssh and b"ssh-dss" in raw[:100]):
        raise errors.LoginUnusable(host, "dsa")


def _load(pem: bytes, host: str) -> object:
    load = load_ssh_private_key if b"BEGIN OPENSSH" in pem else load_pem_private_key
    try:
        return load(pem, None)
    except UnsupportedAlgorithm:
        raise errors.LoginUnusable(host, "kind") from None


def _for_paramiko(key: object, host: str) -> PKey:
    # paramiko 5.1 misreads the padding of about half of all ECDSA keys that have no comment, so it parses none of them.
    match key:
        case RSAPrivateKey():
            return RSAKey(key=key)
        case EllipticCurvePrivateKey() if key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
            return ECDSAKey(vals=(key, key.public_key()))
        case Ed25519PrivateKey():
            openssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            return Ed25519Key(file_obj=io.StringIO(openssh.decode()))
        case DSAPrivateKey():
            raise errors.LoginUnusable(host, "dsa")
        case _:
            raise errors.LoginUnusable(host, "kind")
