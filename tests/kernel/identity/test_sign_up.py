"""Opening an account."""

import json
from typing import Any
from uuid import UUID

import httpx2
import pytest
import sqlalchemy as sa

from holdfast.kernel import identity
from holdfast.kernel.audit.models import activity_logs
from holdfast.kernel.identity.models import users
from holdfast.kit.db import Database
from holdfast.kit.jobs import jobs
from tests.builders_identity import application, browsing, letters_of, new_email, new_phone, sign_up, with_settings


def _form(**changes: Any) -> dict[str, Any]:
    return {
        "email": new_email(),
        "password": "Nile-2026x",
        "first_name": "Amal",
        "last_name": "Hassan",
        "phone_number": new_phone(),
    } | changes


async def _register(database: Database, form: dict[str, Any], **headers: str) -> httpx2.Response:
    async with browsing(application(database)) as guest:
        return await guest.post("/users/register", json=form, headers=headers)


async def test_a_registration_answers_the_profile_without_the_hash(database: Database) -> None:
    form = _form()

    answer = await _register(database, form)

    assert answer.status_code == 201
    body = answer.json()
    assert (body["email"], body["role"], body["roles"], body["is_active"], body["is_verified"]) == (
        form["email"],
        "customer",
        ["customer"],
        True,
        False,
    )
    assert "$2b$" not in answer.text
    assert not {"password", "password_hash"} & body.keys()


async def test_post_users_is_the_same_as_register(database: Database) -> None:
    async with browsing(application(database)) as guest:
        answer = await guest.post("/users", json=_form())

    assert (answer.status_code, answer.json()["role"]) == (201, "customer")


@pytest.mark.parametrize("field", ["role", "roles", "is_active", "is_verified", "id", "password_hash"])
async def test_a_registration_cannot_name_its_role_or_state(database: Database, field: str) -> None:
    form = _form(**{field: "admin"})

    answer = await _register(database, form)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "unknown_field"
    async with database.reader() as db:
        assert await db.scalar(sa.select(users.c.id).where(users.c.email == form["email"])) is None


@pytest.mark.parametrize("field", ["email", "password", "first_name", "last_name", "phone_number"])
async def test_names_phone_address_and_password_are_required(database: Database, field: str) -> None:
    form = _form()
    del form[field]

    answer = await _register(database, form)

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "password", ["short1A", "alllower1", "ALLUPPER1", "NoDigits", "A1" + "a" * 71, "A1" + "ع" * 36]
)
async def test_a_weak_or_overlong_password_is_refused_and_never_told(database: Database, password: str) -> None:
    answer = await _register(database, _form(password=password))

    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert password not in answer.text


@pytest.mark.parametrize(
    ("typed", "stored_like"),
    [("010 1234 5678", "+201012345678"), ("+44 7911 123456", "+447911123456"), ("00201012345678", "+201012345678")],
)
async def test_a_phone_is_stored_in_e164_a_national_one_read_in_the_region(
    database: Database, typed: str, stored_like: str
) -> None:
    answer = await _register(database, _form(phone_number=typed))

    assert (answer.status_code, answer.json()["phone_number"]) == (201, stored_like)


async def test_phone_is_an_alias_of_phone_number(database: Database) -> None:
    form = _form(phone=new_phone())
    both = await _register(database, form)
    del form["phone_number"]

    answer = await _register(database, form)

    assert (answer.status_code, answer.json()["phone_number"]) == (201, form["phone"])
    assert both.status_code == 422


@pytest.mark.parametrize("phone", ["12345", "+1234567", "call me maybe", "+2010123456789012"])
async def test_what_is_no_phone_of_10_to_15_digits_is_refused(database: Database, phone: str) -> None:
    answer = await _register(database, _form(phone_number=phone))

    assert answer.status_code == 422


@pytest.mark.parametrize("email", ["no-address", "a@b", "a@@example.org", "a b@example.org"])
async def test_what_is_no_address_is_refused(database: Database, email: str) -> None:
    answer = await _register(database, _form(email=email))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_email")


async def test_an_address_that_somebody_proved_is_taken_in_whatever_case(database: Database) -> None:
    owner = await sign_up(database)

    answer = await _register(database, _form(email=owner.email.upper()))

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


async def test_an_address_that_nobody_proved_opens_another_account(database: Database) -> None:
    first = await sign_up(database, is_verified=False)

    answer = await _register(database, _form(email=first.email))

    assert answer.status_code == 201
    assert answer.json()["id"] != str(first.id)


async def test_the_log_and_the_job_know_the_account_by_id_alone(database: Database) -> None:
    form = _form(first_name="Nefertari")

    user_id = (await _register(database, form)).json()["id"]

    async with database.reader() as db:
        logged = await db.all(sa.select(activity_logs).where(activity_logs.c.entity_id == UUID(user_id)))
        enqueued = [row for row in await db.all(sa.select(jobs)) if row.payload.get("user_id") == user_id]
    assert [row.action_type for row in logged] == ["registered"]
    told = json.dumps([str(row) for row in (*logged, *enqueued)])
    assert len(enqueued) == 1
    assert not [secret for secret in (form["email"], form["phone_number"], "Nefertari") if secret in told]


async def test_a_letter_with_a_link_follows(database: Database) -> None:
    form = _form()

    user_id = (await _register(database, form)).json()["id"]

    [letter] = await letters_of(database, UUID(user_id))
    assert (letter.to, letter.channel, letter.template) == (form["email"], "email", "verify_email")
    assert "/verify-email?token=" in letter.text


async def test_a_repeat_with_the_same_key_opens_no_second_account(database: Database) -> None:
    form, key = _form(), new_email()

    first = await _register(database, form, **{"Idempotency-Key": key})
    again = await _register(database, form, **{"Idempotency-Key": key})

    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert again.headers["idempotent-replayed"] == "true"


async def test_letters_to_one_address_are_three_in_ten_minutes_by_default(database: Database) -> None:
    default = identity.IdentitySettings(secret="x" * 40)
    settings = with_settings(letters_per_contact=default.letters_per_contact)
    form = _form()
    async with browsing(application(database, settings)) as guest:
        answers = [await guest.post("/users/register", json=form) for _ in range(4)]

    assert default.letters_per_contact == 3
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 600
