"""Complaints, read and answered on pages."""

import re

import httpx2
import pytest

from holdfast.kernel import complaints
from holdfast.kernel.complaints import Complaint, NewComplaint
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.builders_identity import Person, sign_up
from tests.web.staff.conftest import Actions, SignIn


@pytest.fixture
async def complainer(database: Database) -> Person:
    return await sign_up(database)


@pytest.fixture
async def complaint(database: Database, complainer: Person) -> Complaint:
    new = NewComplaint("service", "A <b>broken</b> chair", "It broke.\nI fell.")
    async with database.transaction() as db:
        return await complaints.open_complaint(db, new, actor=complainer.actor, now=await clock.moment(db))


async def now_of(database: Database, complaint: Complaint) -> Complaint:
    async with database.reader() as db:
        return await complaints.find(db, complaint.id)


async def test_a_complaint_is_reviewed_and_closed_with_a_note(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, complaint: Complaint, actions: Actions
) -> None:
    admin = await sign_in("admin")
    path = f"/staff/complaints/{complaint.id}"

    page = await browser.get(path)
    reviewed = await browser.post(path, data={"version": "1", "step": "in_review"})
    wordless = await browser.post(path, data={"version": "2", "step": "closed"})
    closed = await browser.post(path, data={"version": "2", "step": "closed", "note": "We mended it."})
    after = await now_of(database, complaint)
    again = await browser.post(path, data={"version": "3", "step": "in_review"})

    assert "A &lt;b&gt;broken&lt;/b&gt; chair" in page.text
    assert "It broke.\nI fell." in page.text
    assert [each.status_code for each in (reviewed, closed, again)] == [303, 303, 303]
    assert wordless.status_code == 422
    assert 'id="note-error">A complaint is closed with a note' in wordless.text
    assert (after.state, after.note) == ("closed", "We mended it.")
    assert (await actions(complaint.id))[1:] == [
        f"complaint_reviewed by {admin.id}",
        f"complaint_closed by {admin.id}",
        f"complaint_reopened by {admin.id}",
    ]


async def test_two_admins_do_not_answer_over_each_other(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, complaint: Complaint
) -> None:
    await sign_in("admin")
    path = f"/staff/complaints/{complaint.id}"

    first = await browser.post(path, data={"version": "1", "note": "Mine"})
    second = await browser.post(path, data={"version": "1", "note": "Other"})

    assert (first.status_code, second.status_code) == (303, 412)
    assert ">Other</textarea>" in second.text
    assert (await now_of(database, complaint)).note == "Mine"


async def test_what_cannot_be_saved_is_told(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, complaint: Complaint
) -> None:
    await sign_in("admin")
    path = f"/staff/complaints/{complaint.id}"

    empty = await browser.post(path, data={"version": "1", "note": " "})
    async with database.transaction() as db:
        await complaints.blank(db, complaint.user_id, now=await clock.moment(db))
    erased = await browser.post(path, data={"version": "2", "note": "Too late"})

    assert (empty.status_code, erased.status_code) == (422, 409)
    assert 'id="note-error">Please fill this in.' in empty.text
    assert '<div class="notice bad" role="alert"><p>' in erased.text
    assert f'action="{path}"' not in erased.text


async def test_complaints_are_listed_by_state_and_their_table_tells_no_words(
    browser: httpx2.AsyncClient, sign_in: SignIn, complaint: Complaint, complainer: Person
) -> None:
    await sign_in("admin")

    open_ = await browser.get("/staff/complaints?state=open&limit=100")
    closed = await browser.get("/staff/complaints?state=closed&limit=100")
    table = await browser.get("/staff/complaints.csv")

    assert str(complaint.id) in open_.text
    assert complainer.email in open_.text
    assert str(complaint.id) not in closed.text
    assert str(complaint.id) in table.text
    assert re.search("broken|It broke|@", table.text) is None


async def test_a_member_reads_no_complaints(browser: httpx2.AsyncClient, sign_in: SignIn, complaint: Complaint) -> None:
    await sign_in("operator")

    answers = [
        await browser.get("/staff/complaints"),
        await browser.get(f"/staff/complaints/{complaint.id}"),
        await browser.post(f"/staff/complaints/{complaint.id}", data={"version": "1", "note": "x"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
