"""Key and password files as people have them: every format that OpenSSL and OpenSSH write, and what is given by mistake."""

import base64
import os
from io import StringIO

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    SSHCertificateBuilder,
    SSHCertificateType,
    pkcs12,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from paramiko import ECDSAKey, RSAKey

from handlers.text import errors as errors_text
from handlers.text.format import Audience
from tests.support.sshd import sshd
from vt import errors, files
from vt.errors import KeyEncrypted, LoginUnusable, pack, unpack
from vt.files import remote
from vt.files.hosts import Host
from vt.files.ssh import credentials

pytestmark = pytest.mark.slow

KEYS = {
    "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
LOCKED = BestAvailableEncryption(b"a phrase")
FORMATS = {
    "PKCS#8": PrivateFormat.PKCS8,
    "OpenSSH": PrivateFormat.OpenSSH,
    "OpenSSL": PrivateFormat.TraditionalOpenSSL,
}
CASES = [(kind, name) for kind in KEYS for name in FORMATS if (kind, name) != ("ed25519", "OpenSSL")]


def pem(key, form=PrivateFormat.PKCS8, lock=None):
    """The text of its file."""
    return key.private_bytes(Encoding.PEM, form, lock or NoEncryption()).decode()


def public(key, form=PublicFormat.OpenSSH, encoding=Encoding.OpenSSH):
    """The text of its .pub file."""
    return key.public_key().public_bytes(encoding, form).decode()


def read(path):
    """The login of an entry that names this key file."""
    return credentials(Host(name="web-1", address="127.0.0.1", user="a", key_file=path))


def written(path, content):
    """A key file with this content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def is_same(login, key):
    """Whether paramiko has the whole of this key, not only its public half."""
    signed = login.sign_ssh_data(b"data")
    signed.rewind()
    server = type(login)(data=base64.b64decode(public(key).split()[1]))
    return server.verify_ssh_sig(b"data", signed)


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_a_key_is_read_in_every_format(tmp_path, kind, form):
    """As OpenSSL 3 writes it (PKCS#8), as ssh-keygen does, and as OpenSSL 1 and AWS did."""
    login = read(written(tmp_path / "key", pem(KEYS[kind], FORMATS[form])))
    assert is_same(login, KEYS[kind])


@pytest.mark.parametrize("kind", KEYS)
async def test_a_server_lets_us_in_with_a_pkcs8_key(kind):
    """Of each kind that servers know."""
    with sshd() as server:
        server.authorize(public(KEYS[kind]))
        (server.root / "plain").write_bytes(b"inside")
        key = written(server.folder / "pkcs8", pem(KEYS[kind]))
        with server.running() as port:
            async with remote.connect(server.host(port, key_file=key), limit=1 << 20) as connected:
                source = await connected.open(f"{server.root}/plain")
                assert await files.digest(source)


EDITED = {
    "Windows line ends": lambda text: text.replace("\n", "\r\n"),
    "old Mac line ends": lambda text: text.replace("\n", "\r"),
    "no line end at the end": lambda text: text.rstrip("\n"),
    "blank lines": lambda text: "\n\n" + text.replace("\n-----END", "\n\n-----END") + "\n\n",
    "indented, from YAML": lambda text: "".join(f"    {line}\n" for line in text.splitlines()),
    "escaped, from a variable": lambda text: text.replace("\n", "\\n"),
    "escaped Windows line ends": lambda text: text.replace("\n", "\\r\\n"),
    "on one line": lambda text: text.replace("\n", " "),
    "in quotation marks": lambda text: f'"{text}"',
    "spaces at line ends": lambda text: text.replace("\n", "  \n"),
    "what openssl pkcs12 writes before it": lambda text: (
        f"Bag Attributes\n    localKeyID: 01\nKey Attributes: <x>\n{text}"
    ),
    "a comment before it": lambda text: f"# the scanner's key\n{text}",
    "its certificate behind it": lambda text: (
        f"{text}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    ),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "UTF-16, from PowerShell": lambda text: text.encode("utf-16"),
}


@pytest.mark.parametrize("edit", EDITED)
@pytest.mark.parametrize(("kind", "form"), CASES)
def test_a_key_survives_its_way_through_editors_and_variables(tmp_path, kind, form, edit):
    """What an editor, a YAML file or a shell does to its text does not change the key."""
    content = EDITED[edit](pem(KEYS[kind], FORMATS[form]))
    assert is_same(read(written(tmp_path / "key", content)), KEYS[kind])


def test_a_curve_that_openssl_names_before_the_key_is_no_obstacle(tmp_path):
    """`openssl ecparam -genkey` writes two blocks."""
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    content = parameters + pem(KEYS["P-256"], PrivateFormat.TraditionalOpenSSL)
    assert is_same(read(written(tmp_path / "key", content)), KEYS["P-256"])


def test_a_key_without_a_comment_is_read(tmp_path):
    """However it is padded: paramiko alone misreads about half of them."""
    for _ in range(16):
        key = ec.generate_private_key(ec.SECP256R1())
        login = read(written(tmp_path / "key", pem(key, PrivateFormat.OpenSSH)))
        assert login.get_base64() == ECDSAKey(vals=(key, key.public_key())).get_base64()


def test_the_certificate_beside_a_key_is_used(tmp_path):
    """As ssh does, whichever of the two files is named."""
    signer = KEYS["ed25519"]
    certificate = (
        SSHCertificateBuilder()
        .public_key(KEYS["rsa"].public_key())
        .type(SSHCertificateType.USER)
        .valid_for_all_principals()
        .key_id(b"scanner")
        .valid_before(2**32)
        .valid_after(0)
        .sign(signer)
    )
    key = written(tmp_path / "key", pem(KEYS["rsa"]))
    beside = written(tmp_path / "key-cert.pub", certificate.public_bytes())
    for named in (key, beside):
        assert read(named).public_blob.key_type == "ssh-rsa-cert-v01@openssh.com"


@pytest.mark.parametrize(("kind", "form"), CASES)
def test_a_key_with_a_passphrase_is_said_plainly(tmp_path, kind, form):
    """In an error of its own: it is the right file, and nobody is there to type the phrase."""
    path = written(tmp_path / "key", pem(KEYS[kind], FORMATS[form], LOCKED))
    with pytest.raises(KeyEncrypted) as refused:
        read(path)
    said = errors_text.error(refused.value)
    assert "has a passphrase" in said
    assert "ssh-keygen -p" not in said
    assert "ssh-keygen -p removes" in errors_text.error(refused.value, Audience(operator=True))
    assert isinstance(unpack(pack(refused.value)), KeyEncrypted)


@pytest.mark.parametrize("cipher", ["aes256-ctr", "chacha20-poly1305@openssh.com"])
def test_a_passphrase_is_noticed_whatever_the_cipher(tmp_path, cipher):
    """Also one that our parser does not know."""
    raw = b"openssh-key-v1\0" + len(cipher).to_bytes(4) + cipher.encode() + os.urandom(200)
    body = base64.b64encode(raw).decode()
    content = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"
    with pytest.raises(KeyEncrypted):
        read(written(tmp_path / "key", content))


def legacy_dsa():
    """As ssh-keygen wrote them until 2024."""
    made = StringIO()
    RSAKey(key=KEYS["rsa"]).write_private_key(made)
    return made.getvalue().replace("RSA", "DSA")


def openssh_dsa():
    """The unencrypted header and the public half are enough to see it."""
    name = b"ssh-dss"
    blob = len(name).to_bytes(4) + name + os.urandom(40)
    none = (4).to_bytes(4) + b"none"
    raw = b"openssh-key-v1\0" + none * 2 + bytes(4) + (1).to_bytes(4) + len(blob).to_bytes(4) + blob
    body = base64.b64encode(raw + os.urandom(60)).decode()
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"


PPK = """PuTTY-User-Key-File-{version}: ssh-ed25519
Encryption: none
Comment: eddsa-key-20240101
Public-Lines: 2
AAAAC3NzaC1lZDI1NTE5AAAAI
Private-Lines: 1
AAAAI
Private-MAC: 00
"""
SPOILED = pem(KEYS["rsa"])
MISTAKES = {
    "empty": ("", "empty"),
    "blank": (" \r\n\n", "empty"),
    "a .pub file": (public(KEYS["ed25519"]), "public"),
    "a .pub file of RSA with a comment": (f"{public(KEYS['rsa'])} ana@laptop\r\n", "public"),
    "a public key in PEM": (public(KEYS["P-256"], PublicFormat.SubjectPublicKeyInfo, Encoding.PEM), "public"),
    "a public key as PuTTYgen saves it": ('---- BEGIN SSH2 PUBLIC KEY ----\nComment: "a"\nAAAA\n', "public"),
    "a certificate": ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "public"),
    "the .pub file of a security key": ("sk-ssh-ed25519@openssh.com AAAAGnNr ana\n", "public"),
    "PuTTY, version 2": (PPK.format(version=2), "putty"),
    "PuTTY, version 3": (PPK.format(version=3).replace("\n", "\r\n"), "putty"),
    "DSA": (legacy_dsa(), "dsa"),
    "DSA of OpenSSH": (openssh_dsa(), "dsa"),
    "DSA in PKCS#8": (pem(dsa.generate_private_key(1024)), "dsa"),  # noqa: S505 - finding the numbers of a longer one takes seconds
    "Ed448": (pem(ed448.Ed448PrivateKey.generate()), "kind"),
    "X25519": (pem(x25519.X25519PrivateKey.generate()), "kind"),
    "the curve of Bitcoin": (pem(ec.generate_private_key(ec.SECP256K1())), "kind"),
    "cut off": (SPOILED[: len(SPOILED) // 2], "damaged"),
    "its middle lost": (SPOILED[:300] + SPOILED[500:], "damaged"),
    "a letter changed": (SPOILED.replace("MII", "NII", 1), "damaged"),
    "not base64": (SPOILED.replace("A", "*"), "damaged"),
    "nothing between the lines": ("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n", "damaged"),
    "a password": ("correct horse battery staple\n", "damaged"),
    "a page of HTML": ("<!doctype html><title>Sign in</title>", "damaged"),
    "a key store": (pkcs12.serialize_key_and_certificates(b"a", KEYS["rsa"], None, None, LOCKED), "damaged"),
    "DER": (KEYS["rsa"].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "damaged"),
}
SENTENCES = {
    "missing": "there is no such file",
    "closed": "I may not read that file",
    "empty": "the file is empty",
    "public": "it is a public key, and the private one is needed",
    "putty": "it is in PuTTY's format",
    "dsa": "it is a DSA key",
    "kind": "it is a kind of key that I can't use",
    "damaged": "it is not a private key, or it is damaged",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_is_no_private_key_is_said_to_be_what_it_is(tmp_path, mistake):
    """In one sentence, which survives being stored, and which holds nothing of the file."""
    content, why = MISTAKES[mistake]
    with pytest.raises(LoginUnusable) as refused:
        read(written(tmp_path / "key", content))
    assert (type(refused.value), refused.value.why) == (LoginUnusable, why)
    assert refused.value.__cause__ is None
    said = errors_text.error(unpack(pack(refused.value)))
    assert SENTENCES[why] in said
    assert "web-1" in said


def test_a_file_that_cannot_be_read_is_told_from_one_that_is_not_there(tmp_path):
    """For keys and passwords alike; a password file without a password is no password."""
    empty = written(tmp_path / "password", "\n")
    for path, why in ((tmp_path / "none", "missing"), (tmp_path, "closed"), (empty, "empty")):
        for field in ("key_file", "password_file"):
            with pytest.raises(LoginUnusable) as refused:
                credentials(Host(name="web-1", address="127.0.0.1", user="a", **{field: path}))
            assert refused.value.why == why
            assert SENTENCES[why] in errors_text.error(refused.value)


def test_what_an_older_version_stored_keeps_its_sentence():
    """It did not say what was wrong."""
    stored = unpack({"code": "login-unusable", "data": {"host": "web-1"}})
    assert errors_text.error(stored).startswith(
        "I can't use the key or password that the hosts file names for web-1. Tell"
    )


@given(
    st.binary(max_size=300)
    | st.text(max_size=300).map(lambda text: f"-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----")
)
@settings(max_examples=200)
def test_no_content_raises_anything_else(tmp_path_factory, content):
    """Whatever the file holds."""
    path = written(
        tmp_path_factory.getbasetemp() / "any",
        content.encode("utf-8", "replace") if isinstance(content, str) else content,
    )
    with pytest.raises(errors.LoginUnusable):
        read(path)
