"""Prove contacts, change them, change passwords, set up the second factor: each asks for an old proof.

bcrypt runs outside of any transaction; a wrong guess of a code is committed before it is told.
"""

from datetime import timedelta
from uuid import UUID

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import actions, limits, passwords, queries, rules, verifications
from holdfast.kernel.identity.errors import InvalidCode, WrongPassword
from holdfast.kernel.identity.proofs import contacts, second_factor
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kernel.identity.values import Purpose, TotpSetup, User, Verification, Verified
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction

_RESET_AFTER_PROOF = timedelta(minutes=15)


async def verify_email(
    database: Database, settings: IdentitySettings, *, token: str, password: str | None, actor: Actor
) -> Verified:
    """The address of a link is its account's. Signed in to that account, or with its password, all else stays.

    Otherwise whoever set the password may be a stranger: it is unset, its logins end, and the prover gets a token to
    choose one with. InvalidCode, WrongPassword, ProofNeeded, EmailTaken.
    """
    verification = await _try_link(database, settings, token=token, purpose="verify_email")
    is_known = actor.user_id == verification.user_id
    if password is not None and not is_known:
        await check_password(database, settings, user_id=verification.user_id, password=password)
        is_known = True

    async def prove(db: Transaction) -> Verified:
        now = await clock.moment(db)
        is_kept = await contacts.prove_email(
            db, verification, is_prover_known=is_known, settings=settings, actor=actor, now=now
        )
        user = await queries.user(db, verification.user_id, settings=settings)
        if is_kept:
            return Verified(user, is_password_kept=True)
        assert user.email is not None
        reset = await verifications.make(
            db,
            settings=settings,
            user_id=user.id,
            purpose="reset_password",
            contact=rules.email_key(user.email),
            now=now,
            lasts=_RESET_AFTER_PROOF,
        )
        link = rules.link_token(settings.secret, verification_id=reset.id, purpose="reset_password")
        return Verified(user, is_password_kept=False, reset_token=link)

    return await database.run(prove)


async def forgot_password(database: Database, settings: IdentitySettings, *, email: str, actor: Actor) -> None:
    """Send a link to the account of that address, if there is one; the caller is not told."""
    address = rules.lenient_email(email)
    await limits.letters(database, settings, contact=rules.email_key(address), address=actor.address)

    async def send(db: Transaction) -> None:
        account = await queries.account_of_email(db, address)
        if account is None or not account.is_active:
            return
        await verifications.issue(
            db,
            settings=settings,
            user_id=account.user_id,
            purpose="reset_password",
            contact=rules.email_key(address),
            now=await clock.moment(db),
        )

    await database.run(send)


async def reset_password(
    database: Database, settings: IdentitySettings, *, token: str, password: str, actor: Actor
) -> None:
    """Set a password by a link, which proves the address too; every login ends. InvalidCode, WeakPassword."""
    rules.check_password(password)
    verification = await _try_link(database, settings, token=token, purpose="reset_password")
    password_hash = await passwords.hashed(password, cost=settings.bcrypt_cost)

    async def reset(db: Transaction) -> None:
        now = await clock.moment(db)
        await contacts.prove_email(db, verification, is_prover_known=False, settings=settings, actor=actor, now=now)
        await actions.set_password(
            db, verification.user_id, password_hash=password_hash, settings=settings, actor=actor, now=now
        )

    await database.run(reset)


async def change_password(
    database: Database, settings: IdentitySettings, *, user_id: UUID, old: str, new: str, actor: Actor
) -> None:
    """The old one is asked for, every login ends, the owner is told. WrongPassword, WeakPassword."""
    rules.check_password(new)
    await check_password(database, settings, user_id=user_id, password=old)
    password_hash = await passwords.hashed(new, cost=settings.bcrypt_cost)

    async def change(db: Transaction) -> None:
        now = await clock.moment(db)
        await actions.set_password(db, user_id, password_hash=password_hash, settings=settings, actor=actor, now=now)

    await database.run(change)


async def change_email(
    database: Database, settings: IdentitySettings, *, user_id: UUID, email: str, password: str, actor: Actor
) -> None:
    """Send a link to the new address; it replaces the old one when the link is used. WrongPassword, EmailTaken."""
    address = rules.normalized_email(email)
    await check_password(database, settings, user_id=user_id, password=password)
    await limits.letters(database, settings, contact=rules.email_key(address), address=actor.address)

    async def ask(db: Transaction) -> None:
        now = await clock.moment(db)
        await contacts.ask_for_email(db, user_id, email=address, settings=settings, actor=actor, now=now)

    await database.run(ask)


