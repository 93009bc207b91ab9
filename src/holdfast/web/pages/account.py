"""One's own account: name, language, password, where one is signed in."""

from typing import Annotated
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import Caller, Identity, ProfileChange, account_owner, own_id
from holdfast.kit import clock
from holdfast.kit.db import Database, Transaction
from holdfast.kit.errors import Error
from holdfast.kit.http import Db, allow, path_id, raw, unkeyed
from holdfast.kit.words import Locale
from holdfast.web import forms
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form
from holdfast.web.frame import LANGUAGE_COOKIE, show
from holdfast.web.routing import Pages

router = Pages()


class ProfileForm(Form):
    first_name: Annotated[str, Field(max_length=100)]
    last_name: Annotated[str, Field(max_length=100)]
    locale: Locale
    version: Annotated[int, Field(ge=0, le=10**9)]


class PasswordForm(Form):
    old_password: Annotated[str, Field(max_length=200)]
    new_password: Annotated[str, Field(max_length=200)]


_AT = {"weak_password": "new_password", "wrong_password": "old_password"}


@router.get("/account")
@allow(account_owner)
async def account_page(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    return await _shown(request, database, settings, caller)


@router.post("/account/profile")
@allow(account_owner)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("the version that was read makes a repeat harmless")
async def change_profile(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    filled = await forms.read(request, ProfileForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, settings, caller, profile=filled, status=422)

    async def change(db: Transaction) -> None:
        await identity.change_profile(
            db,
            own_id(caller),
            change=ProfileChange(said.first_name, said.last_name, said.locale),
            expected_version=said.version,
            settings=settings,
            actor=caller,
            now=await clock.moment(db),
        )

    try:
        await database.run(change)
    except Error as error:
        filled = await forms.refused(request, filled, error)
        return await _shown(request, database, settings, caller, profile=filled, status=error.status)
    response = RedirectResponse("/account?saved=1", status_code=303)
    response.delete_cookie(LANGUAGE_COOKIE)  # from now on the account's own language
    return response


@router.post("/account/password")
@allow(account_owner)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("asks for a proof that a repeat brings again")
async def change_password(request: Request, database: Db, settings: Identity, caller: Caller) -> Response:
    """Every login ends, this one too."""
    filled = await forms.read(request, PasswordForm)
    said = filled.said
    if said is None:
        return await _shown(request, database, settings, caller, password=filled, status=422)
    try:
        await identity.change_password(
            database, settings, user_id=own_id(caller), old=said.old_password, new=said.new_password, actor=caller
        )
    except Error as error:
        filled = await forms.refused(request, filled, error, at=_AT.get(error.code, ""))
        return await _shown(request, database, settings, caller, password=filled, status=error.status)
    response = RedirectResponse("/sign-in", status_code=303)
    identity.drop_page_login(response, settings)
    return response


@router.post("/account/logins/{id}/end")
@allow(account_owner)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("a login ends once")
async def end_login(request: Request, database: Db, caller: Caller) -> Response:
    login_id = path_id(request, "id")

    async def end(db: Transaction) -> None:
        await identity.end_login(db, login_id, user_id=own_id(caller), actor=caller, now=await clock.moment(db))

    await database.run(end)
    return RedirectResponse("/account", status_code=303)


async def _shown(
    request: Request,
    database: Database,
    settings: Identity,
    caller: Actor,
    *,
    profile: Filled[ProfileForm] | None = None,
    password: Filled[PasswordForm] | None = None,
    status: int = 200,
) -> Response:
    async with database.reader() as db:
        now = await clock.moment(db)
        user = await identity.user(db, own_id(caller), settings=settings)
        logins = await identity.running_logins(db, user.id, now=now)
    current: UUID | None = identity.login_of(request)
    return await show(
        request,
        "web/account.html",
        home="/account",
        user=user,
        logins=logins,
        current=current,
        profile=profile or Filled(),
        password=password or Filled(),
        is_saved="saved" in request.query_params,
        status=status,
    )
