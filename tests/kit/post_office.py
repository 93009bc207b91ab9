"""A real SMTP server on this machine, with a certificate of its own, that takes letters or refuses them as told."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdfast.kit.letters import Attachment, Letter
from holdfast.kit.smtp import Security, SmtpSender

USERNAME, PASSWORD = "tickets", "Canary-of-the-mail-7"


@dataclass
class PostOffice:
    """`refuses`: what it answers to a command instead of taking it, by its name."""

    port: int = 0
    trust: ssl.SSLContext | None = None
    refuses: dict[str, str] = field(default_factory=dict)
    got: list[EmailMessage] = field(default_factory=list)
    envelopes: list[Envelope] = field(default_factory=list)
    were_encrypted: list[bool] = field(default_factory=list)

    def sender(self, **changes: Any) -> SmtpSender:
        known: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "sender": "Tickets <tickets@example.org>",
            "username": USERNAME,
            "password": PASSWORD,
            "tls": self.trust,
            "seconds_max": 5.0,
        }
        return SmtpSender(**(known | changes))

    async def handle_MAIL(  # noqa: N802 - the server's own names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.refuses.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if "RCPT" in self.refuses:
            return f"{self.refuses['RCPT']} <{address}>"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "DATA" in self.refuses:
            return self.refuses["DATA"]
        assert isinstance(envelope.content, bytes)
        message = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(message, EmailMessage)
        self.got.append(message)
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.were_encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(self, _server: SMTP, _session: Session, _envelope: Envelope, _how: str, data: Any) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USERNAME.encode(),
            PASSWORD.encode(),
        )
        return AuthResult(success=is_right, handled=False)


@contextlib.asynccontextmanager
async def open_office(folder: Path, *, security: Security = "starttls") -> AsyncIterator[PostOffice]:
    """It listens on a free port. With starttls it insists upon that, and upon a sign-in."""
    office, is_careful = PostOffice(), security == "starttls"
    own, office.trust = _contexts(folder)

    def protocol() -> SMTP:
        return SMTP(
            office,
            hostname="mail.example.org",
            tls_context=own if is_careful else None,
            require_starttls=is_careful,
            auth_required=is_careful,  # of sign-ins over TLS from the first byte this server knows nothing
            authenticator=office.authenticate,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=own if security == "tls" else None
    )
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()


def letter(**changes: Any) -> Letter:
    """A letter with everything that one can have."""
    known: dict[str, Any] = {
        "channel": "email",
        "to": "amal@example.org",
        "subject": "تم تأكيد حجزك",
        "text": "مرحبًا Amal،\n\nتم تأكيد حجزك.",
        "template": "confirmed",
        "written_at": datetime(2026, 11, 21, 8, 30, tzinfo=UTC),
        "html": '<html lang="ar" dir="rtl"><body>مرحبًا</body></html>',
        "attachments": (
            Attachment("tickets-ABC.pdf", "application/pdf", b"%PDF-1.7 \xff\x00"),
            Attachment("booking-ABC.ics", "text/calendar; charset=utf-8; method=PUBLISH", "SUMMARY:قاعة\r\n".encode()),
        ),
        "locale": "ar",
    }
    return Letter(**(known | changes))


def _contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's, and that of a client who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail.pem"
    pem.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    own = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    own.load_cert_chain(pem)
    return own, ssl.create_default_context(cafile=str(pem))