async def change_phone(
    database: Database, settings: IdentitySettings, *, user_id: UUID, phone_number: str, password: str, actor: Actor
) -> Verification:
    """Send a code to the number; it becomes the account's when the code is typed. WrongPassword, PhoneTaken."""
    number = rules.normalized_phone(phone_number, region=settings.region)
    await check_password(database, settings, user_id=user_id, password=password)
    await limits.letters(database, settings, contact=number, address=actor.address)

    async def ask(db: Transaction) -> Verification:
        now = await clock.moment(db)
        return await contacts.ask_for_phone(db, user_id, phone_number=number, settings=settings, actor=actor, now=now)

    return await database.run(ask)


async def verify_phone(
    database: Database, settings: IdentitySettings, *, verification_id: UUID, code: str, user_id: UUID, actor: Actor
) -> User:
    """The code proves the number it was sent to, for the account that asked. InvalidCode: five tries, then dead."""

    async def take(db: Transaction) -> Verification | None:
        now = await clock.moment(db)
        return await verifications.take_try(db, verification_id, purpose="verify_phone", settings=settings, now=now)

    verification = await database.run(take)
    if (
        verification is None
        or verification.user_id != user_id
        or not rules.is_code(
            code, verification_id=verification_id, purpose="verify_phone", all_secrets=settings.secrets
        )
    ):
        raise InvalidCode

    async def prove(db: Transaction) -> User:
        now = await clock.moment(db)
        await contacts.prove_phone(db, verification, settings=settings, actor=actor, now=now)
        return await queries.user(db, user_id, settings=settings)

    return await database.run(prove)


async def begin_totp(
    database: Database, settings: IdentitySettings, *, user_id: UUID, password: str, actor: Actor
) -> TotpSetup:
    """A secret for the authenticator app. WrongPassword, TotpExists."""
    await check_password(database, settings, user_id=user_id, password=password)

    async def begin(db: Transaction) -> TotpSetup:
        user = await queries.user(db, user_id, settings=settings)
        label = user.email or user.phone_number or str(user_id)
        now = await clock.moment(db)
        return await second_factor.begin(db, user_id, label=label, settings=settings, actor=actor, now=now)

    return await database.run(begin)


async def confirm_totp(
    database: Database, settings: IdentitySettings, *, user_id: UUID, code: str, actor: Actor
) -> None:
    """The first code of the app. TotpMissing, TotpExists, WrongTotp."""
    await limits.proofs(database, settings, user_id=user_id)

    async def confirm(db: Transaction) -> None:
        now = await clock.moment(db)
        await second_factor.confirm(db, user_id, code=code, settings=settings, actor=actor, now=now)

    await database.run(confirm)


async def remove_totp(
    database: Database, settings: IdentitySettings, *, user_id: UUID, password: str, code: str, actor: Actor
) -> None:
    """Both proofs are asked for. WrongPassword, WrongTotp, TotpMissing."""
    await check_password(database, settings, user_id=user_id, password=password)

    async def remove(db: Transaction) -> None:
        now = await clock.moment(db)
        await second_factor.check(db, user_id, code=code, settings=settings, now=now)
        await second_factor.remove(db, user_id, actor=actor, now=now)

    await database.run(remove)


async def check_password(database: Database, settings: IdentitySettings, *, user_id: UUID, password: str) -> None:
    """The old proof: WrongPassword, also where none is set; as many tries as a sign-in has."""
    await limits.proofs(database, settings, user_id=user_id)
    async with database.reader() as db:
        account = await queries.account(db, user_id)
    if not await passwords.is_right(password, account.password_hash, cost=settings.bcrypt_cost):
        raise WrongPassword


async def _try_link(database: Database, settings: IdentitySettings, *, token: str, purpose: Purpose) -> Verification:
    """The verification of a link that is still good. No tries are counted: 160 bits are not guessed."""
    verification_id = rules.read_link_token(token, purpose=purpose, all_secrets=settings.secrets)
    async with database.reader() as db:
        found = await verifications.find(db, verification_id)
        is_waiting = await verifications.is_waiting(db, verification_id, now=await clock.moment(db))
    if found is None or not is_waiting or found.purpose != purpose:
        raise InvalidCode
    return found
