"""Requests that arrive together ride together: in order, a turn at a time, none failed by another."""

import asyncio
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from holdfast.kit.bulk import ConnectionLost, Program, Undecided
from holdfast.kit.db import Database
from holdfast.kit.errors import Contended, DatabaseUnavailable, NotFound, Overloaded
from holdfast.kit.rides import TRIES_MAX, Fate, Rides

NO_DATABASE = cast("Database", None)  # only the writers would ask it


class Absent(NotFound):
    """There is no such thing."""


@dataclass(frozen=True)
class Asked:
    name: str
    turn: str = "a"
    mark: str | None = None


@dataclass
class Ground:
    """Writers that a test lets go on, and what they were given. `failures`: what the next runs raise."""

    batches: list[list[str]] = field(default_factory=list)
    patient: list[bool] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    failures: list[Exception] = field(default_factory=list)
    at_work: int = 0
    most_at_work: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, program: Program[Any]) -> Any:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            await self.gate.wait()
            await asyncio.sleep(0.01)
            if self.failures:
                raise self.failures.pop(0)
            try:
                next(program)
            except StopIteration as done:
                return done.value
        finally:
            self.at_work -= 1

    async def close(self) -> None:
        assert not self.at_work

    def settle(self, requests: Sequence[Asked], *, is_patient: bool) -> Program[list[Any]]:
        yield from ()  # a program is a generator
        self.batches.append([each.name for each in requests])
        self.patient.append(is_patient)
        if any(each.name == "poison" for each in requests):
            raise ValueError
        if any(each.name == "undecidable" for each in requests):
            raise Undecided
        return [self._outcome(each, is_patient=is_patient) for each in requests]

    def _outcome(self, request: Asked, *, is_patient: bool) -> object:
        if request.name in self.taken and not is_patient:
            return Fate.LATER
        return Absent() if request.name == "absent" else request.name.upper()

    def rides(self, **words: Any) -> Rides[Asked, Any]:
        return Rides(NO_DATABASE, self.settle, name="test", marks=_marks, open_writer=lambda _: self, **words)


def _marks(request: Asked) -> Iterator[Hashable]:
    if request.mark is not None:
        yield request.mark


def _turn(request: Asked) -> str:
    return request.turn


async def ride(ground: Ground, rides: Rides[Asked, Any], *requests: Asked) -> list[Any]:
    """All of them at once; the writers begin when all have asked."""
    asking = [asyncio.create_task(rides.ride(each)) for each in requests]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    ground.gate.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    await rides.close()
    return found


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.kit.rides.random.uniform", lambda *_: 0.0)


async def test_who_comes_while_a_batch_is_written_rides_in_the_next_one() -> None:
    ground = Ground()
    rides = ground.rides()
    first = asyncio.create_task(rides.ride(Asked("one")))
    await asyncio.sleep(0.01)

    others = await ride(ground, rides, Asked("two"), Asked("three"))

    assert [await first, *others] == ["ONE", "TWO", "THREE"]
    assert ground.batches == [["one"], ["two", "three"]]


async def test_a_batch_has_no_two_of_one_mark_and_the_rest_of_the_turn_keeps_its_order() -> None:
    ground = Ground()

    await ride(
        ground,
        ground.rides(turn_of=_turn),
        Asked("one", mark="me"),
        Asked("two", mark="me"),
        Asked("three"),
        Asked("four", turn="b"),
    )

    assert ground.batches == [["one", "four"], ["two", "three"]]


async def test_what_is_passed_keeps_its_place_before_what_came_later() -> None:
    ground = Ground()
    asked = (Asked("one", mark="me"), Asked("two", mark="me"), Asked("three", turn="b"), Asked("four"))

    await ride(ground, ground.rides(turn_of=_turn, at_once_max=2), *asked)

    assert ground.batches == [["one", "three"], ["two", "four"]]


