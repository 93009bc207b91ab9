"""The frame of the pages for staff: their sections, addresses that keep their filters, tables as CSV.

A page answers `await show_staff(request, "web/staff/….html", …)`; its template extends `web/staff/layout.html`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from holdfast.kernel.audit import Actor
from holdfast.kernel.product import Products
from holdfast.kit.sheets import csv_of
from holdfast.kit.words import mark, say
from holdfast.web.frame import Frame, Viewer, frame_of, show, viewer_of
from holdfast.web.staff import words

#: Rows that one CSV holds at most; who needs more narrows the filter.
ROWS_MAX = 10_000
REASON_MAX = 500
#: Who of a provider sees its money, as over the API.
READING = frozenset({"owner", "manager", "finance"})


@dataclass(frozen=True, slots=True)
class Section:
    """One part of what staff look after. `path` is also the beginning of its further pages."""

    path: str
    label: str
    is_for_admins: bool = False
    #: of members of a provider only those in one of these roles; empty: all
    roles: frozenset[str] = frozenset()

    def is_for(self, actor: Actor) -> bool:
        if actor.is_admin:
            return True
        return not self.is_for_admins and (not self.roles or bool(self.roles & set(actor.members.values())))


SECTIONS = (
    Section("/staff", mark("Overview")),
    Section("/staff/holds", mark("Live holds"), is_for_admins=True),
    Section("/staff/bookings", mark("Bookings")),
    Section("/staff/complaints", mark("Complaints"), is_for_admins=True),
    Section("/staff/reports", mark("Reports"), roles=READING),
    Section("/staff/refunds", mark("Refunds"), is_for_admins=True),
    Section("/staff/webhooks", mark("Webhooks"), roles=frozenset({"owner", "manager"})),
    Section("/staff/gateway-events", mark("Gateway notices"), is_for_admins=True),
    Section("/staff/jobs", mark("Jobs"), is_for_admins=True),
    Section("/staff/outbox", mark("Outbox"), is_for_admins=True),
    Section("/staff/audit", mark("Activity log"), is_for_admins=True),
)

#: So many of them stand before the products' own.
FIRST = 3

#: What a page says after an act, by the word in its address.
DONE = {
    "released": mark("The hold was released; its places are free."),
    "cancelled": mark("Cancelled. The refund is on its way."),
    "retried": mark("It is being sent once more."),
    "revived": mark("The job is tried again now."),
    "processed": mark("The notice was processed again."),
    "saved": mark("Saved."),
    "created": mark("Entered."),
    "generated": mark("The seats were generated; they are on sale."),
    "schedule_cancelled": mark("The schedule was cancelled; everybody is being paid back."),
    "deleted": mark("Deleted."),
    "resent": mark("It is being delivered once more."),
    "tested": mark("A test is on its way; look at the deliveries below."),
}


async def show_staff(
    request: Request,
    template: str,
    /,
    *,
    home: str | None = None,
    status: int = 200,
    **values: Any,  # noqa: ANN401
) -> Response:
    """Answer with this page inside the staff's frame. `home`: its own path, where a form was sent to another."""
    viewer = await viewer_of(request)
    done = DONE.get(request.query_params.get("done", ""))
    return await show(
        request,
        template,
        status=status,
        sections=sections_of(request, viewer),
        zone=zone_of(viewer, frame_of(request)),
        done=None if done is None else say(done, viewer.locale),
        home=home,
        here=partial(address, request, home),
        staff_words=words,
        **values,
    )


def sections_of(request: Request, viewer: Viewer) -> list[Section]:
    """What this viewer looks after, the products' own after the kernel's first ones."""
    products: Products = request.app.state.products
    own = [Section(link.path, link.label) for product in products.all for link in product.staff_links]
    first, rest = SECTIONS[:FIRST], SECTIONS[FIRST:]
    return [each for each in (*first, *own, *rest) if each.is_for(viewer.actor)]


def zone_of(viewer: Viewer, frame: Frame) -> str:
    """In which zone times are shown where no place gives one."""
    return viewer.user.zone if viewer.user is not None else frame.identity.zone


def address(request: Request, home: str | None, path: str | None = None, **changed: object) -> str:
    """This address (or `home`'s, or `path`'s) with its filters, some of them changed; None leaves one out."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name not in changed]
    new = [(name, str(value)) for name, value in changed.items() if value is not None]
    query = urlencode([*kept, *new])
    return (path or home or request.url.path) + (f"?{query}" if query else "")


def csv_answer(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A table to keep, named after what it is of."""
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return Response(csv_of(head, rows), media_type="text/csv; charset=utf-8", headers=headers)
