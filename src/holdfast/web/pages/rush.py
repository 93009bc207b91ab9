"""The rush of a demo: a button, and how it stands; in a demo only, for it takes places from customers."""

from collections import Counter
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from holdfast.kernel.audit import anyone
from holdfast.kit.http import allow, raw, unkeyed
from holdfast.web import forms
from holdfast.web.forms import FORM_BYTES_MAX, Filled, Form
from holdfast.web.frame import show
from holdfast.web.routing import Pages

router = Pages()

CLIENTS_DEFAULT = 200
#: A page's rush runs in the server that it rushes at, so it stays below what that serves at once.
CLIENTS_MAX = 500
_LOOK_SECONDS = 1


class Score(Protocol):
    """How it stands: `stage` is waiting, people, rush, checking, over or failed."""

    clients: int
    stage: str
    inventory_id: UUID | None
    places: int
    held: int
    refused: int
    errors: int
    seconds: float
    oversold: int | None
    breaches: list[str]
    wrong: Counter[str]

    @property
    def is_over(self) -> bool: ...

    @property
    def is_sound(self) -> bool: ...


class Rushing(Protocol):
    """What the application keeps at `app.state.rush`."""

    @property
    def score(self) -> Score | None: ...

    def begin(self, *, clients: int) -> bool: ...


class RushForm(Form):
    clients: Annotated[int, Field(ge=2, le=CLIENTS_MAX)]


@router.get("/demo/rush")
@allow(anyone)
async def rush_page(request: Request) -> Response:
    """The button, and how the last one ended or stands; the page looks again by itself while one runs."""
    return await _shown(request, None)


@router.post("/demo/rush")
@allow(anyone)
@raw(limit=FORM_BYTES_MAX)
@unkeyed("one runs at a time: pressed again meanwhile, the button begins none")
async def begin_rush(request: Request) -> Response:
    filled = await forms.read(request, RushForm)
    if filled.said is None:
        return await _shown(request, filled, status=422)
    _rushing(request).begin(clients=filled.said.clients)
    return RedirectResponse("/demo/rush", status_code=303)


async def _shown(request: Request, filled: Filled[RushForm] | None, *, status: int = 200) -> Response:
    score = _rushing(request).score
    response = await show(
        request,
        "web/rush.html",
        score=score,
        filled=filled,
        clients=CLIENTS_DEFAULT,
        clients_max=CLIENTS_MAX,
        status=status,
    )
    if score is not None and not score.is_over:
        response.headers["Refresh"] = str(_LOOK_SECONDS)
    return response


def _rushing(request: Request) -> Rushing:
    found: Rushing = request.app.state.rush
    return found
