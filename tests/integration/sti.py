# SPDX-License-Identifier: MIT
"""STI certificates as a test wants them, good and bad: authorities, carriers' chains, revocation lists. Made here with
python3-cryptography, so that another implementation than ours says what a certificate is."""
import datetime
import os

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

TNAUTH = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.26")
TN_LIST = x509.ObjectIdentifier("1.3.6.1.5.5.7.48.14")
DAY = datetime.timedelta(days=1)


def _tlv(tag, octets):
    assert len(octets) < 65536
    n = len(octets)
    head = [n] if n < 128 else [0x81, n] if n < 256 else [0x82, *divmod(n, 256)]
    return bytes([tag, *head]) + octets


def tnauth(text):
    """The DER of "spc:1234,tn:12155551212,range:12155551000+100" (RFC 8226 section 9)."""
    entries = b""
    for item in text.split(","):
        kind, value = item.split(":")
        if kind == "range":
            start, count = value.split("+")
            octets = int(count).to_bytes(int(count).bit_length() // 8 + 1, "big")
            entries += _tlv(0xA1, _tlv(0x30, _tlv(0x16, start.encode()) + _tlv(0x02, octets)))
        else:
            entries += _tlv(0xA0 if kind == "spc" else 0xA2, _tlv(0x16, value.encode()))
    return _tlv(0x30, entries)


def list_at(url):
    """An extension that says where a certificate's TNAuthList is (RFC 8226 section 10.1)."""
    return x509.AuthorityInformationAccess([x509.AccessDescription(TN_LIST, x509.UniformResourceIdentifier(url))])


def _now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


class Cert:
    """A certificate with its key and what is above it. `scope` is a TNAuthList as text, None for none; `life` is from
    when to when, in days from now."""

    def __init__(self, name, issuer=None, scope=None, ca=False, life=(-1, 30), usage=None, extensions=(), critical=(),
                 curve=None, key=None):  # fmt: skip
        self.name, self.issuer, self.scope = name, issuer, scope
        self.key = key or ec.generate_private_key(curve or ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.serial = x509.random_serial_number()
        signer = issuer or self
        builder = (
            x509.CertificateBuilder().subject_name(self.subject).issuer_name(signer.subject)
            .public_key(self.key.public_key()).serial_number(self.serial)
            .not_valid_before(_now() + life[0] * DAY).not_valid_after(_now() + life[1] * DAY)
            .add_extension(x509.BasicConstraints(ca, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
            .add_extension(self._usage(usage or ("certs,crls" if ca else "signatures")), True)
        )  # fmt: skip
        if scope:
            builder = builder.add_extension(x509.UnrecognizedExtension(TNAUTH, tnauth(scope)), False)
        for extension in (*extensions, *critical):
            builder = builder.add_extension(extension, extension in critical)
        self.cert = builder.sign(signer.key, hashes.SHA256())

    @staticmethod
    def _usage(text):
        signatures, certs, crls = (word in text for word in ("signatures", "certs", "crls"))
        return x509.KeyUsage(signatures, False, False, False, False, certs, crls, False, False)

    @property
    def der(self):
        return self.cert.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption())  # fmt: skip

    @property
    def chain(self):
        """Leaf first, without the root."""
        return [self] + (self.issuer.chain if self.issuer and self.issuer.issuer else [])

    @property
    def chain_pem(self):
        return b"".join(c.pem for c in self.chain)

    def write(self, directory):
        """NAME.pem (the chain) and NAME.key; returns their paths."""
        paths = [os.path.join(directory, self.name + end) for end in (".pem", ".key")]
        for path, octets in zip(paths, (self.chain_pem, self.key_pem)):
            with open(path, "wb") as out:
                out.write(octets)
        return paths


def crl(issuer, revoked=(), indirect=False, life=(-1, 1)):
    """A revocation list, PEM, signed by `issuer`, of certificates; an indirect one names their own issuers."""
    builder = (
        x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
        .last_update(_now() + life[0] * DAY).next_update(_now() + life[1] * DAY)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), False)
        .add_extension(x509.CRLNumber(1), False)
    )  # fmt: skip
    if indirect:
        point = x509.IssuingDistributionPoint(None, None, False, False, None, True, False)
        builder = builder.add_extension(point, True)
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.serial).revocation_date(_now() - DAY)
        if indirect:
            entry = entry.add_extension(x509.CertificateIssuer([x509.DirectoryName(one.issuer.subject)]), True)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