async def test_two_writers_are_never_about_the_same_turn() -> None:
    ground = Ground()
    rides = ground.rides(turn_of=_turn, writers=2)
    asking = [asyncio.create_task(rides.ride(Asked(name, turn))) for name, turn in (("one", "a"), ("two", "b"))]
    await asyncio.sleep(0.01)
    asking += [asyncio.create_task(rides.ride(Asked(name, turn))) for name, turn in (("three", "a"), ("four", "c"))]
    await asyncio.sleep(0.01)

    assert ground.most_at_work == 2  # "four" is of no turn that is written in; "three" waits
    ground.gate.set()
    await asyncio.gather(*asking)
    await rides.close()

    assert sorted(ground.batches) == [["four"], ["one", "two"], ["three"]]


async def test_many_that_wait_are_shared_with_a_writer_at_rest_each_turn_whole() -> None:
    ground = Ground()
    rides = ground.rides(turn_of=_turn, writers=2)

    await ride(ground, rides, *(Asked(f"{number:02}", turn=f"{number // 4}") for number in range(32)))

    assert ground.most_at_work == 2
    first, second = sorted(ground.batches[:2])
    assert {int(name) // 4 for name in first}.isdisjoint(int(name) // 4 for name in second)
    assert sum(map(len, ground.batches)) == 32


async def test_a_writer_at_rest_is_called_for_what_waited_for_turns_under_way() -> None:
    ground = Ground()
    rides = ground.rides(turn_of=_turn, writers=2)
    early = [asyncio.create_task(rides.ride(Asked(f"{turn}", turn=f"{turn}"))) for turn in range(8)]
    await asyncio.sleep(0.01)

    await ride(ground, rides, *(Asked(f"{number}", turn=f"{number // 4}") for number in range(32)))

    await asyncio.gather(*early)
    assert [len(batch) for batch in ground.batches] == [8, 16, 16]
    assert ground.most_at_work == 2


async def test_whoever_is_passed_over_is_waited_for_the_next_time() -> None:
    ground = Ground(taken={"late"})

    found = await ride(ground, ground.rides(), Asked("late"), Asked("one"))

    assert found == ["LATE", "ONE"]
    assert (ground.batches, ground.patient) == ([["late", "one"], ["late"]], [False, True])


async def test_who_fails_a_batch_fails_alone() -> None:
    ground = Ground()

    found = await ride(ground, ground.rides(), *map(Asked, ("one", "poison", "three", "absent")))

    assert [found[0], found[2]] == ["ONE", "THREE"]
    assert isinstance(found[1], ValueError)
    assert isinstance(found[3], Absent)


async def test_what_cannot_be_decided_is_tried_again_and_then_fails_alone() -> None:
    ground = Ground()

    found = await ride(ground, ground.rides(), Asked("undecidable"), Asked("two"))

    assert isinstance(found[0], Undecided)
    assert found[1] == "TWO"
    assert ground.batches.count(["undecidable", "two"]) == TRIES_MAX


@pytest.mark.parametrize(("failure", "told"), [(ConnectionLost, DatabaseUnavailable), (Contended, Contended)])
async def test_a_broken_try_is_repeated_until_it_has_failed_too_often(
    failure: type[Exception], told: type[Exception]
) -> None:
    once, always = (Ground(failures=[failure() for _ in range(times)]) for times in (1, TRIES_MAX))

    assert await ride(once, once.rides(), Asked("one"), Asked("two")) == ["ONE", "TWO"]
    found = await ride(always, always.rides(), Asked("one"), Asked("two"))
    assert [type(each) for each in found] == [told, told]


async def test_more_than_may_wait_are_refused_at_once() -> None:
    ground = Ground()
    rides = ground.rides(queue_max=1)
    first = asyncio.create_task(rides.ride(Asked("one")))
    await asyncio.sleep(0.01)  # it is being written

    found = await ride(ground, rides, Asked("two"), Asked("three"))

    assert await first == "ONE"
    assert found[0] == "TWO"
    assert isinstance(found[1], Overloaded)


async def test_who_has_left_rides_in_no_batch() -> None:
    ground = Ground()
    rides = ground.rides()
    first, left = asyncio.create_task(rides.ride(Asked("one"))), asyncio.create_task(rides.ride(Asked("left")))
    await asyncio.sleep(0)
    left.cancel()

    assert await ride(ground, rides, Asked("three")) == ["THREE"]
    assert await first == "ONE"
    assert all("left" not in batch for batch in ground.batches)
