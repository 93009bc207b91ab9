"""What every process of the platform is made of, from its settings: server, worker and command line alike."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.app.products import PRODUCTS
from holdfast.app.settings import Settings
from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel.checkout import Till, TillBatch
from holdfast.kernel.holds import Batcher
from holdfast.kernel.identity import ADMIN, CUSTOMER, IdentitySettings
from holdfast.kernel.inventory import Clocks
from holdfast.kernel.payments import Gateway
from holdfast.kernel.product import Product, Products
from holdfast.kernel.tickets import TicketKey
from holdfast.kernel.webhooks import WebhookSettings
from holdfast.kit import logs, smtp
from holdfast.kit.db import Database
from holdfast.kit.guards import Guards
from holdfast.kit.letters import ByChannel, FileSender, Sender
from holdfast.kit.outgoing import Calls
from holdfast.kit.ratelimit import LocalBucket
from holdfast.kit.secrets import derive
from holdfast.kit.sms import SmsSender

API = "/api/v1"


@dataclass(frozen=True, slots=True)
class House:
    """The parts of one process. `close` lets go of what it opened itself."""

    settings: Settings
    database: Database
    products: Products
    identity: IdentitySettings
    till: Till
    #: what holds ride in
    batcher: Batcher
    #: the first signs, all verify
    ticket_keys: tuple[TicketKey, ...]
    sender: Sender
    #: holds a user may ask for: a bucket in this process
    hold_bucket: LocalBucket
    #: how facts are sent to the programs of providers
    webhooks: WebhookSettings
    is_database_ours: bool = field(default=True)

    async def close(self) -> None:
        await self.batcher.close()
        if self.till.batch is not None:
            await self.till.batch.close()
        for gateway in self.till.gateways.values():
            await gateway.close()
        if self.is_database_ours:
            await self.database.close()


def build(
    settings: Settings,
    *,
    database: Database | None = None,
    gateways: Mapping[str, Gateway] | None = None,
    sender: Sender | None = None,
    products: tuple[Product, ...] = PRODUCTS,
) -> House:
    """Put the parts together; nothing is reached yet. UnfitForProductionError.

    A test may hand in a database that it owns, gateways that need no port, and a sender that keeps letters.
    """
    settings.check()
    if gateways is None:
        gateways = {name: _gateway(settings, name) for name in settings.gateways}
    ours, clocks = database or open_database(settings), Clocks(pace=settings.pace)
    return House(
        settings=settings,
        database=ours,
        products=Products(products, _root(settings, products)),
        identity=identity_settings(settings, products),
        till=Till(
            gateways=gateways,
            clocks=clocks,
            webhook_base=f"{settings.origin}{API}/payments/webhook",
            batch=TillBatch(ours),
        ),
        batcher=Batcher(ours, clocks),
        ticket_keys=tuple(TicketKey.from_seed(derive(secret, "tickets")) for secret in settings.secrets),
        sender=sender or _sender(settings),
        hold_bucket=LocalBucket(rate=settings.holds_per_user_and_minute / 60, burst=settings.holds_per_user_and_minute),
        webhooks=WebhookSettings(
            secrets=settings.secrets,
            endpoints_max=settings.webhook_endpoints_max,
            calls=Calls(are_private_allowed=settings.webhook_private_addresses),
        ),
        is_database_ours=database is None,
    )


def speak(settings: Settings, *, is_chatty: bool = True) -> None:
    """Log as the settings say, once a process; a command that ends speaks for itself and logs only what went wrong."""
    as_json = {"auto": None, "json": True, "text": False}[settings.log_format]
    logs.configure(level=settings.log_level if is_chatty else "WARNING", as_json=as_json)
    for name in ("httpx2", "httpcore2", "alembic"):  # the addresses they log hold references; what fails, we say
        logging.getLogger(name).setLevel(logging.WARNING)


def open_database(settings: Settings) -> Database:
    """The platform's database, with the guards and the clock of this environment."""
    return Database(
        settings.database,
        pool_size=settings.pool_size,
        guards=Guards(frozenset(settings.test_without)),
        test_clock=settings.has_test_clock,
    )


def identity_settings(settings: Settings, products: tuple[Product, ...] = PRODUCTS) -> IdentitySettings:
    """What identity is told; its roles are the kernel's own and those that products register, lowest first."""
    staff = sorted({role for product in products for role in product.roles})
    return IdentitySettings(
        secret=settings.secrets[0],
        previous_secrets=settings.secrets[1:],
        public_url=settings.origin,
        region=settings.region,
        zone=settings.zone,
        locale=settings.locale,
        roles=(CUSTOMER, *staff, ADMIN),
        are_cookies_secure=settings.origin.startswith("https://"),
        bcrypt_cost=settings.bcrypt_cost,
        is_totp_required=settings.environment == "production",
        sign_ins_per_account=settings.sign_ins_per_account,
        sign_in_window_minutes=settings.sign_in_window_minutes,
        letters_per_contact=settings.letters_per_contact,
        letters_per_contact_and_day=settings.letters_per_contact_and_day,
        letters_per_address_and_hour=settings.letters_per_address_and_hour,
    )


def _root(settings: Settings, products: tuple[Product, ...]) -> str | None:
    names = [product.name for product in products]
    if settings.root_product is not None and settings.root_product not in names:
        message = f"HOLDFAST_ROOT_PRODUCT names {settings.root_product!r}; there are: {', '.join(names)}"
        raise ValueError(message)
    return settings.root_product


def _sender(settings: Settings) -> Sender:
    """E-mail by SMTP and SMS by the provider where they are set up; into files what is not."""
    files = FileSender(settings.letters)
    email: Sender = files
    if settings.smtp_host is not None:
        if not smtp.is_installed():
            message = "HOLDFAST_SMTP_HOST is set, but aiosmtplib is not installed: pip install 'holdfast[smtp]'"
            raise ValueError(message)
        email = smtp.SmtpSender(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=str(settings.smtp_from),
            security=settings.smtp_security,
            username=settings.smtp_username,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password is not None else None,
        )
    sms: Sender = files
    if settings.sms_url is not None and settings.sms_secret is not None:
        sms = SmsSender(settings.sms_url, settings.sms_secret.get_secret_value())
    return ByChannel(email=email, sms=sms)


def _gateway(settings: Settings, name: str) -> Gateway:
    assert name == "sandbox", "the settings know the names of gateways"
    return SandboxGateway(
        settings.sandbox,
        api_key=settings.sandbox_api_key.get_secret_value(),
        secrets=tuple(secret.get_secret_value() for secret in settings.sandbox_webhook_secrets),
    )
