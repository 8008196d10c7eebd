"""A company's own certificate authority, and what servers of this machine show that it has signed."""

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


class PrivateCA:
    """`bundle`: the file to trust. `server`: the context of a server, which counts its handshakes."""

    def __init__(self, folder):
        key, self.bundle = ec.generate_private_key(ec.SECP256R1()), folder / "ca.pem"
        authority = _signed("Example Corp CA", key, "Example Corp CA", key, authority=True)
        self.bundle.write_bytes(_pem(authority))
        own = ec.generate_private_key(ec.SECP256R1())
        shown = _signed("server", own, "Example Corp CA", key, authority=False)
        secret = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._shown = folder / "server.pem"
        self._shown.write_bytes(secret + _pem(shown))

    def server(self):
        """A context, and the list to which it adds an entry for each client that begins a handshake."""
        handshakes = []
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._shown)
        context.sni_callback = lambda _socket, name, _context: handshakes.append(name)
        return context, handshakes


def _signed(name, key, issuer, issuers_key, *, authority):
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        .sign(issuers_key, hashes.SHA256())
    )


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)
