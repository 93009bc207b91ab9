"""What the description of the API promises is kept: what is answered has a status, a type and a body that it names.

Requests are made from the description with a fixed seed and sent to a real server, by an admin and by a customer who
has one of everything; half of them name things that there are. What does not fit the description is sent, too.
"""

import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import logins
from holdfast.kit import clock
from holdfast.kit.db import Database
from tests.builders_identity import SETTINGS, Person
from tests.doors.conftest import application
from tests.doors.population import Population, populate
from tests.journeys import shared

SEED = 20_260_521
#: Of each operation, so many that fit the description and so many that do not.
FITTING, UNFIT = 5, 2
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("caller", ["admin", "owner"])
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_answer_is_one_that_the_description_names(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    dialect: Any,
    caller: str,
) -> None:
    with shared.own_site(request, tmp_path_factory, dialect, servers=1) as site:
        trial = Trial(site.database_url, site.urls[0], tmp_path_factory.mktemp("description"), caller)

        for operation in trial.operations():
            trial.run(operation, GenerationMode.POSITIVE, FITTING)
            trial.run(operation, GenerationMode.NEGATIVE, UNFIT)

        told = (site.folder / "server-0.log").read_text()
    with capsys.disabled():
        sys.stdout.write(f"\n{dialect}, {caller}: {trial.asked} requests: {dict(sorted(trial.statuses.items()))}\n")
    assert "Traceback" not in told, told[-4_000:]
    assert trial.wrong == {}, "\n".join(f"{name}: {what}" for name, what in trial.wrong.items())


class Trial:
    """One caller's run over all operations."""

    def __init__(self, database_url: str, url: str, folder: Path, caller: str) -> None:
        self.database_url, self.url, self.caller = database_url, url, caller
        self.statuses: Counter[int] = Counter()
        self.wrong: dict[str, str] = {}
        self.asked = 0
        self.description, self.population = asyncio.run(self._populate(folder))
        self.token = self.population.people[caller].token

    def operations(self) -> list[Any]:
        found: Any = schemathesis.openapi.from_dict(self.description).get_all_operations()
        return [each.ok() for each in found]

    def run(self, operation: Any, mode: GenerationMode, examples: int) -> None:
        if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query):
            return
        there = {
            name: things[0]
            for name in [parameter.name for parameter in operation.path_parameters]
            if (things := self.population.things.get(operation.path) or self.population.things.get(name))
        }

        @hypothesis.seed(SEED)
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.one_of(
                operation.as_strategy(mode),
                operation.as_strategy(mode, path_parameters=there) if there else operation.as_strategy(mode),
            )
        )
        def ask(case: Any) -> None:
            answer = case.call(base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, timeout=20)
            self.asked += 1
            self.statuses[answer.status_code] += 1
            if answer.status_code == 401 and answer.json().get("code") == "invalid_token":  # it ended its own login
                self.token = asyncio.run(self._signed_in())
            case.validate_response(answer, checks=CHECKS)

        try:
            ask()
        except (FailureGroup, AssertionError) as failed:
            parts = failed.exceptions if isinstance(failed, FailureGroup) else [failed]
            self.wrong[f"{operation.label} ({mode.value})"] = " / ".join(str(part)[:700] for part in parts)

    async def _populate(self, folder: Path) -> tuple[dict[str, Any], Population]:
        async with Database(self.database_url, pool_size=2, test_clock=True) as database:
            app: FastAPI = application(database, folder)
            return app.openapi(), await populate(app)

    async def _signed_in(self) -> str:
        person: Person = self.population.people[self.caller]
        async with (
            Database(self.database_url, pool_size=1, test_clock=True) as database,
            database.transaction() as db,
        ):
            now, actor = await clock.moment(db), Actor.system()
            begun = await logins.start(db, settings=SETTINGS, user=person.user, agent=None, actor=actor, now=now)
            return begun.access_token
