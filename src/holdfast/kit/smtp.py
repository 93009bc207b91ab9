"""Send letters by SMTP: one connection a letter, TLS verified, and no address or text in what is raised or logged."""

import importlib.util
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Literal

from holdfast.kit.letters import Attachment, Letter, LetterNotSent, LetterRefused

Security = Literal["starttls", "tls", "none"]
SECONDS_MAX = 20.0
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """`security`: starttls (port 587), tls from the first byte (465), or none, for a relay on this machine.

    `sender`: "Holdfast <tickets@example.org>". `tls`: whose certificates are trusted, the system's where None.
    """

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    seconds_max: float = SECONDS_MAX
    tls: ssl.SSLContext | None = None

    async def send(self, letter: Letter) -> None:
        """LetterRefused where the server refuses recipient or letter for good; LetterNotSent for all else.

        A refused sign-in, sender or greeting is a matter of settings: those letters wait until it is mended.
        """
        import aiosmtplib  # noqa: PLC0415 - an extra

        try:
            message = message_of(letter, sender=self.sender)
        except ValueError:
            raise LetterRefused("unwritable") from None
        try:
            await aiosmtplib.send(
                message,
                sender=parseaddr(self.sender)[1],
                recipients=[letter.to],
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                use_tls=self.security == "tls",
                start_tls=self.security == "starttls",
                tls_context=self.tls,
                timeout=self.seconds_max,
            )
        except aiosmtplib.SMTPRecipientsRefused as refused:
            raise _told(refused.recipients[0].code) from None  # its words hold the address
        except aiosmtplib.SMTPDataError as refused:
            raise _told(refused.code) from None
        except aiosmtplib.SMTPResponseException as refused:
            raise LetterNotSent(_why(refused.code)) from None
        except (aiosmtplib.SMTPException, OSError) as failed:
            raise LetterNotSent(type(failed).__name__) from None


def is_installed() -> bool:
    """Whether the extra `smtp` is there."""
    return importlib.util.find_spec("aiosmtplib") is not None


def message_of(letter: Letter, *, sender: str) -> EmailMessage:
    """The letter as it travels. A repeat has the same Message-ID, so that mailboxes can tell it from a second one."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = letter.to
    message["Subject"] = " ".join(letter.subject.split())
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's holiday notice answers it
    message.set_content(letter.text)
    if letter.html is not None:
        message.add_alternative(letter.html, subtype="html")
    for attachment in letter.attachments:
        _attach(message, attachment)
    message["Content-Language"] = letter.locale  # only now: headers about content move with it into a part
    return message


def _attach(message: EmailMessage, attachment: Attachment) -> None:
    media_type, *parameters = (part.strip() for part in attachment.media_type.split(";"))
    maintype, _, subtype = media_type.partition("/")
    message.add_attachment(
        attachment.content,
        maintype=maintype,
        subtype=subtype,
        filename=attachment.name,
        params=dict(parameter.split("=", 1) for parameter in parameters),
    )


def _told(code: int) -> LetterRefused | LetterNotSent:
    return LetterRefused(_why(code)) if code >= _PERMANENT else LetterNotSent(_why(code))


def _why(code: int) -> str:
    return f"SMTP {code}"
