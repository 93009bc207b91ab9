"""Complaints over HTTP: opened by people, answered by admins, and gone with the account but for the bare fact."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from holdfast.app import check as checking
from holdfast.kernel import complaints
from holdfast.kernel.audit.models import activity_logs
from holdfast.kernel.bookings import Booking
from holdfast.kernel.complaints import api as complaints_api
from holdfast.kernel.complaints import rules
from holdfast.kernel.complaints.values import STATES, UNFINISHED_MAX, ComplaintStepRefused, NoteNeeded
from holdfast.kit import clock, http
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from holdfast.kit.outbox import outbox
from tests import builders
from tests.builders_identity import Person, application, browsing, sign_up

SAID = {"category": "service", "subject": "A broken chair", "text": "It broke.\nI fell."}


@asynccontextmanager
async def client_of(database: Database, person: Person | None) -> AsyncIterator[httpx2.AsyncClient]:
    app = application(database)
    app.include_router(complaints_api.router, prefix="/api/v1")
    http.check_routes(app)
    async with browsing(app, person) as client:
        yield client


async def opened(database: Database, person: Person, **body: Any) -> Any:
    async with client_of(database, person) as client:
        answer = await client.post("/complaints", json={**SAID, **body})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def admin_of(database: Database) -> Person:
    return await sign_up(database, roles=("admin",))


async def booked(database: Database, person: Person) -> Booking:
    return await builders.confirmed(database, await builders.room(database), owner=person.actor)


def refused(answer: httpx2.Response, status: int, code: str) -> Any:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()


async def log_of(database: Database, complaint_id: str) -> list[sa.Row[Any]]:
    statement = sa.select(activity_logs).where(activity_logs.c.entity_id == UUID(complaint_id))
    async with database.reader() as db:
        return list(await db.all(statement.order_by(activity_logs.c.id)))


async def facts_of(database: Database, complaint_id: str) -> list[tuple[str, Any]]:
    statement = sa.select(outbox.c.kind, outbox.c.payload).where(outbox.c.kind.like("Complaint%"))
    async with database.reader() as db:
        rows = await db.all(statement.order_by(outbox.c.at, outbox.c.id))
    return [(row.kind, row.payload) for row in rows if row.payload["complaint_id"] == complaint_id]


async def test_a_complaint_is_opened_reviewed_and_closed_with_a_note_its_owner_reads(database: Database) -> None:
    person, admin = await sign_up(database), await admin_of(database)
    booking = await booked(database, person)

    made = await opened(database, person, booking_id=str(booking.id))
    path = f"/complaints/{made['id']}"
    async with client_of(database, admin) as client:
        reviewed = await client.patch(path, json={"state": "in_review"}, headers={"If-Match": '"1"'})
        closed = await client.patch(path, json={"state": "closed", "note": "We are sorry: 50 EGP are on their way."})
    async with client_of(database, person) as client:
        seen = await client.get(path)
        listed = (await client.get("/complaints")).json()["items"]

    assert (made["state"], made["booking_id"], made["text"]) == ("open", str(booking.id), SAID["text"])
    assert (made["provider_id"], made["user_id"]) == (str(booking.provider_id), str(person.id))
    assert (reviewed.status_code, reviewed.json()["state"], reviewed.headers["etag"]) == (200, "in_review", '"2"')
    assert (closed.json()["state"], closed.json()["version"]) == ("closed", 3)
    assert seen.json()["note"] == "We are sorry: 50 EGP are on their way."
    assert seen.json()["closed_at"] is not None
    assert listed == [seen.json()]
    ids = {
        "complaint_id": made["id"],
        "user_id": str(person.id),
        "booking_id": str(booking.id),
        "inventory_id": str(booking.inventory_id),
        "provider_id": str(booking.provider_id),
    }
    assert await facts_of(database, made["id"]) == [("ComplaintOpened", ids), ("ComplaintClosed", ids)]
    log = await log_of(database, made["id"])
    assert [(row.action_type, row.user_id) for row in log] == [
        ("complaint_opened", person.id),
        ("complaint_reviewed", admin.id),
        ("complaint_closed", admin.id),
    ]
    words = str([tuple(row) for row in log])
    assert not any(text in words for text in ("broke", "fell", "chair", "sorry"))


@pytest.mark.parametrize("present", STATES)
@pytest.mark.parametrize("wanted", STATES)
def test_it_goes_on_step_by_step_and_back_only_to_be_taken_up_again(present: Any, wanted: Any) -> None:
    allowed = {("open", "in_review"), ("in_review", "closed"), ("closed", "in_review")}
    if (present, wanted) in allowed:
        rules.check_step(present, wanted, note="because")
    else:
        with pytest.raises(ComplaintStepRefused):
            rules.check_step(present, wanted, note="because")


def test_it_is_not_closed_without_a_word() -> None:
    for nothing in (None, ""):
        with pytest.raises(NoteNeeded):
            rules.check_step("in_review", "closed", note=nothing)


async def test_a_note_may_be_written_before_and_what_was_closed_is_taken_up_again(database: Database) -> None:
    person, admin = await sign_up(database), await admin_of(database)
    made = await opened(database, person)
    path = f"/complaints/{made['id']}"
    async with client_of(database, admin) as client:
        early = await client.patch(path, json={"state": "closed", "note": "No."})
        backwards = await client.patch(path, json={"state": "open"})
        reviewed = await client.patch(path, json={"state": "in_review"})
        twice = await client.patch(path, json={"state": "in_review"})
        wordless = await client.patch(path, json={"state": "closed"})
        noted = await client.patch(path, json={"note": "We look into it."})
        closed = await client.patch(path, json={"state": "closed"})
        silent_change = await client.patch(path, json={"note": "Something else."})
        again = await client.patch(path, json={"state": "in_review", "note": "You were right."})
        nothing = await client.patch(path, json={})

    told = refused(early, 409, "complaint_step_refused")
    assert (told["present"], told["wanted"]) == ("open", "closed")
    assert backwards.status_code == 422
    assert reviewed.json()["note"] is None
    refused(twice, 409, "complaint_step_refused")
    refused(wordless, 422, "note_needed")
    assert (noted.json()["note"], noted.json()["state"]) == ("We look into it.", "in_review")
    assert (closed.json()["state"], closed.json()["note"]) == ("closed", "We look into it.")
    refused(silent_change, 409, "complaint_step_refused")
    assert (again.json()["state"], again.json()["closed_at"]) == ("in_review", None)
    assert nothing.status_code == 422
    assert [row.action_type for row in await log_of(database, made["id"])] == [
        "complaint_opened",
        "complaint_reviewed",
        "complaint_noted",
        "complaint_closed",
        "complaint_reopened",
    ]


async def test_it_is_about_ones_own_booking_or_about_none(database: Database) -> None:
    person, other = await sign_up(database), await sign_up(database)
    theirs = await booked(database, other)
    async with client_of(database, person) as client:
        others = await client.post("/complaints", json={**SAID, "booking_id": str(theirs.id)})
        nobodys = await client.post("/complaints", json={**SAID, "booking_id": str(new_id())})
    without = await opened(database, person)

    for answer in (others, nobodys):
        refused(answer, 404, "booking_not_found")
    assert (without["booking_id"], without["provider_id"]) == (None, None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**SAID, "category": "weather"},
        {**SAID, "subject": ""},
        {**SAID, "subject": "two\nlines"},
        {**SAID, "subject": "x" * 201},
        {**SAID, "text": "   "},
        {**SAID, "text": "x" * 2_001},
        {**SAID, "text": "a\u0000b"},
        {**SAID, "text": 7},
        {**SAID, "state": "closed"},
        {**SAID, "user_id": str(new_id())},
        {**SAID, "booking_id": "mine"},
    ],
)
async def test_what_does_not_fit_is_refused(database: Database, body: dict[str, Any]) -> None:
    person = await sign_up(database)
    async with client_of(database, person) as client:
        answer = await client.post("/complaints", json=body)
        listed = (await client.get("/complaints")).json()["items"]

    assert answer.status_code == 422, answer.text
    assert listed == []


async def test_words_are_kept_as_they_were_written(database: Database) -> None:
    person = await sign_up(database)
    written = {"subject": '=cmd("x")', "text": "<script>alert(1)</script> \u200fمقعد مكسور\u200f\n{{ 7*7 }}"}

    made = await opened(database, person, **written)

    assert {name: made[name] for name in written} == written


async def test_only_who_complained_and_admins_see_it_and_only_admins_answer(database: Database) -> None:
    person, other, admin = await sign_up(database), await sign_up(database), await admin_of(database)
    booking = await booked(database, person)
    member = await sign_up(database, members={booking.provider_id: "owner"})
    made = await opened(database, person, booking_id=str(booking.id))
    path = f"/complaints/{made['id']}"

    async def statuses(who: Person | None) -> list[int]:
        async with client_of(database, who) as client:
            answers = [
                await client.get(path),
                await client.patch(path, json={"state": "in_review"}),
                await client.get("/complaints"),
            ]
        return [answer.status_code for answer in answers]

    assert await statuses(None) == [401, 401, 401]
    assert await statuses(other) == [404, 403, 200]
    assert await statuses(member) == [404, 403, 200]
    assert await statuses(person) == [200, 403, 200]
    assert await statuses(admin) == [200, 200, 200]
    async with client_of(database, other) as client:
        assert (await client.get("/complaints", params={"user_id": str(person.id)})).json()["items"] == []
    async with client_of(database, admin) as client:
        refused(await client.get(f"/complaints/{new_id()}"), 404, "complaint_not_found")
        assert (await client.get("/complaints/mine")).status_code == 422


async def test_admins_filter_by_state_booking_provider_and_age(database: Database) -> None:
    person, admin = await sign_up(database), await admin_of(database)
    booking = await booked(database, person)
    about = await opened(database, person, booking_id=str(booking.id))
    bare = await opened(database, person, category="payment")
    mine = {"user_id": str(person.id)}
    cases: list[tuple[dict[str, str], list[str]]] = [
        ({}, [bare["id"], about["id"]]),
        ({"state": "in_review"}, [about["id"]]),
        ({"state": "closed"}, []),
        ({"category": "payment"}, [bare["id"]]),
        ({"booking_id": str(booking.id)}, [about["id"]]),
        ({"provider_id": str(booking.provider_id)}, [about["id"]]),
        ({"provider_id": str(new_id())}, []),
        ({"to": bare["created_at"]}, [about["id"]]),
        ({"from": bare["created_at"]}, [bare["id"]]),
    ]
    async with client_of(database, admin) as client:
        await client.patch(f"/complaints/{about['id']}", json={"state": "in_review"})
        found = [(await client.get("/complaints", params=query | mine)).json()["items"] for query, _ in cases]
        first = (await client.get("/complaints", params=mine | {"limit": "1"})).json()
        cursor = mine | {"limit": "1", "cursor": first["next_cursor"]}
        second = (await client.get("/complaints", params=cursor)).json()

    assert [[row["id"] for row in rows] for rows in found] == [expected for _, expected in cases]
    assert [row["id"] for row in first["items"] + second["items"]] == [bare["id"], about["id"]]
    assert second["next_cursor"] is None


async def test_two_admins_do_not_overwrite_each_other(database: Database) -> None:
    person, admin = await sign_up(database), await admin_of(database)
    made = await opened(database, person)
    path = f"/complaints/{made['id']}"
    async with client_of(database, admin) as client:
        await client.patch(path, json={"state": "in_review"}, headers={"If-Match": '"1"'})
        late = await client.patch(path, json={"note": "Mine."}, headers={"If-Match": '"1"'})
        seen = await client.get(path)

    assert refused(late, 412, "version_stale")["version"] == 2
    assert seen.json()["note"] is None


async def test_a_repeat_with_the_same_key_is_one_complaint(database: Database) -> None:
    person = await sign_up(database)
    key = {"Idempotency-Key": f"complain-{new_id()}"}
    async with client_of(database, person) as client:
        first, again = [await client.post("/complaints", json=SAID, headers=key) for _ in range(2)]
        listed = (await client.get("/complaints")).json()["items"]

    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert len(listed) == 1


async def test_nobody_opens_more_than_are_answered(database: Database) -> None:
    person, admin = await sign_up(database), await admin_of(database)
    made = [await opened(database, person) for _ in range(UNFINISHED_MAX)]
    async with client_of(database, person) as client:
        refused(await client.post("/complaints", json=SAID), 409, "too_many_complaints")
    async with client_of(database, admin) as client:
        await client.patch(f"/complaints/{made[0]['id']}", json={"state": "in_review"})
        await client.patch(f"/complaints/{made[0]['id']}", json={"state": "closed", "note": "Done."})

    await opened(database, person)


async def test_erasure_takes_the_words_and_leaves_the_fact(database: Database) -> None:
    person, other, admin = await sign_up(database), await sign_up(database), await admin_of(database)
    made, others = await opened(database, person), await opened(database, other)
    path = f"/complaints/{made['id']}"
    async with client_of(database, admin) as client:
        await client.patch(path, json={"state": "in_review"})
        await client.patch(path, json={"state": "closed", "note": "Dear Amal, ..."})
    async with database.transaction() as db:
        count = await complaints.blank(db, person.id, await clock.moment(db))
    async with database.transaction() as db:
        again = await complaints.blank(db, person.id, await clock.moment(db))

    async with client_of(database, admin) as client:
        seen = (await client.get(path)).json()
        untouched = (await client.get(f"/complaints/{others['id']}")).json()
        reopened = await client.patch(path, json={"state": "in_review"})
    assert (count, again) == (1, 0)
    assert [seen[name] for name in ("subject", "text", "note")] == [None, None, None]
    assert (seen["state"], seen["category"], seen["user_id"]) == ("closed", "service", str(person.id))
    assert untouched["text"] == SAID["text"]
    refused(reopened, 409, "complaint_blanked")
    assert [row.action_type for row in await log_of(database, made["id"])][-1] == "complaint_blanked"


async def test_everything_one_complained_about_is_told_for_ones_own_export(database: Database) -> None:
    person = await sign_up(database)
    made = [await opened(database, person), await opened(database, person)]

    async with database.reader() as db:
        found = await complaints.of_user(db, person.id)

    assert [str(complaint.id) for complaint in found] == [made[1]["id"], made[0]["id"]]


@pytest.mark.alone
async def test_check_names_a_complaint_about_anothers_booking_and_one_that_no_log_tells_of(database: Database) -> None:
    person, other = await sign_up(database), await sign_up(database)
    booking = await booked(database, person)
    made = await opened(database, person, booking_id=str(booking.id))
    before = await checking.check(database)
    async with database.transaction() as db:
        statement = sa.text("UPDATE complaints SET user_id = :user, state = 'in_review'")
        await db.execute(statement.bindparams(sa.bindparam("user", other.id, sa.Uuid)))

    found = await checking.check(database)

    assert before == []
    assert [(breach.line, breach.name, str(breach.row["complaint_id"])) for breach in found] == [
        (8, "complaint_unlogged", made["id"]),
        (11, "complaint_about_anothers_booking", made["id"]),
    ]


@pytest.mark.parametrize(
    "change",
    [
        "state = 'closed'",
        "text = NULL",
        "closed_at = created_at",
        "category = 'weather'",
        "state = 'lost'",
        "blanked_at = created_at",
        "version = 0",
    ],
)
async def test_the_database_itself_refuses_what_cannot_be(database: Database, change: str) -> None:
    person = await sign_up(database)
    made = await opened(database, person)
    statement = sa.text(f"UPDATE complaints SET {change} WHERE id = :id")

    with pytest.raises(IntegrityError):
        async with database.transaction() as db:
            await db.execute(statement.bindparams(sa.bindparam("id", UUID(made["id"]), sa.Uuid)))
