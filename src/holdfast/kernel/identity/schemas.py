"""What travels about accounts. No request names a role, a provider or an owner: an unknown field is 422."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from holdfast.kernel.identity.values import Login, ProfileChange, SignedIn, User
from holdfast.kit.fields import Answer, Body, IdField, ShortText
from holdfast.kit.zones import zone_of


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


PersonName = Annotated[ShortText, StringConstraints(max_length=100)]
Email = Annotated[str, StringConstraints(min_length=3, max_length=254)]
#: Longer than bcrypt reads, so that the rule itself can say what is wrong.
Password = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Phone = Annotated[str, StringConstraints(min_length=5, max_length=30)]
Locale = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Zone = Annotated[str, StringConstraints(max_length=40), AfterValidator(_known_zone)]
Token = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Digits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Delivery = Literal["cookie", "body"]


class _WithPhone(Body):
    """`phone` is another name of phone_number; both at once are one too many."""

    phone_number: Phone = Field(examples=["+201001234567"])

    @model_validator(mode="before")
    @classmethod
    def _alias(cls, sent: Any) -> Any:  # noqa: ANN401 - whatever was sent
        if isinstance(sent, dict) and "phone" in sent and "phone_number" not in sent:
            return {**{name: value for name, value in sent.items() if name != "phone"}, "phone_number": sent["phone"]}
        return sent


class Registration(_WithPhone):
    email: Email = Field(examples=["amal@example.org"])
    password: Password = Field(examples=["Nile-2026"])
    first_name: PersonName = Field(examples=["Amal"])
    last_name: PersonName = Field(examples=["Hassan"])
    locale: Locale | None = None
    zone: Zone | None = None


class SignIn(Body):
    """`token_delivery`: a browser takes the refresh token as a cookie that no script reads, a program in the body."""

    email: Email
    password: Password
    totp_code: Digits | None = None
    token_delivery: Delivery = "cookie"  # noqa: S105 - a word, not a secret


class RefreshToken(Body):
    """In the body where it was handed out in one, else in the cookie."""

    refresh_token: Token | None = None


class EmailProof(Body):
    """`password` (or being signed in) shows that the account is the prover's own."""

    token: Token
    password: Password | None = None


class ForgottenPassword(Body):
    email: Email


class PasswordReset(Body):
    token: Token
    password: Password


class PasswordChange(Body):
    old_password: Password
    new_password: Password


class EmailChange(Body):
    email: Email
    password: Password


class PhoneChange(_WithPhone):
    password: Password


class PhoneProof(Body):
    verification_id: IdField
    code: Digits


class TotpBeginning(Body):
    password: Password


class TotpCode(Body):
    code: Digits


class TotpRemoval(Body):
    password: Password
    code: Digits


class ProfileEdit(Body):
    """What is left out stays as it is. `is_active` is an admin's to change."""

    first_name: PersonName | None = None
    last_name: PersonName | None = None
    locale: Locale | None = None
    zone: Zone | None = None
    is_active: bool | None = None

    def change(self) -> ProfileChange:
        return ProfileChange(self.first_name, self.last_name, self.locale, self.zone, self.is_active)


class RoleGrant(Body):
    role: Annotated[str, StringConstraints(min_length=1, max_length=30)]


class UserView(Answer):
    id: UUID
    email: str | None
    phone_number: str | None
    first_name: str
    last_name: str
    role: str
    roles: list[str]
    locale: str
    zone: str
    is_active: bool
    is_verified: bool
    is_email_verified: bool
    is_phone_verified: bool
    has_totp: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserView":
        return cls(
            id=user.id,
            email=user.email,
            phone_number=user.phone_number,
            first_name=user.first_name,
            last_name=user.last_name,
            role=user.role,
            roles=sorted(user.roles),
            locale=user.locale,
            zone=user.zone,
            is_active=user.is_active,
            is_verified=user.is_verified,
            is_email_verified=user.email_verified_at is not None,
            is_phone_verified=user.phone_verified_at is not None,
            has_totp=user.has_totp,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class TokensView(Answer):
    """`refresh_token` is null where it went into the cookie.

    `totp_setup_required`: some roles are withheld until an authenticator app is set up.
    """

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - a word, not a secret
    expires_in: int
    refresh_token: str | None
    totp_setup_required: bool = False
    user: UserView

    @classmethod
    def of(cls, signed_in: SignedIn, *, delivery: Delivery) -> "TokensView":
        held = signed_in.tokens
        return cls(
            access_token=held.access_token,
            expires_in=held.access_seconds,
            refresh_token=held.refresh_token if delivery == "body" else None,
            totp_setup_required=signed_in.lacks_totp,
            user=UserView.of(signed_in.user),
        )


class VerifiedView(Answer):
    """`reset_token`: choose a password with it (POST /auth/reset-password) where the one set before was unset."""

    user: UserView
    is_password_kept: bool
    reset_token: str | None


class VerificationView(Answer):
    verification_id: UUID
    expires_at: datetime


class TotpView(Answer):
    secret: str
    uri: str


class LoginView(Answer):
    id: UUID
    agent: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    is_current: bool

    @classmethod
    def of(cls, login: Login, *, current: UUID | None) -> "LoginView":
        return cls(
            id=login.id,
            agent=login.agent,
            created_at=login.created_at,
            last_used_at=login.last_used_at,
            expires_at=login.expires_at,
            is_current=login.id == current,
        )


class LoginsView(Answer):
    items: list[LoginView]
    next_cursor: None = None


class JwkSet(Answer):
    keys: list[dict[str, str]]
