"""Accounts and sign-ins over HTTP. `router` stands under the API's base path, `well_known` at the root.

What stands above this feature is asked through optional hooks that the application sets:
`app.state.has_unfinished_business(db, user_id) -> list[str]`, reasons why an account can't be erased yet;
`app.state.wind_up(database, user_id, actor)`, which ends what can be ended before an erasure that an admin forces;
`app.state.blank(db, user_id)`, which erases what is personal elsewhere, in the same transaction; and
`app.state.personal_data`, name -> `(db, user_id) -> anything JSON can say`, for the export.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query, Request, Response
from fastapi.encoders import jsonable_encoder

from holdfast.kernel import audit
from holdfast.kernel.audit import Actor, admin, anyone
from holdfast.kernel.identity import actions, cookies, logins, queries, schemas, tasks, tokens
from holdfast.kernel.identity.access import Caller, Identity, account_owner, customer, login_of, own_id
from holdfast.kernel.identity.errors import AdminOnly, InvalidToken, LoginNotFound, Unfinished, UserNotFound
from holdfast.kernel.identity.proofs import api as proofs
from holdfast.kernel.identity.values import User
from holdfast.kit import clock
from holdfast.kit.cursors import Listed, Paged
from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.http import Db, Found, Key, Router, allow, cacheable, idempotent, path_id, unkeyed
from holdfast.kit.versions import etag, expect_version

router = Router(tags=["Accounts"])
well_known = Router(tags=["Accounts"])

PersonalData: TypeAlias = Mapping[str, Callable[[Reader, UUID], Awaitable[Any]]]
UnfinishedBusiness: TypeAlias = Callable[[Reader, UUID], Awaitable[list[str]]]
WindUp: TypeAlias = Callable[[Database, UUID, Actor], Awaitable[None]]
Blank: TypeAlias = Callable[[Transaction, UUID], Awaitable[None]]


async def _account(request: Request, caller: Actor) -> User:
    """One's own account, or, for an admin, any; all others are as absent."""
    user_id = path_id(request, "id")
    if user_id != caller.user_id and not caller.is_admin:
        raise UserNotFound
    settings = request.app.state.authenticate.settings
    async with request.app.state.database.reader() as db:
        user = await queries.user(db, user_id, settings=settings)
    if user.erased_at is not None and not caller.is_admin:
        raise UserNotFound
    return user


Account: TypeAlias = Annotated[User, Found]


async def _as_it_is(request: Request, user_id: UUID) -> schemas.UserView:
    async with request.app.state.database.reader() as db:
        return schemas.UserView.of(await queries.user(db, user_id, settings=request.app.state.authenticate.settings))


# Sign up, sign in


@router.post("/users/register", operation_id="register", status_code=201)
@router.post("/users", operation_id="create_user", status_code=201)
@idempotent(replay=_as_it_is)
@allow(anyone)
async def register(
    *, body: schemas.Registration, database: Db, identity: Identity, caller: Caller, key: Key
) -> schemas.UserView:
    """Open an account as a customer; a link to prove the address is sent. 409 where somebody has proved it already."""
    account = tasks.NewAccount(
        email=body.email,
        password=body.password,
        first_name=body.first_name,
        last_name=body.last_name,
        phone_number=body.phone_number,
        locale=body.locale,
        zone=body.zone,
    )

    async def remember(db: Transaction, user_id: UUID) -> None:
        await key.remember(db, subject=user_id, status=201)

    return schemas.UserView.of(await tasks.register(database, identity, account, actor=caller, alongside=remember))


@router.post("/users/login", operation_id="sign_in")
@unkeyed("each sign-in is a login of its own")
@allow(anyone)
async def sign_in(
    *, body: schemas.SignIn, request: Request, response: Response, database: Db, identity: Identity, caller: Caller
) -> schemas.TokensView:
    """An access token of 30 minutes and a refresh token; the account's authenticator code where one is set up."""
    signed_in = await tasks.sign_in(
        database,
        identity,
        email=body.email,
        password=body.password,
        totp_code=body.totp_code,
        agent=request.headers.get("user-agent"),
        actor=caller,
    )
    if body.token_delivery == "cookie":  # noqa: S105 - a word, not a secret
        cookies.put(response, identity, signed_in.tokens)
    return schemas.TokensView.of(signed_in, delivery=body.token_delivery)


