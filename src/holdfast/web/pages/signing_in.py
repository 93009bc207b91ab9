"""Sign in, sign up, sign out, prove an address, choose a new password: the pages of `kernel.identity`."""

from typing import Annotated

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor, anyone
from holdfast.kernel.identity import Caller, Identity, NewAccount, TotpNeeded, WrongTotp
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow, raw, unkeyed
from holdfast.web import forms
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form
from holdfast.web.frame import show, viewer_of
from holdfast.web.routing import Pages, local_path

router = Pages()


class SignInForm(Form):
    email: Annotated[str, Field(max_length=254)]
    password: Annotated[str, Field(max_length=200)]
    totp_code: Annotated[str, Field(max_length=10)] | None = None
    next: str = "/"


class RegisterForm(Form):
    first_name: Annotated[str, Field(max_length=100)]
    last_name: Annotated[str, Field(max_length=100)]
    email: Annotated[str, Field(max_length=254)]
    phone_number: Annotated[str, Field(max_length=30)]
    password: Annotated[str, Field(max_length=200)]
    next: str = "/"


class AddressForm(Form):
    email: Annotated[str, Field(max_length=254)]


class ProofForm(Form):
    token: Annotated[str, Field(max_length=500)]
    password: Annotated[str, Field(max_length=200)] | None = None


class NewPasswordForm(Form):
    token: Annotated[str, Field(max_length=500)]
    password: Annotated[str, Field(max_length=200)]


#: Beside which field what is said against a form belongs.
_AT = {
    "weak_password": "password",
    "wrong_password": "password",
    "email_taken": "email",
    "invalid_email": "email",
    "invalid_phone": "phone_number",
    "wrong_totp": "totp_code",
}


@router.get("/sign-in")
@allow(anyone)
async def sign_in_page(request: Request, next: str | None = None) -> Response:  # noqa: A002 - its name in the address
    if (await viewer_of(request)).user is not None:
        return RedirectResponse(local_path(next), status_code=303)
    return await show(request, "web/sign_in.html", filled=Filled(), next=local_path(next), asks_code=False)


@router.post("/sign-in")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("each sign-in is a login of its own")
async def sign_in(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    filled = await forms.read(request, SignInForm)
    said = filled.said
    if said is None:
        return await _sign_in_again(request, filled, status=422)
    try:
        return await _signed_in(request, said, database, settings, caller)
    except TotpNeeded:
        return await _sign_in_again(request, filled, asks_code=True, status=401)
    except Error as error:
        filled = await forms.refused(request, filled, error, at=_AT.get(error.code, ""))
        return await _sign_in_again(request, filled, asks_code=isinstance(error, WrongTotp), status=error.status)


@router.post("/sign-out")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a login ends once")
async def sign_out(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    await identity.log_out(database, refresh_token=None, login_id=identity.login_of(request), actor=caller)
    response = RedirectResponse("/", status_code=303)
    identity.drop_page_login(response, settings)
    return response


@router.get("/register")
@allow(anyone)
async def register_page(request: Request, next: str | None = None) -> Response:  # noqa: A002 - its name in the address
    return await show(request, "web/register.html", filled=Filled(), next=local_path(next))


@router.post("/register")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("an address that was sent twice signs in to the account it made")
async def register(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    """Open an account, in the language of the page, and sign in to it."""
    filled = await forms.read(request, RegisterForm)
    said = filled.said
    if said is None:
        next_path = local_path(filled.typed.get("next"))
        return await show(request, "web/register.html", filled=filled, next=next_path, status=422)
    locale = (await viewer_of(request)).locale
    account = NewAccount(said.email, said.password, said.first_name, said.last_name, said.phone_number, locale=locale)
    try:
        await identity.register(database, settings, account, actor=caller)
        signing_in = SignInForm(email=said.email, password=said.password, next=said.next)
        return await _signed_in(request, signing_in, database, settings, caller)
    except Error as error:
        filled = await forms.refused(request, filled, error, at=_AT.get(error.code, ""))
        return await show(request, "web/register.html", filled=filled, next=local_path(said.next), status=error.status)


@router.get("/forgot-password")
@allow(anyone)
async def forgot_password_page(request: Request) -> Response:
    return await show(request, "web/forgot_password.html", filled=Filled(), is_sent=False)


@router.post("/forgot-password")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a letter is sent; repeats are limited")
async def forgot_password(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    filled = await forms.read(request, AddressForm)
    if filled.said is None:
        return await show(request, "web/forgot_password.html", filled=filled, is_sent=False, status=422)
    try:
        await identity.forgot_password(database, settings, email=filled.said.email, actor=caller)
    except Error as error:
        filled = await forms.refused(request, filled, error)
        return await show(request, "web/forgot_password.html", filled=filled, is_sent=False, status=error.status)
    return await show(request, "web/forgot_password.html", filled=Filled(), is_sent=True)


@router.get("/reset-password")
@allow(anyone)
async def reset_password_page(request: Request, token: str = "") -> Response:
    return await show(request, "web/reset_password.html", filled=Filled(), token=token, is_done=False)


@router.post("/reset-password")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the link is good once")
async def reset_password(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    filled = await forms.read(request, NewPasswordForm)
    said, token = filled.said, filled.typed.get("token", "")
    if said is None:
        return await show(request, "web/reset_password.html", filled=filled, token=token, is_done=False, status=422)
    try:
        await identity.reset_password(database, settings, token=said.token, password=said.password, actor=caller)
    except Error as error:
        filled = await forms.refused(request, filled, error, at=_AT.get(error.code, ""))
        return await show(
            request, "web/reset_password.html", filled=filled, token=token, is_done=False, status=error.status
        )
    return await show(request, "web/reset_password.html", filled=Filled(), token="", is_done=True)


@router.get("/verify-email")
@allow(anyone)
async def verify_email_page(request: Request, token: str = "") -> Response:
    """A button, since programs that look through mail open links too."""
    return await show(request, "web/verify_email.html", filled=Filled(), token=token, verified=None)


@router.post("/verify-email")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the link is good once")
async def verify_email(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    filled = await forms.read(request, ProofForm)
    said, token = filled.said, filled.typed.get("token", "")
    if said is None:
        return await show(request, "web/verify_email.html", filled=filled, token=token, verified=None, status=422)
    try:
        verified = await identity.verify_email(
            database, settings, token=said.token, password=said.password, actor=caller
        )
    except Error as error:
        filled = await forms.refused(request, filled, error, at=_AT.get(error.code, ""))
        return await show(
            request, "web/verify_email.html", filled=filled, token=token, verified=None, status=error.status
        )
    return await show(request, "web/verify_email.html", filled=Filled(), token="", verified=verified)


async def _signed_in(request: Request, said: SignInForm, database: Db, settings: Identity, caller: Actor) -> Response:
    signed_in = await identity.sign_in(
        database,
        settings,
        email=said.email,
        password=said.password,
        totp_code=said.totp_code,
        agent=request.headers.get("user-agent"),
        actor=caller,
        is_page=True,
    )
    response = RedirectResponse(local_path(said.next), status_code=303)
    identity.put_page_login(response, settings, signed_in.tokens)
    return response


async def _sign_in_again(
    request: Request, filled: Filled[SignInForm], *, status: int, asks_code: bool = False
) -> Response:
    next_path = local_path(filled.typed.get("next"))
    return await show(request, "web/sign_in.html", filled=filled, next=next_path, asks_code=asks_code, status=status)
