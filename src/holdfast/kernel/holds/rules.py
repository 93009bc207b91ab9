"""Decide about holds: how long they run, who has to cool down, what they cost. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from holdfast.kernel.holds.values import (
    Hold,
    Line,
    NoItems,
    OfferChanged,
    SamePlaceTwice,
    SlotsTaken,
    TooManyItems,
    WantedItem,
    Wish,
)
from holdfast.kernel.inventory import SELLING, Clocks, Limits, OccurrenceCancelled, SalesClosed
from holdfast.kit import ids

CHAIN_LOOKED_BACK = 86_400  # seconds: a chain of the shortest holds with the longest gaps is still seen


class Clocked(Protocol):
    """A hold, or a row of one."""

    @property
    def state(self) -> str: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def ended_at(self) -> datetime | None: ...


class Claimed(Clocked, Protocol):
    @property
    def first_claimed_at(self) -> datetime: ...


class Sale(Protocol):
    """An inventory, or what was read of one under its turn."""

    @property
    def state(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def sale_opens_at(self) -> datetime | None: ...
    @property
    def sale_closes_at(self) -> datetime | None: ...


class Labelled(Protocol):
    """An item, wanted or held."""

    @property
    def place(self) -> int: ...
    @property
    def label(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time during which an owner held places without paying in the end."""

    start: datetime
    end: datetime


def is_live(hold: Clocked, *, now: datetime) -> bool:
    """Whether its clock still runs; half open: at its last moment it is over."""
    return hold.state in {"active", "converted"} and hold.ended_at is None and now < hold.expires_at


def first_end(*, first_claimed_at: datetime, now: datetime, limits: Limits, clocks: Clocks) -> datetime:
    """When a hold placed now ends: its clock, but never past the cap from the first claim."""
    return min(now + clocks.scaled(limits.hold_seconds), first_claimed_at + clocks.cap)


def end_after_checkout(hold: Hold, *, now: datetime, limits: Limits, clocks: Clocks) -> datetime:
    """When the time to pay ends: the clock moves at the first checkout only, never back and never past the cap."""
    if not limits.pay_seconds:
        return hold.expires_at
    return max(hold.expires_at, min(now + clocks.scaled(limits.pay_seconds), hold.first_claimed_at + clocks.cap))


def end_after_failure(hold: Hold, *, limits: Limits, clocks: Clocks) -> datetime:
    """When the time to pay ends after a failed payment (once)."""
    return min(hold.expires_at + clocks.scaled(limits.retry_seconds), hold.first_claimed_at + clocks.cap)


def cooling_until(stretches: Iterable[Stretch], *, now: datetime, limits: Limits, clocks: Clocks) -> datetime | None:
    """Until when an owner may not hold here again; None: at once.

    A chain is the unpaid stretches with less than the gap between them; once it has held for as long as the chain
    may, the next hold waits for one gap after its last end (spec, kernel, the cap). One lapse alone is no offence.
    """
    held = timedelta(0)
    last: datetime | None = None
    for stretch in sorted(stretches, key=lambda each: each.start):
        if last is None or stretch.start - last >= clocks.chain_gap:
            held = stretch.end - stretch.start
            last = stretch.end
        else:
            held += max(stretch.end - max(stretch.start, last), timedelta(0))
            last = max(last, stretch.end)
    if last is None or held < clocks.scaled(limits.chain_seconds):
        return None
    until = last + clocks.chain_gap
    return until if now < until else None


def refuse_unless_selling(sale: Sale, wish: Wish, *, now: datetime) -> None:
    """OccurrenceCancelled, SalesClosed, OfferChanged: what is wished is not on sale now, or not as it was priced."""
    if sale.state == "cancelled":
        raise OccurrenceCancelled
    is_open = (sale.sale_opens_at is None or sale.sale_opens_at <= now) and (
        sale.sale_closes_at is None or now < sale.sale_closes_at
    )
    if sale.state not in SELLING or not is_open or now >= wish.starts_at:
        raise SalesClosed(sale.state if sale.state not in SELLING else "closed")
    if wish.version != sale.version:
        raise OfferChanged


def stretches_of(unpaid: Iterable[Claimed], *, now: datetime) -> list[Stretch]:
    """When an owner held places by these holds, up to now."""
    found = []
    for hold in unpaid:
        end = min(hold.ended_at or hold.expires_at, hold.expires_at, now)
        if end > hold.first_claimed_at:
            found.append(Stretch(hold.first_claimed_at, end))
    return found


def slots_taken(gone: Iterable[Labelled], *, serial: int) -> SlotsTaken:
    """The refusal that names these places, each once, in the order of their numbers."""
    labels = {item.place: item.label for item in gone}
    places = sorted(labels)
    return SlotsTaken(labels=[labels[place] for place in places], places=[ids.pack(serial, place) for place in places])


def seconds_until(moment: datetime, *, now: datetime) -> int:
    """Whole seconds, rounded up, at least one."""
    return max(-((now - moment) // timedelta(seconds=1)), 1)


def refuse_malformed(items: Sequence[WantedItem], *, limits: Limits) -> None:
    """NoItems, TooManyItems, SamePlaceTwice: what can never succeed, whatever is free."""
    if not items:
        raise NoItems
    if len(items) > limits.items_max:
        raise TooManyItems(limits.items_max)
    slots = [slot for item in items for slot in item.slots]
    if len(set(slots)) != len(slots):
        raise SamePlaceTwice


def total_of(lines: Iterable[Line]) -> int:
    """What is to be paid: the lines summed, less those whose tax the others contain already."""
    return sum(line.amount for line in lines if not line.inclusive)


def amounts_of_items(lines: Iterable[Line]) -> dict[int | None, int]:
    """What each item costs, by its number: its own lines."""
    amounts: dict[int | None, int] = {}
    for line in lines:
        if not line.inclusive:
            amounts[line.item] = amounts.get(line.item, 0) + line.amount
    return amounts


def counted_slots_of(items: Iterable[WantedItem]) -> dict[int, int]:
    """How many of each counted slot these items want."""
    wanted: dict[int, int] = {}
    for item in items:
        for slot in item.counted_slots:
            wanted[slot] = wanted.get(slot, 0) + 1
    return wanted