@router.post("/auth/refresh-token", operation_id="refresh_token")
@unkeyed("a refresh token is good once; the grace makes a repeat harmless")
@allow(anyone)
async def refresh_token(
    *,
    request: Request,
    response: Response,
    database: Db,
    identity: Identity,
    caller: Caller,
    body: schemas.RefreshToken | None = None,
) -> schemas.TokensView:
    """New tokens for a refresh token, from the body or the cookie; send no Authorization with it.

    The token before is good for 10 s more and gives the same answer; used later, it ends the whole login.
    """
    in_body = body.refresh_token if body is not None else None
    token = in_body or cookies.read(request, identity)
    if token is None:
        raise InvalidToken
    refreshed = await tasks.refresh(database, identity, refresh_token=token, actor=caller)
    if in_body is None:
        cookies.put(response, identity, refreshed.tokens)
    return schemas.TokensView.of(refreshed, delivery="cookie" if in_body is None else "body")


@router.post("/auth/logout", operation_id="log_out", status_code=204)
@unkeyed("a login ends once")
@allow(anyone)
async def log_out(
    *,
    request: Request,
    response: Response,
    database: Db,
    identity: Identity,
    caller: Caller,
    body: schemas.RefreshToken | None = None,
) -> None:
    """End the login of the refresh token (body or cookie) or of the access token; 204 also where none is left."""
    token = (body.refresh_token if body is not None else None) or cookies.read(request, identity)
    await tasks.log_out(database, refresh_token=token, login_id=login_of(request), actor=caller)
    cookies.drop(response, identity)


@well_known.get("/.well-known/jwks.json", operation_id="public_keys")
@cacheable("public, max-age=300")
@allow(anyone)
async def public_keys(identity: Identity) -> schemas.JwkSet:
    """The keys by which others can check our access tokens."""
    return schemas.JwkSet.model_validate(tokens.public_keys(identity))


# Oneself


@router.get("/users/me", operation_id="show_me")
@allow(customer)
async def show_me(response: Response, database: Db, identity: Identity, caller: Caller) -> schemas.UserView:
    """One's own account."""
    async with database.reader() as db:
        user = await queries.user(db, own_id(caller), settings=identity)
    return _shown(user, response)


@router.get("/users/me/logins", operation_id="list_logins")
@allow(customer)
async def list_logins(request: Request, database: Db, caller: Caller) -> schemas.LoginsView:
    """Where one is signed in, the latest used first."""
    async with database.reader() as db:
        running = await queries.running_logins(db, own_id(caller), now=await clock.moment(db))
    current = login_of(request)
    return schemas.LoginsView(items=[schemas.LoginView.of(login, current=current) for login in running])


@router.delete("/users/me/logins", operation_id="end_logins", status_code=204)
@allow(customer)
async def end_logins(database: Db, caller: Caller) -> None:
    """Sign out everywhere, here too."""

    async def end(db: Transaction) -> None:
        now = await clock.moment(db)
        await logins.end_all(db, own_id(caller), because="ended_by_user", actor=caller, now=now)

    await database.run(end)


async def _own_login(request: Request, caller: Actor) -> UUID:
    """One's own that runs; all others are as absent."""
    login_id = path_id(request, "id")
    async with request.app.state.database.reader() as db:
        running = await queries.running_logins(db, own_id(caller), now=await clock.moment(db))
    if login_id not in {login.id for login in running}:
        raise LoginNotFound
    return login_id


@router.delete("/users/me/logins/{id}", operation_id="end_login", status_code=204)
@allow(customer, find=_own_login)
async def end_login(login_id: Annotated[UUID, Found], database: Db, caller: Caller) -> None:
    """Sign out one device."""

    async def end(db: Transaction) -> None:
        await logins.end_own(db, login_id, user_id=own_id(caller), actor=caller, now=await clock.moment(db))

    await database.run(end)


@router.get("/users/me/export", operation_id="export_me")
@allow(customer)
async def export_me(request: Request, database: Db, identity: Identity, caller: Caller) -> dict[str, Any]:
    """Everything about oneself, as one state of the database has it."""
    user_id = own_id(caller)
    others: PersonalData = getattr(request.app.state, "personal_data", {})
    async with database.snapshot() as db:
        told = {
            "user": schemas.UserView.of(await queries.user(db, user_id, settings=identity)),
            "logins": await queries.running_logins(db, user_id, now=await clock.moment(db)),
            "memberships": await queries.memberships(db, user_id),
            "activity": [audit.present(entry) for entry in await audit.of_user(db, user_id)],
        } | {name: await read(db, user_id) for name, read in others.items()}
    exported: dict[str, Any] = jsonable_encoder(told)
    return exported


