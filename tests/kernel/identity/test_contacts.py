"""Who proves a contact owns it; who merely typed it gains nothing."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from holdfast.kernel.identity.models import users, verifications
from holdfast.kit.db import Database
from holdfast.kit.jobs import jobs
from tests.builders_identity import (
    PASSWORD,
    SETTINGS,
    Person,
    application,
    browsing,
    code_in,
    letters_of,
    new_email,
    new_phone,
    sign_up,
    token_in,
    with_settings,
)

AT_ONCE = with_settings(recheck_seconds=0.0)


async def _post(database: Database, path: str, body: dict[str, Any], person: Person | None = None) -> Any:
    async with browsing(application(database, AT_ONCE), person) as client:
        return await client.post(path, json=body)


async def _can_sign_in(database: Database, email: str, password: str = PASSWORD) -> bool:
    answer = await _post(database, "/users/login", {"email": email, "password": password})
    return bool(answer.status_code == 200)


async def _is_signed_in(database: Database, person: Person) -> bool:
    async with browsing(application(database, AT_ONCE), person) as client:
        return (await client.get("/users/me")).status_code == 200


async def _link(database: Database, person: Person) -> str:
    return token_in((await letters_of(database, person.id))[-1])


async def test_who_is_signed_in_proves_the_address_and_keeps_everything(database: Database) -> None:
    person = await sign_up(database, is_verified=False)
    token = await _link(database, person)

    answer = await _post(database, "/auth/verify-email", {"token": token}, person)

    assert answer.json()["user"]["is_email_verified"]
    assert (answer.json()["is_password_kept"], answer.json()["reset_token"]) == (True, None)
    assert await _is_signed_in(database, person)
    assert await _can_sign_in(database, person.email)


async def test_the_password_beside_the_token_proves_the_same(database: Database) -> None:
    person = await sign_up(database, is_verified=False)
    token = await _link(database, person)

    wrong = await _post(database, "/auth/verify-email", {"token": token, "password": "Wrong-Horse-7"})
    right = await _post(database, "/auth/verify-email", {"token": token, "password": PASSWORD})

    assert (wrong.status_code, right.json()["is_password_kept"]) == (403, True)
    assert await _can_sign_in(database, person.email)


async def test_a_stranger_cannot_wait_in_an_account_for_its_address_to_be_proved(database: Database) -> None:
    stranger = await sign_up(database, is_verified=False)
    token = await _link(database, stranger)

    proved = await _post(database, "/auth/verify-email", {"token": token})

    assert not proved.json()["is_password_kept"]
    assert not await _is_signed_in(database, stranger)
    assert not await _can_sign_in(database, stranger.email)
    chosen = await _post(
        database, "/auth/reset-password", {"token": proved.json()["reset_token"], "password": "Owner-Horse-9"}
    )
    assert chosen.status_code == 204
    assert await _can_sign_in(database, stranger.email, "Owner-Horse-9")


async def test_proving_takes_the_address_from_who_typed_it_before(database: Database) -> None:
    email = new_email()
    stranger = await sign_up(database, email=email, is_verified=False)
    owner = await sign_up(database, email=email, is_verified=False)
    links = [await _link(database, person) for person in (stranger, owner)]

    await _post(database, "/auth/verify-email", {"token": links[1]}, owner)
    late = await _post(database, "/auth/verify-email", {"token": links[0]}, stranger)

    assert not await _is_signed_in(database, stranger)
    assert late.status_code == 401
    async with database.reader() as db:
        row = await db.one(sa.select(users).where(users.c.id == stranger.id))
    assert (row.email, row.password_hash, row.is_active) == (None, None, True)
    assert await _is_signed_in(database, owner)


async def test_two_who_prove_one_address_at_once_end_with_one_owner(database: Database) -> None:
    email = new_email()
    people = [await sign_up(database, email=email, is_verified=False) for _ in range(3)]
    links = [await _link(database, person) for person in people]

    answers = await asyncio.gather(
        *(
            _post(database, "/auth/verify-email", {"token": token}, person)
            for token, person in zip(links, people, strict=True)
        )
    )

    assert min(answer.status_code for answer in answers) == 200
    assert all(answer.status_code in {200, 400, 401, 409} for answer in answers)
    async with database.reader() as db:
        owners = await db.all(sa.select(users.c.id).where(users.c.email == email))
    assert len(owners) == 1


async def test_a_link_is_good_once_and_only_as_it_was_made(database: Database) -> None:
    person = await sign_up(database, is_verified=False)
    token = await _link(database, person)
    changed = ("A" if token[-2] != "A" else "B").join((token[:-2], token[-1]))

    bad = [await _post(database, "/auth/verify-email", {"token": one}, person) for one in (changed, "x", "é" * 20)]
    as_reset = await _post(database, "/auth/reset-password", {"token": token, "password": "Other-Horse-7"})
    first = await _post(database, "/auth/verify-email", {"token": token}, person)
    again = await _post(database, "/auth/verify-email", {"token": token}, person)

    assert {answer.status_code for answer in (*bad, as_reset, again)} == {400}
    assert (first.status_code, again.json()["code"]) == (200, "invalid_code")


async def test_no_code_and_no_address_stands_in_the_jobs(database: Database) -> None:
    person = await sign_up(database, is_verified=False)
    async with database.reader() as db:
        rows = [row for row in await db.all(sa.select(jobs)) if row.payload.get("user_id") == str(person.id)]
    token = await _link(database, person)

    assert len(rows) == 1
    assert not [secret for secret in (token, person.email) if secret in str(rows)]


# Forgotten passwords


async def test_a_forgotten_password_is_chosen_anew_and_every_login_ends(database: Database) -> None:
    person = await sign_up(database)

    asked = await _post(database, "/auth/forgot-password", {"email": person.email})
    token = await _link(database, person)
    reset = await _post(database, "/auth/reset-password", {"token": token, "password": "Better-Horse-8"})
    again = await _post(database, "/auth/reset-password", {"token": token, "password": "Other-Horse-8"})

    assert (asked.status_code, reset.status_code, again.status_code) == (202, 204, 400)
    assert not await _is_signed_in(database, person)
    assert await _can_sign_in(database, person.email, "Better-Horse-8")
    assert [letter.template for letter in await letters_of(database, person.id)] == ["password_changed"]


async def test_nobody_is_told_whether_an_address_has_an_account(database: Database) -> None:
    person = await sign_up(database)

    known = await _post(database, "/auth/forgot-password", {"email": person.email})
    unknown = await _post(database, "/auth/forgot-password", {"email": new_email()})

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)


async def test_a_reset_cannot_take_an_account_whose_phone_somebody_proved(database: Database) -> None:
    person = await sign_up(database, is_verified=False)
    await _prove_phone(database, person, new_phone())
    await letters_of(database, person.id)
    await _post(database, "/auth/forgot-password", {"email": person.email})
    token = await _link(database, person)

    reset = await _post(database, "/auth/reset-password", {"token": token, "password": "Thief-Horse-8"})

    assert (reset.status_code, reset.json()["code"]) == (401, "proof_needed")
    assert await _can_sign_in(database, person.email)


# Another address


async def test_a_new_address_counts_once_proved_and_the_old_one_is_told(database: Database) -> None:
    person, email = await sign_up(database), new_email()

    wrong = await _post(database, "/users/me/email", {"email": email, "password": "Wrong-Horse-7"}, person)
    asked = await _post(database, "/users/me/email", {"email": email, "password": PASSWORD}, person)
    before = await _can_sign_in(database, person.email)
    [letter] = await letters_of(database, person.id)
    unproved = await _post(database, "/auth/verify-email", {"token": token_in(letter)})
    proved = await _post(database, "/auth/verify-email", {"token": token_in(letter)}, person)

    assert (wrong.status_code, asked.status_code, before, letter.to) == (403, 202, True, email)
    assert (unproved.status_code, unproved.json()["code"]) == (401, "proof_needed")
    assert proved.json()["user"]["email"] == email
    assert not await _is_signed_in(database, person)
    assert await _can_sign_in(database, email)
    assert not await _can_sign_in(database, person.email)
    told = await letters_of(database, person.id)
    assert [(one.template, one.to) for one in told] == [("email_changed", person.email)]
    async with database.reader() as db:
        assert await db.scalar(sa.select(users.c.previous_email).where(users.c.id == person.id)) is None


async def test_an_address_of_somebody_else_cannot_be_asked_for(database: Database) -> None:
    person, other = await sign_up(database), await sign_up(database)

    answer = await _post(database, "/users/me/email", {"email": other.email, "password": PASSWORD}, person)

    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")


# Phones


async def _ask_phone(database: Database, person: Person, phone: str) -> tuple[str, str]:
    asked = await _post(database, "/users/me/phone", {"phone": phone, "password": PASSWORD}, person)
    assert asked.status_code == 202
    letter = (await letters_of(database, person.id))[-1]
    assert (letter.channel, letter.to) == ("sms", phone)
    return asked.json()["verification_id"], code_in(letter)


async def _prove_phone(database: Database, person: Person, phone: str) -> Any:
    verification_id, code = await _ask_phone(database, person, phone)
    return await _post(database, "/auth/verify-phone", {"verification_id": verification_id, "code": code}, person)


async def test_a_code_proves_the_phone_typed_at_sign_up(database: Database) -> None:
    phone = new_phone()
    person = await sign_up(database, phone_number=phone, is_verified=False)

    answer = await _prove_phone(database, person, phone)

    assert (answer.status_code, answer.json()["is_phone_verified"]) == (200, True)
    assert await _is_signed_in(database, person)


async def test_proving_a_phone_takes_it_from_who_typed_it_before(database: Database) -> None:
    phone = new_phone()
    waiting = await sign_up(database, phone_number=phone, is_verified=False)
    settled = await sign_up(database)
    async with database.transaction() as db:
        typed = {"phone_number": phone, "phone_verified_at": None}
        await db.execute(sa.update(users).where(users.c.id == settled.id).values(typed))
    owner = await sign_up(database, is_verified=False)

    await _prove_phone(database, owner, phone)

    assert not await _is_signed_in(database, waiting)
    assert not await _can_sign_in(database, waiting.email)
    assert await _is_signed_in(database, settled)
    async with database.reader() as db:
        rows = await db.all(sa.select(users.c.id).where(users.c.phone_number == phone))
    assert [row.id for row in rows] == [owner.id]


async def test_a_phone_that_somebody_proved_cannot_be_asked_for(database: Database) -> None:
    phone = new_phone()
    await sign_up(database, phone_number=phone)
    person = await sign_up(database, is_verified=False)

    answer = await _post(database, "/users/me/phone", {"phone": phone, "password": PASSWORD}, person)

    assert (answer.status_code, answer.json()["code"]) == (409, "phone_taken")


async def test_the_code_of_one_account_is_worth_nothing_to_another(database: Database) -> None:
    person, thief = await sign_up(database), await sign_up(database)
    verification_id, code = await _ask_phone(database, person, new_phone())

    answer = await _post(database, "/auth/verify-phone", {"verification_id": verification_id, "code": code}, thief)

    assert answer.status_code == 400


async def test_a_hundred_guesses_at_once_count_as_five(database: Database) -> None:
    person = await sign_up(database)
    verification_id, code = await _ask_phone(database, person, new_phone())
    wrong = f"{(int(code) + 1) % 10**6:06}"
    app = application(database, SETTINGS)
    async with browsing(app, person) as client:
        guess = {"verification_id": verification_id, "code": wrong}
        guesses = await asyncio.gather(*(client.post("/auth/verify-phone", json=guess) for _ in range(20)))
        right = await client.post("/auth/verify-phone", json=guess | {"code": code})
    async with database.reader() as db:
        tries = await db.scalar(sa.select(verifications.c.tries).where(verifications.c.id == UUID(verification_id)))

    assert {answer.status_code for answer in guesses} <= {400, 409}
    assert (right.status_code, tries) == (400, 5)


async def test_a_code_ends_after_five_minutes(database: Database) -> None:
    person = await sign_up(database)
    verification_id, code = await _ask_phone(database, person, new_phone())
    async with database.reader() as db:
        row = await db.one(sa.select(verifications).where(verifications.c.user_id == person.id))
    async with database.transaction() as db:
        await db.execute(sa.update(verifications).where(verifications.c.id == row.id).values(expires_at=row.created_at))

    answer = await _post(database, "/auth/verify-phone", {"verification_id": verification_id, "code": code}, person)

    assert (row.expires_at - row.created_at).total_seconds() == 300
    assert answer.status_code == 400


@pytest.mark.parametrize("column", ["email", "phone"])
async def test_the_database_itself_refuses_a_contact_proved_twice(database: Database, column: str) -> None:
    first, second = await sign_up(database), await sign_up(database)
    taken = (
        {"email": first.email, "email_key": first.email}
        if column == "email"
        else {"phone_number": first.user.phone_number}
    )

    with pytest.raises(sa.exc.IntegrityError):
        async with database.transaction() as db:
            await db.execute(sa.update(users).where(users.c.id == second.id).values(taken))
