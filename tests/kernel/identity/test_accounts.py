"""Accounts by id: reading, editing, roles, erasing."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.audit.models import activity_logs, activity_origins
from holdfast.kernel.identity.models import logins, users
from holdfast.kit import clock
from holdfast.kit.db import Database, Reader
from holdfast.kit.http import routes_with_policies
from holdfast.kit.ids import new_id
from tests.builders_identity import PASSWORD, application, browsing, open_provider, sign_up, with_settings

AT_ONCE = with_settings(recheck_seconds=0.0)

OF_ONES_OWN = [("GET", ""), ("GET", "/profile"), ("PUT", ""), ("PUT", "/profile"), ("DELETE", "")]


@pytest.mark.parametrize(("method", "path"), OF_ONES_OWN)
async def test_another_account_is_as_absent_and_a_guest_is_asked_to_sign_in(
    database: Database, method: str, path: str
) -> None:
    owner, other = await sign_up(database), await sign_up(database)
    app = application(database)
    async with browsing(app, other) as client, browsing(app) as guest:
        foreign = await client.request(method, f"/users/{owner.id}{path}")
        absent = await client.request(method, f"/users/{new_id()}{path}")
        unknown = await guest.request(method, f"/users/{owner.id}{path}")

    assert (foreign.status_code, absent.status_code, unknown.status_code) == (404, 404, 401)
    assert {**foreign.json(), "instance": ""} == {**absent.json(), "instance": ""}


async def test_admin_routes_refuse_everybody_else(database: Database) -> None:
    customer, operator = await sign_up(database), await sign_up(database, roles=("operator",))
    provider = await open_provider(database)
    owner = await sign_up(database, members={provider.id: "owner"})
    app = application(database)
    routes = [(method, path) for method, path, policy in routes_with_policies(app) if policy == "admin"]
    codes = {}
    for person in (customer, operator, owner):
        async with browsing(app, person) as client:
            for method, path in routes:
                url = f"http://test{path}".replace("{id}", str(customer.id)).replace("{role}", "admin")
                codes[person.id, method, path] = (await client.request(method, url)).status_code

    assert len(routes) == 5
    assert set(codes.values()) == {403}


async def test_a_profile_is_edited_and_a_stale_edit_refused(database: Database) -> None:
    person = await sign_up(database)
    async with browsing(application(database), person) as client:
        seen = await client.get(f"/users/{person.id}/profile")
        first = await client.put(
            f"/users/{person.id}",
            json={"first_name": "Nour", "zone": "Africa/Cairo"},
            headers={"If-Match": seen.headers["etag"]},
        )
        stale = await client.put(
            f"/users/{person.id}", json={"first_name": "Late"}, headers={"If-Match": seen.headers["etag"]}
        )
        wrong = [
            await client.put(f"/users/{person.id}", json=body)
            for body in ({"zone": "Mars/Base"}, {"role": "admin"}, {"email": "a@example.org"}, {"first_name": ""})
        ]

    assert (first.json()["first_name"], first.json()["last_name"], first.json()["zone"]) == (
        "Nour",
        "Hassan",
        "Africa/Cairo",
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
    assert {answer.status_code for answer in wrong} == {422}
    async with database.reader() as db:
        log = await db.one(
            sa.select(activity_logs).where(
                activity_logs.c.action_type == "profile_changed", activity_logs.c.entity_id == person.id
            )
        )
    assert log.details == {"changed": ["first_name", "zone"]}
    assert "Nour" not in str(log)


async def test_only_an_admin_deactivates_and_never_themselves(database: Database) -> None:
    person, admin = await sign_up(database), await sign_up(database, roles=("admin",))
    app = application(database, AT_ONCE)
    async with browsing(app, person) as own, browsing(app, admin) as boss:
        refused = await own.put(f"/users/{person.id}", json={"is_active": False})
        oneself = await boss.put(f"/users/{admin.id}", json={"is_active": False})
        done = await boss.put(f"/users/{person.id}", json={"is_active": False})
        after = await own.get("/users/me")

    assert [answer.status_code for answer in (refused, oneself, done, after)] == [403, 403, 200, 401]


async def test_roles_are_granted_by_an_admin_and_never_to_oneself(database: Database) -> None:
    person, admin = await sign_up(database), await sign_up(database, roles=("admin",))
    app = application(database, AT_ONCE)
    async with browsing(app, person) as own, browsing(app, admin) as boss:
        by_a_customer = await own.post(f"/users/{person.id}/roles", json={"role": "admin"})
        to_oneself = await boss.post(f"/users/{admin.id}/roles", json={"role": "operator"})
        unknown = await boss.post(f"/users/{person.id}/roles", json={"role": "emperor"})
        granted = await boss.post(f"/users/{person.id}/roles", json={"role": "operator"})
        again = await boss.post(f"/users/{person.id}/roles", json={"role": "operator"})
        taken = await boss.delete(f"/users/{person.id}/roles/operator")
        after = await boss.get(f"/users/{person.id}")

    assert [answer.status_code for answer in (by_a_customer, to_oneself, unknown)] == [403, 403, 422]
    assert (granted.json()["role"], again.status_code, taken.status_code) == ("operator", 200, 204)
    assert after.json()["roles"] == ["customer"]
    async with database.reader() as db:
        rows = await db.all(
            sa.select(activity_logs.c.user_id, activity_logs.c.action_type)
            .where(activity_logs.c.entity_id == person.id, activity_logs.c.action_type.like("role_%"))
            .order_by(activity_logs.c.id)
        )
    assert [tuple(row) for row in rows] == [(admin.id, "role_granted"), (admin.id, "role_revoked")]


async def test_accounts_are_listed_for_admins_page_by_page(database: Database) -> None:
    admin = await sign_up(database, roles=("admin",))
    people = [await sign_up(database, roles=("finance",)) for _ in range(3)]
    async with browsing(application(database), admin) as client:
        first = (await client.get("/users", params={"role": "finance", "limit": 2})).json()
        newcomer = await sign_up(database, roles=("finance",))
        query = {"role": "finance", "limit": 2, "cursor": first["next_cursor"]}
        second = (await client.get("/users", params=query)).json()
        moved = await client.get("/users", params={"role": "operator", "cursor": first["next_cursor"]})
        endless = await client.get("/users", params={"limit": 10**9})

    shown = [UUID(user["id"]) for user in first["items"] + second["items"]]
    assert shown[:3] == [person.id for person in reversed(people)]
    assert newcomer.id not in shown
    assert (moved.status_code, endless.status_code) == (400, 422)


async def test_erasing_blanks_the_person_and_keeps_the_books(database: Database) -> None:
    provider = await open_provider(database)
    person = await sign_up(database, members={provider.id: "clerk"})
    app = application(database, AT_ONCE)
    async with browsing(app, person, address="198.51.100.7") as client:
        await client.put("/users/" + str(person.id), json={"first_name": "Nour"})
        erased = await client.delete(f"/users/{person.id}")
        after = await client.get("/users/me")
    async with browsing(app) as guest:
        sign_in = await guest.post("/users/login", json={"email": person.email, "password": PASSWORD})

    assert (erased.status_code, after.status_code, sign_in.status_code) == (204, 401, 401)
    async with database.reader() as db:
        row = await db.one(sa.select(users).where(users.c.id == person.id))
        logged = await db.all(sa.select(activity_logs).where(activity_logs.c.entity_id == person.id))
        origins = await db.all(
            sa.select(activity_origins).where(activity_origins.c.log_id.in_([log.id for log in logged]))
        )
        running = await db.scalar(
            sa.select(sa.func.count())
            .select_from(logins)
            .where(logins.c.user_id == person.id, logins.c.ended_at.is_(None))
        )
    assert (row.email, row.phone_number, row.password_hash, row.first_name, row.is_active) == (
        None,
        None,
        None,
        "",
        False,
    )
    assert "erased" in {log.action_type for log in logged}
    assert (origins, running) == ([], 0)


async def test_an_account_with_business_of_its_own_is_not_erased(database: Database) -> None:
    person = await sign_up(database)
    app = application(database)

    async def has_unfinished_business(db: Reader, user_id: UUID) -> list[str]:
        return ["bookings"] if user_id == person.id else []

    app.state.has_unfinished_business = has_unfinished_business
    async with browsing(app, person) as client:
        refused = await client.delete(f"/users/{person.id}")
        still = await client.get("/users/me")

    assert (refused.status_code, refused.json()["code"], refused.json()["reasons"]) == (409, "unfinished", ["bookings"])
    assert still.status_code == 200


async def test_an_address_is_free_again_once_its_account_is_erased(database: Database) -> None:
    person = await sign_up(database)
    async with database.transaction() as db:
        await identity.erase(db, person.id, settings=AT_ONCE, actor=Actor.system(), now=await clock.moment(db))

    again = await sign_up(database, email=person.email)

    assert again.id != person.id


async def test_everything_about_oneself_can_be_taken_away(database: Database) -> None:
    person = await sign_up(database)
    app = application(database)

    async def notes(db: Reader, user_id: UUID) -> list[str]:
        return [f"a note of {user_id}"]

    exported: dict[str, Callable[[Reader, UUID], Awaitable[Any]]] = {"notes": notes}
    app.state.personal_data = exported
    async with browsing(app, person) as client:
        answer = await client.get("/users/me/export")

    told = answer.json()
    assert (told["user"]["email"], told["notes"]) == (person.email, [f"a note of {person.id}"])
    assert {"logins", "memberships", "activity"} <= told.keys()
    assert "$2b$" not in answer.text