router.include_router(proofs.router)

# Accounts by id


@router.get("/users", operation_id="list_users")
@allow(admin)
async def list_users(
    *,
    database: Db,
    identity: Identity,
    page: Paged,
    is_active: Annotated[bool | None, Query()] = None,
    role: Annotated[str | None, Query(max_length=30)] = None,
) -> Listed[schemas.UserView]:
    """Every account, the newest first."""
    async with database.reader() as db:
        rows = await db.all(page.select(queries.listing(is_active=is_active, role=role), *queries.ORDER))
        found = await queries.users_by_id(db, [row.id for row in rows], settings=identity)
    return page.listed(rows, lambda row: schemas.UserView.of(found[row.id]), lambda row: (row.created_at, row.id))


@router.get("/users/{id}", operation_id="show_user")
@router.get("/users/{id}/profile", operation_id="show_profile")
@allow(account_owner, find=_account)
async def show_user(account: Account, response: Response) -> schemas.UserView:
    return _shown(account, response)


@router.put("/users/{id}", operation_id="change_user")
@router.put("/users/{id}/profile", operation_id="change_profile")
@allow(account_owner, find=_account)
async def change_user(
    *,
    body: schemas.ProfileEdit,
    account: Account,
    request: Request,
    response: Response,
    database: Db,
    identity: Identity,
    caller: Caller,
) -> schemas.UserView:
    """Edit a profile; what is left out stays. If-Match is honoured. Contacts and passwords have routes of their own."""
    if body.is_active is not None and not caller.is_admin:
        raise AdminOnly("is_active")

    async def change(db: Transaction) -> User:
        return await actions.change_profile(
            db,
            account.id,
            change=body.change(),
            expected_version=expect_version(request),
            settings=identity,
            actor=caller,
            now=await clock.moment(db),
        )

    return _shown(await database.run(change), response)


@router.delete("/users/{id}", operation_id="erase_user", status_code=204)
@allow(account_owner, find=_account)
async def erase_user(
    *,
    account: Account,
    request: Request,
    database: Db,
    identity: Identity,
    caller: Caller,
    force: Annotated[bool, Query()] = False,
) -> None:
    """Deactivate for good and erase what is personal; 409 while holds, bookings to come or payments are open.

    `force`, by an admin: first releases holds and cancels bookings by their terms; 409 still where terms refuse.
    """
    hooks = request.app.state
    unfinished: UnfinishedBusiness | None = getattr(hooks, "has_unfinished_business", None)
    wind_up: WindUp | None = getattr(hooks, "wind_up", None)
    blank: Blank | None = getattr(hooks, "blank", None)
    if force and not caller.is_admin:
        raise AdminOnly("force")
    if force and wind_up is not None and account.erased_at is None:
        await wind_up(database, account.id, caller)

    async def erase(db: Transaction) -> None:
        reasons = await unfinished(db, account.id) if unfinished is not None else []
        if reasons:
            raise Unfinished(reasons)
        await actions.erase(db, account.id, settings=identity, actor=caller, now=await clock.moment(db))
        if blank is not None:
            await blank(db, account.id)

    await database.run(erase)


@router.post("/users/{id}/roles", operation_id="grant_role")
@idempotent(replay=_as_it_is)
@allow(admin, find=_account)
async def grant_role(
    *, body: schemas.RoleGrant, account: Account, database: Db, identity: Identity, caller: Caller, key: Key
) -> schemas.UserView:
    """Give somebody a role; never to oneself."""

    async def grant(db: Transaction) -> User:
        now = await clock.moment(db)
        user = await actions.grant_role(db, account.id, role=body.role, settings=identity, actor=caller, now=now)
        await key.remember(db, subject=account.id, status=200)
        return user

    return schemas.UserView.of(await database.run(grant))


@router.delete("/users/{id}/roles/{role}", operation_id="revoke_role", status_code=204)
@allow(admin, find=_account)
async def revoke_role(role: str, account: Account, database: Db, identity: Identity, caller: Caller) -> None:
    """Take a role away; never from oneself."""

    async def revoke(db: Transaction) -> None:
        now = await clock.moment(db)
        await actions.revoke_role(db, account.id, role=role, settings=identity, actor=caller, now=now)

    await database.run(revoke)


def _shown(user: User, response: Response) -> schemas.UserView:
    response.headers["ETag"] = etag(user.version)
    return schemas.UserView.of(user)
