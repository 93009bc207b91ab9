"""What a product hands over to be sold by the kernel: an explicit value, no entry points, no scanning."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import APIRouter

from holdfast.kit.db import Database, Reader, Transaction
from holdfast.kit.jobs import Handler
from holdfast.kit.keeping import Kept
from holdfast.kit.outbox import Fact

#: What the product keeps about occurrences that its words need, by inventory: one named query a page.
Rows = Mapping[UUID, Any]
#: A pure function from a kernel value to the product's own fields and words, laid over the common ones.
Presenter = Callable[[Any, Rows], Mapping[str, Any]]


async def _no_rows(_db: Reader, _inventory_ids: Sequence[UUID]) -> Rows:
    return {}


#: Hears the name of each step that is done, of work that takes a while.
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Seed:
    """How a product fills a database with a world to try: `steps` that `load` tells of, one by one.

    `load(db, now, told)` adds what is missing and says in a few words what there is.
    """

    load: Callable[[Transaction, datetime, Told], Awaitable[Mapping[str, Any]]]
    steps: int


@dataclass(frozen=True, slots=True)
class Export:
    """What leaves of a table for a warehouse. `moved`: the column that says when a row last changed, if there is one.

    `hidden` columns never leave, `personal` ones only where that is asked for; `moved` None: it is handed out whole.
    """

    moved: str | None
    hidden: frozenset[str] = frozenset()
    personal: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StaffLink:
    """A page of a product for those who run it; `label` is said in the viewer's language."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Product:
    """One product: `name` is its path and the prefix of its tables.

    `present`: by the kernel's class (Hold, BookingView, PaidFor, Ticket, Cancellation), the only call from kernel to
    product while reading; there is none while writing. `on`: what it does after a fact was committed, at least once.
    `every`: what any worker runs again and again, by name: (seconds between, what).
    `roles`: the roles that its staff may have beyond the kernel's own.
    """

    name: str
    api: APIRouter
    #: what they watch, beside the API and without its base path where it is the root product
    sockets: APIRouter | None = None
    #: what people look at, by whole paths below /<name> (and /staff/<name> for those who run it), made of the
    #: templates in that folder; `title` leads there
    pages: APIRouter | None = None
    templates: Path | None = None
    title: str = ""
    #: those of its pages, below /staff/<name>, that stand among the sections for staff
    staff_links: tuple[StaffLink, ...] = ()
    #: the page on which the places of a hold that ended can be tried for once more
    try_again: Callable[[Any], str] | None = None
    present: Mapping[type, Presenter] = field(default_factory=dict)
    rows: Callable[[Reader, Sequence[UUID]], Awaitable[Rows]] = _no_rows
    on: Mapping[type[Fact], Callable[[Database], Handler]] = field(default_factory=dict)
    every: Mapping[str, tuple[int, Callable[[Database], Awaitable[object]]]] = field(default_factory=dict)
    seed: Seed | None = None
    roles: frozenset[str] = frozenset()
    #: which of its tables are handed out to a warehouse, and what of them; the rest are kept back
    exports: Mapping[str, Export] = field(default_factory=dict)
    #: how long the rows of each of its tables are kept
    kept: tuple[Kept, ...] = ()
    #: Whether a booking that was never paid is shown to its owner by id.
    shows_unpaid: bool = False


@dataclass(frozen=True, slots=True)
class Products:
    """The products of this application, by name; at `app.state.products`."""

    all: tuple[Product, ...]
    #: The one that also stands at the API's root: lists show it unless another is named.
    root: str | None = None

    def named(self, name: str) -> Product | None:
        return next((product for product in self.all if product.name == name), None)

    async def rows(self, db: Reader, inventories: Mapping[UUID, str]) -> Mapping[str, Rows]:
        """What each product keeps about these inventories (id -> product)."""
        found: dict[str, Rows] = {}
        for product in self.all:
            mine = [inventory_id for inventory_id, name in inventories.items() if name == product.name]
            if mine:
                found[product.name] = await product.rows(db, mine)
        return found

    def say(self, product_name: str, value: object, rows: Mapping[str, Rows]) -> Mapping[str, Any]:
        """The product's own fields of a kernel value; nothing where it has none."""
        product = self.named(product_name)
        presenter = product.present.get(type(value)) if product is not None else None
        return presenter(value, rows.get(product_name, {})) if presenter is not None else {}
