"""What the operator of the platform decides about accounts; every limit has its name here."""

from dataclasses import dataclass

CUSTOMER = "customer"
ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Handed in by the application, never global. Names say the unit.

    `secret`: the platform's; every key (tokens, codes, sealed secrets) is derived from it. `previous_secrets` still
    verify. `roles`: every role there is, lowest first: the kernel's own are customer and admin, the others are words
    of products. `public_url`: where links in letters lead.
    """

    secret: str
    previous_secrets: tuple[str, ...] = ()
    issuer: str = "holdfast"
    audience: str = "holdfast"
    public_url: str = "http://localhost:8000"
    region: str = "EG"
    zone: str = "UTC"
    locale: str = "en"
    roles: tuple[str, ...] = (CUSTOMER, ADMIN)

    access_token_minutes: int = 30
    refresh_token_days: int = 30
    login_days_max: int = 90
    refresh_grace_seconds: int = 10
    are_cookies_secure: bool = True
    token_cache_max: int = 50_000
    recheck_seconds: float = 1.0  # how long a revoked token may still pass (spec: within 1 s in every process)

    bcrypt_cost: int = 12
    totp_roles: frozenset[str] = frozenset({ADMIN, "finance", "operator"})
    is_totp_required: bool = False

    verify_link_hours: int = 48
    reset_link_minutes: int = 60
    phone_code_minutes: int = 5
    code_tries_max: int = 5

    sign_ins_per_account: int = 10
    sign_in_window_minutes: int = 10
    letters_per_contact: int = 3
    letters_window_minutes: int = 10
    letters_per_contact_and_day: int = 10
    letters_per_address_and_hour: int = 100

    @property
    def secrets(self) -> tuple[str, ...]:
        """The present one first."""
        return (self.secret, *self.previous_secrets)
