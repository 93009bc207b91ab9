"""Everything an operator decides, by environment variables that begin with HOLDFAST_ (or a file `.env`).

Lists are written with commas. `.env.example` names every variable with its default; a test holds the two together.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast.kit import guards
from holdfast.kit.errors import Error
from holdfast.kit.money import exponent
from holdfast.kit.zones import zone_of

SECRET_CHARACTERS_MIN = 32
_DIFFERENT_CHARACTERS_MIN = 10
DEMO_PACE = 10
#: Known to everybody who can read this file: good for one machine, refused in production.
KNOWN_SECRET = "known-to-everybody-and-refused-in-production"  # noqa: S105 - that is its point
KNOWN_SANDBOX_KEY = "sandbox-key-known-to-everybody"
KNOWN_SANDBOX_SECRET = "sandbox-secret-known-to-everybody"  # noqa: S105 - the same

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

Environment = Literal["development", "test", "demo", "production"]


class UnfitForProductionError(ValueError):
    """The settings would let money or accounts be stolen; the message names each of them."""

    def __init__(self, reasons: list[str]) -> None:
        self.reasons = reasons
        super().__init__("These settings are refused in production:\n" + "\n".join(f"- {reason}" for reason in reasons))


def _parted(value: Any) -> Any:  # noqa: ANN401 - text of the environment, or a value from code
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _network(text: str) -> str:
    return str(ip_network(text, strict=False))


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path.strip("/") or parts.query:
        message = f"{text!r} is no origin such as https://tickets.example.org"
        raise ValueError(message)
    return f"{parts.scheme}://{parts.netloc}"


def _currency(text: str) -> str:
    return _known(text, exponent)


def _sender(text: str) -> str:
    address = parseaddr(text)[1]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or not text.isprintable():
        message = f"{text!r} is no sender such as Tickets <tickets@example.org>"
        raise ValueError(message)
    return text


def _zone(text: str) -> str:
    return _known(text, zone_of)


def _known(text: str, look_up: Callable[[str], object]) -> str:
    try:
        look_up(text)
    except Error as error:
        raise ValueError(str(error)) from error
    return text


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parted)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_parted)]
Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_parted)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_parted)]


class Settings(BaseSettings):
    """Read once at the start of a process and handed on; never a global."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    environment: Environment = Field("development", description="production refuses what is unsafe; test moves clocks")
    secret: SecretStr = Field(
        SecretStr(KNOWN_SECRET), description="at least 32 random characters; every key of the platform is made of it"
    )
    former_secrets: Secrets = Field((), description="secrets of before, which still verify while one is replaced")
    data_folder: Path = Field(Path(".holdfast"), description="where files are kept: SQLite, letters, the sandbox")
    database_url: str | None = Field(None, description="postgresql://… or sqlite:///…; default: SQLite in the folder")
    pool_size: int = Field(10, ge=2, le=200, description="connections to the database a process")

    host: str = Field("127.0.0.1", description="the address to listen on; 0.0.0.0 for all")
    port: int = Field(8000, ge=0, le=65_535, description="the port to listen on")
    public_url: str | None = Field(None, description="where customers and gateways reach this platform")
    trusted_proxies: Networks = Field((), description="networks whose X-Forwarded-For and -Proto are believed")
    cors_origins: Origins = Field((), description="origins of other pages that may call the API from a browser")
    return_origins: Origins = Field((), description="origins customers may be sent back to after paying, besides ours")
    body_bytes_max: int = Field(1_000_000, ge=10_000, description="the largest body that a route reads by default")

    root_product: str | None = Field(None, description="the product that also stands at /api/v1 without its name")
    currency: Annotated[str, AfterValidator(_currency)] = Field("EGP", description="of the default provider, ISO 4217")
    region: str = Field("EG", pattern="^[A-Z]{2}$", description="the country national phone numbers are read in")
    zone: Annotated[str, AfterValidator(_zone)] = Field("Africa/Cairo", description="of new accounts, an IANA name")
    locale: Literal["en", "ar"] = Field("en", description="of new accounts")

    gateways: Words = Field(("sandbox",), min_length=1, description="payment gateways in the order they are tried")
    sandbox_url: str | None = Field(None, description="a sandbox that runs by itself; default: /sandbox of this server")
    sandbox_api_key: SecretStr = Field(SecretStr(KNOWN_SANDBOX_KEY), description="what we call the sandbox with")
    sandbox_webhook_secrets: Secrets = Field(
        (SecretStr(KNOWN_SANDBOX_SECRET),), min_length=1, description="what its webhooks are signed with, newest first"
    )

    letters_folder: Path | None = Field(
        None, description="where letters are put that no sender below takes; default: in the folder"
    )
    smtp_host: str | None = Field(None, description="the server that takes our e-mails; without it they go to files")
    smtp_port: int = Field(587, ge=1, le=65_535, description="its port: 587 with starttls, 465 with tls")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="none: for a relay on this machine alone"
    )
    smtp_username: str | None = Field(None, description="whom we sign in as there; without it we don't")
    smtp_password: SecretStr | None = Field(None, description="its password")
    smtp_from: Annotated[str, AfterValidator(_sender)] | None = Field(
        None, description="whom e-mails come from: Tickets <tickets@example.org>"
    )
    sms_url: str | None = Field(None, description="takes each SMS as JSON {id, to, text}; without it they go to files")
    sms_secret: SecretStr | None = Field(None, description="sent there as a bearer token")

    sockets_max: int = Field(5_000, ge=1, description="sockets that one process keeps open")
    sockets_per_address_max: int = Field(100, ge=1, description="sockets from one caller's address")

    webhook_endpoints_max: int = Field(10, ge=1, le=1_000, description="webhook endpoints that one provider may have")
    webhook_private_addresses: bool = Field(
        default=False, description="webhooks may go to http:// and to this machine and its network, to try them out"
    )

    bcrypt_cost: int = Field(12, ge=4, le=16, description="of passwords; each step doubles the time of a sign-in")
    holds_per_user_and_minute: int = Field(30, ge=1, description="holds that one account may ask for")
    sign_ins_per_account: int = Field(10, ge=1, description="tries to sign in to one account within the window")
    sign_in_window_minutes: int = Field(10, ge=1, description="that window")
    letters_per_contact: int = Field(3, ge=1, description="letters with a code or link to one contact in 10 minutes")
    letters_per_contact_and_day: int = Field(10, ge=1, description="the same in a day")
    letters_per_address_and_hour: int = Field(100, ge=1, description="the same for one caller's address in an hour")

    metrics_token: SecretStr | None = Field(None, min_length=16, description="the bearer token that may read /metrics")
    metrics_networks: Networks = Field((), description="networks that may read /metrics; production: nobody else")
    worker_port: int | None = Field(
        None, ge=0, le=65_535, description="where `holdfast worker` tells its health and metrics; default: nowhere"
    )

    with_worker: bool = Field(default=False, description="`holdfast serve` also does the jobs (its option decides)")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="the least that is logged")
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: text on a terminal, else JSON")

    demo_fast: bool = Field(default=False, description="every clock of a booking runs ten times as fast")
    test_without: Words = Field((), description="guards to leave out, in environment test only")

    @model_validator(mode="after")
    def _is_possible(self) -> "Settings":
        if self.test_without and self.environment != "test":
            message = "HOLDFAST_TEST_WITHOUT leaves guards out: only in environment test"
            raise ValueError(message)
        if unknown := set(self.test_without) - guards.NAMES:
            message = f"HOLDFAST_TEST_WITHOUT names no guards: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        if self.environment != "production" and self._looks.is_short:  # there, `check` names it with all else
            message = f"HOLDFAST_SECRET and HOLDFAST_FORMER_SECRETS have at least {SECRET_CHARACTERS_MIN} characters"
            raise ValueError(message)
        if self.smtp_host is not None and self.smtp_from is None:
            message = "HOLDFAST_SMTP_HOST is set: say in HOLDFAST_SMTP_FROM whom e-mails come from"
            raise ValueError(message)
        if self.sms_url is not None and self.sms_secret is None:
            message = "HOLDFAST_SMS_URL is set: say in HOLDFAST_SMS_SECRET what we show there"
            raise ValueError(message)
        if unknown := set(self.gateways) - {"sandbox"}:
            message = f"HOLDFAST_GATEWAYS names gateways that there are not: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        return self

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.data_folder / 'holdfast.sqlite3'}"

    @property
    def origin(self) -> str:
        """Where we are reached, without a slash at its end."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def sandbox(self) -> str:
        return (self.sandbox_url or f"{self.origin}/sandbox").rstrip("/")

    @property
    def has_sandbox_inside(self) -> bool:
        return "sandbox" in self.gateways and self.sandbox_url is None

    @property
    def letters(self) -> Path:
        return self.letters_folder or self.data_folder / "letters"

    @property
    def has_test_clock(self) -> bool:
        return self.environment == "test"

    @property
    def pace(self) -> int:
        """By what every clock of a booking is divided."""
        return DEMO_PACE if self.demo_fast else 1

    @property
    def return_addresses(self) -> frozenset[str]:
        """Origins a customer may be sent to after paying: ours and those listed."""
        parts = urlsplit(self.origin)
        return frozenset({f"{parts.scheme}://{parts.netloc}", *self.return_origins})

    def refused_in_production(self) -> list[str]:
        """Each setting that production would refuse, in words."""
        looks = self._looks
        found = {
            f"HOLDFAST_SECRET (or a former one) has fewer than {SECRET_CHARACTERS_MIN} characters": looks.is_short,
            "HOLDFAST_SECRET (or a former one) is the default, which everybody knows": looks.is_known,
            "HOLDFAST_SECRET (or a former one) repeats itself: take random characters": looks.is_dull,
            "HOLDFAST_GATEWAYS names the sandbox, where nobody pays": "sandbox" in self.gateways,
            "e-mails with codes go to files (HOLDFAST_LETTERS_FOLDER): no HOLDFAST_SMTP_HOST is set": (
                self.smtp_host is None
            ),
            "SMS with codes go to files (HOLDFAST_LETTERS_FOLDER): no HOLDFAST_SMS_URL is set": self.sms_url is None,
            "HOLDFAST_SMTP_SECURITY is none, so that e-mails with codes travel in the open": (
                self.smtp_security == "none" and self.smtp_host not in {None, *_THIS_MACHINE}
            ),
            "HOLDFAST_SMS_URL is plain http, so that codes travel in the open": (
                self.sms_url is not None
                and urlsplit(self.sms_url).scheme != "https"
                and urlsplit(self.sms_url).hostname not in _THIS_MACHINE
            ),
            "HOLDFAST_WEBHOOK_PRIVATE_ADDRESSES lets providers call into this network": self.webhook_private_addresses,
            "HOLDFAST_DEMO_FAST lets bookings end ten times too early": self.demo_fast,
            "HOLDFAST_TEST_WITHOUT leaves guards out": bool(self.test_without),
            "HOLDFAST_PUBLIC_URL is plain http and no HOLDFAST_TRUSTED_PROXIES are named": (
                not self.origin.startswith("https://") and not self.trusted_proxies
            ),
        }
        return [reason for reason, is_so in found.items() if is_so]

    @property
    def secrets(self) -> tuple[str, ...]:
        """The present one first."""
        return tuple(secret.get_secret_value() for secret in (self.secret, *self.former_secrets))

    @property
    def _looks(self) -> "Looks":
        return Looks.of(self.secrets)

    def check(self) -> None:
        """Raise UnfitForProductionError where production must not start so; every process asks before it begins."""
        if self.environment == "production" and (reasons := self.refused_in_production()):
            raise UnfitForProductionError(reasons)


@dataclass(frozen=True, slots=True)
class Looks:
    """What can be seen of secrets without knowing how they were made."""

    is_known: bool
    is_short: bool
    is_dull: bool

    @classmethod
    def of(cls, secrets: tuple[str, ...]) -> "Looks":
        return cls(
            is_known=KNOWN_SECRET in secrets,
            is_short=any(len(secret) < SECRET_CHARACTERS_MIN for secret in secrets),
            is_dull=any(len(set(secret)) < _DIFFERENT_CHARACTERS_MIN for secret in secrets),
        )


def variables() -> Mapping[str, str]:
    """Every variable with what it is for."""
    return {f"HOLDFAST_{name.upper()}": str(field.description) for name, field in Settings.model_fields.items()}
