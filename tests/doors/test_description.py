"""What the description of the API promises is kept: what is answered has a status, a type and a body that it names.

Requests are made from the description with a fixed seed and sent to a real server, each by an admin and by a customer
who has one of everything, in turns who comes first; half of them name things that there are. What does not fit the
description is sent, too.
"""

import asyncio
import itertools
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
#: Making requests takes three times as long as sending them, so each is sent by all of these.
CALLERS = ("admin", "owner")
#: Of each operation, so many that fit the description and so many that do not.
FITTING, UNFIT = 5, 2
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_every_answer_is_one_that_the_description_names(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    dialect: Any,
) -> None:
    with shared.own_site(request, tmp_path_factory, dialect, servers=1) as site:
        trial = Trial(site.database_url, site.urls[0], tmp_path_factory.mktemp("description"))

        for operation in trial.operations():
            trial.run(operation, GenerationMode.POSITIVE, FITTING)
            trial.run(operation, GenerationMode.NEGATIVE, UNFIT)

        told = (site.folder / "server-0.log").read_text()
    with capsys.disabled():
        for caller, statuses in trial.statuses.items():
            asked = f"{statuses.total()} requests: {dict(sorted(statuses.items()))}"
            sys.stdout.write(f"\n{dialect}, {caller}: {asked}\n")
    assert "Traceback" not in told, told[-4_000:]
    assert trial.wrong == {}, "\n".join(f"{name}: {what}" for name, what in trial.wrong.items())


class Trial:
    """A run over all operations."""

    def __init__(self, database_url: str, url: str, folder: Path) -> None:
        self.database_url, self.url = database_url, url
        self.statuses: dict[str, Counter[int]] = {caller: Counter() for caller in CALLERS}
        self.wrong: dict[str, str] = {}
        self.order = itertools.cycle([CALLERS, CALLERS[::-1]])
        self.description, self.population = asyncio.run(self._populate(folder))
        self.tokens = {caller: self.population.people[caller].token for caller in CALLERS}

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
            for caller in next(self.order):
                self.ask(case, caller)

        try:
            ask()
        except (FailureGroup, AssertionError) as failed:
            parts = failed.exceptions if isinstance(failed, FailureGroup) else [failed]
            self.wrong[f"{operation.label} ({mode.value})"] = " / ".join(str(part)[:700] for part in parts)

    def ask(self, case: Any, caller: str) -> None:
        """Failures of schemathesis, which are assertions."""
        answer = case.call(base_url=self.url, headers={"Authorization": f"Bearer {self.tokens[caller]}"}, timeout=20)
        self.statuses[caller][answer.status_code] += 1
        if answer.status_code == 401 and answer.json().get("code") == "invalid_token":  # it ended its own login
            self.tokens[caller] = asyncio.run(self._signed_in(caller))
        case.validate_response(answer, checks=CHECKS)

    async def _populate(self, folder: Path) -> tuple[dict[str, Any], Population]:
        async with Database(self.database_url, pool_size=2, test_clock=True) as database:
            app: FastAPI = application(database, folder)
            return app.openapi(), await populate(app)

    async def _signed_in(self, caller: str) -> str:
        person: Person = self.population.people[caller]
        async with (
            Database(self.database_url, pool_size=1, test_clock=True) as database,
            database.transaction() as db,
        ):
            now, actor = await clock.moment(db), Actor.system()
            begun = await logins.start(db, settings=SETTINGS, user=person.user, agent=None, actor=actor, now=now)
            return begun.access_token
