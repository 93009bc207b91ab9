"""Limits at their defaults, which every other journey raises: what an operator gets who sets nothing.

Sign-ins (10 an account in 10 minutes) and letters (3 a contact) are tried out in tests/kernel/identity, where no server
is needed; here stands that the platform hands those defaults on, and the limit that lives in the server itself.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from holdfast.app import house
from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kernel.identity import IdentitySettings
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id
from tests import builders_identity
from tests.builders_identity import PASSWORD, SECRET, Person
from tests.journeys.calls import refusal, told


@pytest.fixture
def defaults(tmp_path: Path) -> Settings:
    """What stands where nothing is said but what no default can know."""
    return Settings(_env_file=None, environment="test", secret=SECRET, data_folder=tmp_path)  # type: ignore[arg-type]


@pytest.fixture
async def server(database: Database, defaults: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(defaults, database=database)
    transport = httpx2.ASGITransport(app=app, client=(f"198.51.100.{new_id().int % 250}", 40_000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


async def reserve(server: httpx2.AsyncClient, person: Person) -> httpx2.Response:
    wish = {"schedule_id": str(new_id()), "seat_numbers": ["1A"]}
    return await server.post("/bus/reservations/create", json=wish, headers=person.headers)


async def test_an_account_asks_for_thirty_holds_a_minute_and_no_more(
    database: Database, server: httpx2.AsyncClient
) -> None:
    amal, badr = await builders_identity.sign_up(database), await builders_identity.sign_up(database)

    for _ in range(30):
        refusal(await reserve(server, amal), 404, "schedule_not_found")
    refused = await reserve(server, amal)

    refusal(refused, 429, "too_many_requests")
    assert 1 <= int(refused.headers["retry-after"]) <= 2
    refusal(await reserve(server, badr), 404, "schedule_not_found")


async def test_an_account_is_tried_ten_times_in_ten_minutes_over_the_whole_platform(
    database: Database, server: httpx2.AsyncClient, defaults: Settings
) -> None:
    amal = await builders_identity.sign_up(database)
    wrong = {"email": amal.email, "password": f"{PASSWORD}-not"}
    identity = house.identity_settings(defaults)
    assert (identity.sign_ins_per_account, identity.sign_in_window_minutes) == (10, 10)

    for _ in range(10):
        told(await server.post("/users/login", json=wrong), 401)
    refused = await server.post("/users/login", json={"email": amal.email, "password": PASSWORD})

    refusal(refused, 429, "too_many_requests")
    assert 590 <= int(refused.headers["retry-after"]) <= 600


def test_the_platform_hands_on_the_defaults_of_identity(defaults: Settings) -> None:
    handed, own = house.identity_settings(defaults), IdentitySettings(secret=SECRET)

    for name in (
        "bcrypt_cost",
        "sign_ins_per_account",
        "sign_in_window_minutes",
        "letters_per_contact",
        "letters_per_contact_and_day",
        "letters_per_address_and_hour",
        "access_token_minutes",
        "code_tries_max",
    ):
        assert getattr(handed, name) == getattr(own, name)
    assert (handed.bcrypt_cost, handed.letters_per_contact, handed.letters_per_contact_and_day) == (12, 3, 10)
