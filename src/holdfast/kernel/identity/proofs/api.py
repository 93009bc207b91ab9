"""Contacts, passwords and the second factor over HTTP."""

from holdfast.kernel.audit import anyone
from holdfast.kernel.identity import schemas
from holdfast.kernel.identity.access import Caller, Identity, customer, own_id
from holdfast.kernel.identity.proofs import tasks
from holdfast.kit.http import Db, Router, allow, unkeyed

router = Router(tags=["Accounts"])

_PROOF = "asks for a proof that a repeat brings again"


@router.post("/auth/verify-email", operation_id="verify_email")
@unkeyed("the link is good once")
@allow(anyone)
async def verify_email(
    body: schemas.EmailProof, database: Db, identity: Identity, caller: Caller
) -> schemas.VerifiedView:
    """Prove an address by the token of its letter.

    Signed in to the account, or with its password, all else stays as it is. Otherwise the password set before is
    unset, since a stranger may have set it, and `reset_token` lets the prover choose one.
    """
    verified = await tasks.verify_email(database, identity, token=body.token, password=body.password, actor=caller)
    return schemas.VerifiedView(
        user=schemas.UserView.of(verified.user),
        is_password_kept=verified.is_password_kept,
        reset_token=verified.reset_token,
    )


@router.post("/auth/forgot-password", operation_id="forgot_password", status_code=202)
@unkeyed("a letter is sent; repeats are limited")
@allow(anyone)
async def forgot_password(body: schemas.ForgottenPassword, database: Db, identity: Identity, caller: Caller) -> None:
    """Send a link to choose a new password, if there is such an account. The answer is the same if there is none."""
    await tasks.forgot_password(database, identity, email=body.email, actor=caller)


@router.post("/auth/reset-password", operation_id="reset_password", status_code=204)
@unkeyed("the link is good once")
@allow(anyone)
async def reset_password(body: schemas.PasswordReset, database: Db, identity: Identity, caller: Caller) -> None:
    """Choose a password by the token of a letter; every login of the account ends."""
    await tasks.reset_password(database, identity, token=body.token, password=body.password, actor=caller)


@router.post("/users/me/password", operation_id="change_password", status_code=204)
@unkeyed(_PROOF)
@allow(customer)
async def change_password(body: schemas.PasswordChange, database: Db, identity: Identity, caller: Caller) -> None:
    """Every login ends, this one too: sign in again with the new password."""
    await tasks.change_password(
        database, identity, user_id=own_id(caller), old=body.old_password, new=body.new_password, actor=caller
    )


@router.post("/users/me/email", operation_id="change_email", status_code=202)
@unkeyed(_PROOF)
@allow(customer)
async def change_email(body: schemas.EmailChange, database: Db, identity: Identity, caller: Caller) -> None:
    """A link goes to the new address, which replaces the old one once it is proved (POST /auth/verify-email)."""
    await tasks.change_email(
        database, identity, user_id=own_id(caller), email=body.email, password=body.password, actor=caller
    )


@router.post("/users/me/phone", operation_id="change_phone", status_code=202)
@unkeyed(_PROOF)
@allow(customer)
async def change_phone(
    body: schemas.PhoneChange, database: Db, identity: Identity, caller: Caller
) -> schemas.VerificationView:
    """A code goes to the number, the present one (to prove it) or a new one (POST /auth/verify-phone)."""
    sent = await tasks.change_phone(
        database,
        identity,
        user_id=own_id(caller),
        phone_number=body.phone_number,
        password=body.password,
        actor=caller,
    )
    return schemas.VerificationView(verification_id=sent.id, expires_at=sent.expires_at)


@router.post("/auth/verify-phone", operation_id="verify_phone")
@unkeyed("the code is good once")
@allow(customer)
async def verify_phone(body: schemas.PhoneProof, database: Db, identity: Identity, caller: Caller) -> schemas.UserView:
    """Prove a number by the code sent to it: five tries, then ask for another."""
    user = await tasks.verify_phone(
        database,
        identity,
        verification_id=body.verification_id,
        code=body.code,
        user_id=own_id(caller),
        actor=caller,
    )
    return schemas.UserView.of(user)


@router.post("/users/me/totp", operation_id="begin_totp", status_code=201)
@unkeyed(_PROOF)
@allow(customer)
async def begin_totp(body: schemas.TotpBeginning, database: Db, identity: Identity, caller: Caller) -> schemas.TotpView:
    """A secret for an authenticator app, shown once; asked for at sign-in once its first code was confirmed."""
    setup = await tasks.begin_totp(database, identity, user_id=own_id(caller), password=body.password, actor=caller)
    return schemas.TotpView(secret=setup.secret, uri=setup.uri)


@router.post("/users/me/totp/confirm", operation_id="confirm_totp", status_code=204)
@unkeyed("a code is good once")
@allow(customer)
async def confirm_totp(body: schemas.TotpCode, database: Db, identity: Identity, caller: Caller) -> None:
    """The app's first code."""
    await tasks.confirm_totp(database, identity, user_id=own_id(caller), code=body.code, actor=caller)


@router.delete("/users/me/totp", operation_id="remove_totp", status_code=204)
@allow(customer)
async def remove_totp(body: schemas.TotpRemoval, database: Db, identity: Identity, caller: Caller) -> None:
    """Password and a present code are both asked for."""
    await tasks.remove_totp(
        database, identity, user_id=own_id(caller), password=body.password, code=body.code, actor=caller
    )
