"""holdfast rush: many people reach for the places of one inventory of a running server at once."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Annotated
from uuid import UUID

import typer
from rich.live import Live
from rich.text import Text

from holdfast.app.cli.opening import settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.app.rush import CLIENTS_MAX, Rush, Score

_LOOK_SECONDS = 0.1
_STAGES = {
    "waiting": "looking for something on sale",
    "people": "signing everybody in",
    "rush": "everybody reaches for a place",
    "checking": "looking into the database",
    "over": "over",
    "failed": "failed",
}


def add_to(app: typer.Typer) -> None:
    app.command()(rush)


def rush(
    *,
    clients: Annotated[int, typer.Option(min=1, max=CLIENTS_MAX, help="How many reach at once.")] = 500,
    inventory: Annotated[
        UUID | None, typer.Option(help="For whose places (a schedule's id); default: the next one on sale.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The running server; default: as HOLDFAST_PUBLIC_URL says.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Let the holds stand; they lapse by themselves.")] = False,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Let hundreds of people reach for the same places over HTTP, and prove that none was sold twice (exit code 1).

    Start it beside `holdfast serve` or `holdfast demo`, with their settings; production refuses it. What was won is
    given back at the end.
    """
    screen = Screen(is_json=json)
    score = Score(clients)

    async def run(house: House) -> None:
        running = asyncio.create_task(
            Rush(house, url=url or house.settings.origin).run(score, inventory_id=inventory, keep=keep)
        )
        with _watched(screen, score) as look:
            while not running.done():
                look()
                await asyncio.wait({running}, timeout=_LOOK_SECONDS)
            look()
        await running

    with settings_for(database) as settings:
        work(settings, run)
    screen.say(_told(score), value=score.to_json())
    if not score.is_sound:
        raise typer.Exit(1)


@contextlib.contextmanager
def _watched(screen: Screen, score: Score) -> "Iterator[Looking]":
    """Live counts where a person watches."""
    if screen.is_json or not screen.out.is_terminal:
        yield Looking(None, score)
        return
    with Live(console=screen.out, transient=True) as live:
        yield Looking(live, score)


class Looking:
    """Shows how it stands each time it is called."""

    def __init__(self, live: Live | None, score: Score) -> None:
        self._live, self._score = live, score

    def __call__(self) -> None:
        if self._live is not None:
            counts = f"held {self._score.held}  refused {self._score.refused}  errors {self._score.errors}"
            self._live.update(Text(f"{self._score.clients} clients: {_STAGES[self._score.stage]}\n{counts}"))


def _told(score: Score) -> str:
    asked = score.held + score.refused + score.errors
    lines = [
        f"{score.clients} clients reached for {score.places} free places: {asked} requests in {score.seconds:.1f} s",
        f"held: {score.held}",
        f"refused: {score.refused}",
        f"errors: {score.errors}",
        *(f"  {many} x {words}" for words, many in score.wrong.items()),
        *(f"breach of the contract: {breach}" for breach in score.breaches),
        f"oversold: {score.oversold}",
    ]
    return "\n".join(lines)
