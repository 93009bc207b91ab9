"""What is for sale over HTTP: the layout, which never changes, and its states, one character a slot; out of memory."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import FastAPI, Query, Request, Response

from holdfast.kernel.audit import Actor, anyone
from holdfast.kernel.inventory import STATE_LETTERS
from holdfast.kernel.realtime import schemas
from holdfast.kernel.realtime.lookout import Kept, Lookout, public
from holdfast.kit.fields import Answer
from holdfast.kit.http import Found, Router, allow, cacheable, path_id
from holdfast.kit.quick_reads import Said, quick

_JSON = "application/json"
_CACHE = "no-cache"
#: As starlette writes them.
_JSON_HEADER, _CACHE_HEADER = (b"content-type", _JSON.encode()), (b"cache-control", _CACHE.encode())
_UUID_LENGTH = 36

router = Router(tags=["inventories"])


def lookout_of(request: Request) -> Lookout:
    lookout = request.app.state.lookout
    assert isinstance(lookout, Lookout)
    return lookout


async def public_inventory(request: Request, _caller: Actor) -> Kept:
    """Anybody may watch what is or was on sale; a draft is nobody's business."""
    return await public(lookout_of(request), path_id(request, "inventory_id"))


async def layout_outright(platform: FastAPI, inventory_id: str, known: str | None) -> Said | None:
    """`show_layout` of a plain request."""
    kept = await _outright(platform, inventory_id)
    if kept is None:
        return None
    tag = _layout_tag(kept)
    if known is not None and names(known, tag):
        return _unchanged(tag)
    return _said(tag, kept.written("layout", tag, lambda: _layout(kept)))


async def states_outright(platform: FastAPI, inventory_id: str, known: str | None) -> Said | None:
    """`show_states` of a plain request, without `since`."""
    kept = await _outright(platform, inventory_id)
    if kept is None:
        return None
    tag = f'W/"{kept.position}"'
    if known is not None and names(known, tag):
        return _unchanged(tag)
    now = platform.state.lookout.clock.now()
    body = kept.written("states", tag, lambda: _states(kept, now, is_new=True).model_dump_json().encode())
    return _said(tag, _at(body, now))


@router.get("/inventories/{inventory_id}/layout", response_model=schemas.LayoutView)
@quick(layout_outright)
@allow(anyone, find=public_inventory)
@cacheable(_CACHE)
async def show_layout(*, kept: Annotated[Kept, Found], request: Request) -> Response:
    """The places of an inventory and their prices; ETag: the layout, which never changes, and the version of prices."""
    tag = _layout_tag(kept)
    if is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    body = kept.written("layout", tag, lambda: _layout(kept))
    return Response(body, media_type=_JSON, headers={"ETag": tag})


@router.get("/inventories/{inventory_id}/states", response_model=schemas.StatesView)
@quick(states_outright)
@allow(anyone, find=public_inventory)
@cacheable(_CACHE)
async def show_states(
    *,
    kept: Annotated[Kept, Found],
    request: Request,
    since: Annotated[str | None, Query(max_length=40)] = None,
) -> Response:
    """One character a slot (f free, h held, s sold, b blocked) in the order of the layout's places.

    `since`: a position given before; where nothing changed since, `states` is null. If-None-Match is answered 304.
    """
    now, is_new = lookout_of(request).clock.now(), since != kept.position
    what = "states" if is_new else "no states"
    return answer_as_it_is(request, kept, what=what, write=lambda: _states(kept, now, is_new=is_new), now=now)


def answer_as_it_is(request: Request, kept: Kept, *, what: str, write: Callable[[], Answer], now: datetime) -> Response:
    """An answer about how it looks, written once until it looks otherwise: 304 to who has it, weakly by position.

    What `write` returns ends with its `server_time`, which each answer has anew.
    """
    tag = f'W/"{kept.position}"'
    if is_known(request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    body = kept.written(what, tag, lambda: write().model_dump_json().encode())
    return Response(_at(body, now), media_type=_JSON, headers={"ETag": tag})


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller has what that ETag names (RFC 9110: weakly compared, one of several, or *)."""
    sent = request.headers.get("if-none-match")
    return sent is not None and names(sent, tag)


def names(sent: str, tag: str) -> bool:
    """Whether that If-None-Match names this ETag."""
    bare = tag.removeprefix("W/")
    return sent.strip() == "*" or bare in (each.strip().removeprefix("W/") for each in sent.split(","))


async def _outright(platform: FastAPI, inventory_id: str) -> Kept | None:
    """None unless that is an id as it is always written. InventoryNotFound."""
    try:
        asked = UUID(inventory_id)
    except ValueError:
        return None
    return await public(platform.state.lookout, asked) if len(inventory_id) == _UUID_LENGTH else None


def _said(tag: str, body: bytes) -> Said:
    length = (b"content-length", str(len(body)).encode())
    return 200, [(b"etag", tag.encode()), length, _JSON_HEADER, _CACHE_HEADER], body


def _unchanged(tag: str) -> Said:
    return 304, [(b"etag", tag.encode()), _CACHE_HEADER], b""


def _layout_tag(kept: Kept) -> str:
    return f'"{kept.view.layout.id}.{kept.inventory.version}"'


def _layout(kept: Kept) -> bytes:
    return schemas.LayoutView.of(kept.view.layout, inventory=kept.inventory).model_dump_json().encode()


def _states(kept: Kept, now: datetime, *, is_new: bool) -> schemas.StatesView:
    view = kept.view
    states = view.letters()
    counted = [
        schemas.CountedView(slot=slot, capacity=capacity, taken=taken) for slot, capacity, taken in view.counted()
    ]
    return schemas.StatesView(
        inventory_id=view.inventory_id,
        state=view.state,
        layout_id=view.layout.id,
        position=kept.position,
        states=states if is_new else None,
        counted=counted,
        available=states.count(STATE_LETTERS["free"]) + sum(each.capacity - each.taken for each in counted),
        server_time=now,
    )


def _at(body: bytes, now: datetime) -> bytes:
    """What was written before, with the moment of this answer."""
    head, _, _ = body.rpartition(b'"server_time":')
    moment = now.isoformat().replace("+00:00", "Z").encode()
    return b'%s"server_time":"%s"}' % (head, moment)
