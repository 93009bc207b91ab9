"""The second factor: codes of an authenticator app (TOTP), each good once; the secret is sealed at rest."""

from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import queries, rules
from holdfast.kernel.identity.errors import TotpExists, TotpMissing, TotpNeeded, WrongTotp
from holdfast.kernel.identity.models import totp_secrets
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import TotpSetup
from holdfast.kit import secrets
from holdfast.kit.db import Transaction

_PURPOSE = "totp secret"


async def begin(
    db: Transaction, user_id: UUID, *, label: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> TotpSetup:
    """A new secret, shown once and asked for at sign-in only after `confirm`. TotpExists."""
    import pyotp  # noqa: PLC0415 - only privileged accounts have one

    present = await queries.totp_secret(db, user_id)
    if present is not None and present.is_confirmed:
        raise TotpExists
    secret = pyotp.random_base32()
    sealed = secrets.seal(settings.secret, _PURPOSE, secret.encode(), about=user_id.bytes)
    values = {"sealed": sealed, "last_step": 0, "created_at": now}
    statement = db.insert(totp_secrets).values(user_id=user_id, **values)
    await db.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
    await _record(db, "totp_begun", user_id, actor=actor, now=now)
    return TotpSetup(secret, pyotp.TOTP(secret).provisioning_uri(name=label, issuer_name=settings.issuer))


async def confirm(
    db: Transaction, user_id: UUID, *, code: str, settings: IdentitySettings, actor: Actor, now: datetime
) -> None:
    """The app shows the right codes: from now on it is asked for. TotpMissing, TotpExists, WrongTotp."""
    present = await queries.totp_secret(db, user_id)
    if present is None:
        raise TotpMissing
    if present.is_confirmed:
        raise TotpExists
    await _use(db, user_id, present, code=code, settings=settings, now=now)
    await db.execute(sa.update(totp_secrets).where(totp_secrets.c.user_id == user_id).values(confirmed_at=now))
    await _record(db, "totp_confirmed", user_id, actor=actor, now=now)


async def check(db: Transaction, user_id: UUID, *, code: str | None, settings: IdentitySettings, now: datetime) -> None:
    """Nothing where none is set up. TotpNeeded without a code, WrongTotp for a wrong or used one."""
    present = await queries.totp_secret(db, user_id)
    if present is None or not present.is_confirmed:
        return
    if code is None:
        raise TotpNeeded
    await _use(db, user_id, present, code=code, settings=settings, now=now)


async def remove(db: Transaction, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Ask for it no more. TotpMissing."""
    if not await db.execute(sa.delete(totp_secrets).where(totp_secrets.c.user_id == user_id)):
        raise TotpMissing
    await _record(db, "totp_removed", user_id, actor=actor, now=now)


async def _use(
    db: Transaction, user_id: UUID, present: queries.TotpSecret, *, code: str, settings: IdentitySettings, now: datetime
) -> None:
    opened = secrets.unseal(settings.secrets, _PURPOSE, present.sealed, about=user_id.bytes)
    assert opened is not None, "sealed under a secret that is not configured any more"
    step = rules.totp_step(opened.decode(), code, now=now, last_step=present.last_step)
    unused = sa.and_(totp_secrets.c.user_id == user_id, totp_secrets.c.last_step < (step or 0))
    if step is None or not await db.execute(sa.update(totp_secrets).where(unused).values(last_step=step)):
        raise WrongTotp


async def _record(db: Transaction, action: str, user_id: UUID, *, actor: Actor, now: datetime) -> None:
    await audit.record(db, actor=actor, action=action, entity_type="user", entity_id=user_id, now=now)
