"""Read what a planner wrote: times as clocks of a stop show them, prices, fares of parts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from holdfast.kit.db import Transaction
from holdfast.kit.money import Money
from holdfast.kit.text import match_key
from holdfast.kit.zones import local_to_utc
from holdfast.products.bus import rules
from holdfast.products.bus.models import bus_fares
from holdfast.products.bus.offers import position_of
from holdfast.products.bus.records import Fare, Route
from holdfast.products.bus.schemas import FareBody
from holdfast.products.bus.values import ArrivalBeforeDeparture, DepartureInPast, FareContradicts, PriceNotPositive


def moment_of(time: datetime, zone: str, fold: Literal[0, 1] | None) -> datetime:
    """A moment as it is, a wall time as the clocks of its stop show it. NonexistentTime, AmbiguousTime."""
    return local_to_utc(time, zone, fold=fold) if time.tzinfo is None else time


def refuse_bad_times(departs_at: datetime, arrives_at: datetime, *, now: datetime) -> None:
    if departs_at <= now:
        raise DepartureInPast
    if arrives_at <= departs_at:
        raise ArrivalBeforeDeparture


def price_of(amount: Any, currency: str) -> int:  # noqa: ANN401 - a decimal, or a string of one
    """In minor units. PriceNotPositive, MalformedAmount, UnknownCurrency."""
    price = Money.parse(amount, currency).minor
    if price <= 0:
        raise PriceNotPositive
    return price


def fares_of(bodies: Sequence[FareBody], route: Route, *, base_price: int, currency: str) -> list[Fare]:
    fares = {}
    for body in bodies:
        start, end = position_of(route.stops, body.from_stop), position_of(route.stops, body.to_stop)
        rules.legs_of(start, end, stops=[stop.city for stop in route.stops])
        price = price_of(body.price, currency)
        if end - start < len(route.stops) - 1:
            fares[start, end] = Fare(route.stops[start].city, route.stops[end].city, price)
        elif price != base_price:
            raise FareContradicts
    return list(fares.values())


async def write_fares(db: Transaction, schedule_id: UUID, fares: Sequence[Fare]) -> None:
    rows = [
        {
            "schedule_id": schedule_id,
            "from_key": match_key(fare.from_city),
            "to_key": match_key(fare.to_city),
            "from_city": fare.from_city,
            "to_city": fare.to_city,
            "price": fare.price,
        }
        for fare in fares
    ]
    if rows:
        await db.execute(sa.insert(bus_fares), rows)
