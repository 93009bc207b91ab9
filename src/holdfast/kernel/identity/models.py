"""What we remember of people, their sign-ins and the providers they work for.

Personal data stand in `users` alone (names, contacts) and in `logins.agent`; everything else names a user by id, so
that erasing blanks one row. A contact is unique only once it is verified: until then anybody may have typed it.
"""

import sqlalchemy as sa

from holdfast.kernel.identity.values import MEMBER_ROLES
from holdfast.kit.db import Id, Json, Moment, metadata, one_of


def _unique_where(name: str, column: str, condition: str) -> sa.Index:
    where = sa.text(condition)
    return sa.Index(name, column, unique=True, postgresql_where=where, sqlite_where=where)


users = sa.Table(
    "users",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("email", sa.String(254)),
    sa.Column("email_key", sa.String(254)),  # as compared: normalized and folded
    sa.Column("email_verified_at", Moment),
    sa.Column("phone_number", sa.String(16)),  # E.164
    sa.Column("phone_verified_at", Moment),
    sa.Column("pending_email", sa.String(254)),  # asked for, not proved yet
    sa.Column("pending_phone", sa.String(16)),
    sa.Column("previous_email", sa.String(254)),  # still to be told of the change
    sa.Column("previous_phone", sa.String(16)),
    sa.Column("password_hash", sa.String(128)),
    sa.Column("first_name", sa.String(100), nullable=False),
    sa.Column("last_name", sa.String(100), nullable=False),
    sa.Column("locale", sa.String(10), nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("erased_at", Moment),
    sa.CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_has_key"),
    sa.CheckConstraint("email_verified_at IS NULL OR email IS NOT NULL", name="verified_email_is_there"),
    sa.CheckConstraint("phone_verified_at IS NULL OR phone_number IS NOT NULL", name="verified_phone_is_there"),
    sa.CheckConstraint(
        "erased_at IS NULL OR (email IS NULL AND phone_number IS NULL AND password_hash IS NULL AND NOT is_active)",
        name="erased_is_blank",
    ),
    sa.Index("ix_users_email_key", "email_key"),
    sa.Index("ix_users_phone_number", "phone_number"),
    _unique_where("uq_users_verified_email", "email_key", "email_verified_at IS NOT NULL"),
    _unique_where("uq_users_verified_phone", "phone_number", "phone_verified_at IS NOT NULL"),
)

#: Roles beyond customer, which everyone has. Which words there are is the products' to say, so no check here.
user_roles = sa.Table(
    "user_roles",
    metadata,
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("role", sa.String(30), primary_key=True),
    sa.Column("granted_by", Id, sa.ForeignKey("users.id")),
    sa.Column("granted_at", Moment, nullable=False),
    sa.CheckConstraint("granted_by IS NULL OR granted_by <> user_id", name="not_by_oneself"),
)

logins = sa.Table(
    "logins",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("agent", sa.String(200)),
    sa.Column("page_token_hash", sa.String(64), unique=True),  # of the cookie by which pages know this login
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("last_used_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.Column("ended_because", sa.String(15)),
    one_of("ended_because", ("logout", "ended_by_user", "password", "contact", "reuse", "deactivated")),
    sa.CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="an_end_has_a_reason"),
    sa.Index("ix_logins_user_id", "user_id"),
    sa.Index("ix_logins_expires_at", "expires_at"),
)

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("login_id", Id, sa.ForeignKey("logins.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    sa.Index("ix_refresh_tokens_login_id", "login_id"),
)

#: Codes and links on their way. The code is derived from the id and the platform's secret: nothing of it stands here.
verifications = sa.Table(
    "verifications",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), nullable=False),
    sa.Column("purpose", sa.String(15), nullable=False),
    sa.Column("contact_hash", sa.String(64), nullable=False),  # good only for the contact it was sent to
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment, nullable=False),
    sa.Column("used_at", Moment),
    one_of("purpose", ("verify_email", "reset_password", "verify_phone")),
    sa.CheckConstraint("tries >= 0", name="tries_counted"),
    sa.Index("ix_verifications_user_id", "user_id", "purpose"),
    sa.Index("ix_verifications_expires_at", "expires_at"),
)

totp_secrets = sa.Table(
    "totp_secrets",
    metadata,
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),  # of the newest code used: each is good once
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("confirmed_at", Moment),
)

providers = sa.Table(
    "providers",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("name_key", sa.String(120), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("zone", sa.String(40), nullable=False),
    sa.Column("is_default", sa.Boolean, nullable=False),
    sa.Column("platform_fee_bps", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("deleted_at", Moment),
    sa.CheckConstraint("platform_fee_bps BETWEEN 0 AND 10000", name="platform_fee_bps_in_range"),
    sa.CheckConstraint("length(currency) = 3", name="currency_is_a_code"),
    _unique_where("uq_providers_name_key", "name_key", "deleted_at IS NULL"),
    _unique_where("uq_providers_is_default", "is_default", "is_default AND deleted_at IS NULL"),
)

provider_members = sa.Table(
    "provider_members",
    metadata,
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    one_of("role", MEMBER_ROLES),
    sa.Index("ix_provider_members_user_id", "user_id"),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("provider_id", Id, sa.ForeignKey("providers.id"), nullable=False),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("hint", sa.String(12), nullable=False),
    sa.Column("key_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("created_by", Id, sa.ForeignKey("users.id")),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("expires_at", Moment),
    sa.Column("last_used_at", Moment),
    sa.Column("revoked_at", Moment),
    sa.Index("ix_api_keys_provider_id", "provider_id"),
)
