from datetime import date
from fractions import Fraction

from holdfast.kit.money import Money
from holdfast.kit.zones import day_bounds, zone_of
from holdfast.products.bus.layouts import parse_layout
from holdfast.products.bus.rules import StopPoint, check_stops
from holdfast.products.bus.seeds import CITIES, FLEETS, ROADS, city, departures


def test_every_city_has_a_zone_both_names_and_a_spot_on_earth() -> None:
    assert len(CITIES) >= 12
    for each in CITIES:
        zone_of(each.zone)
        assert set(each.names) == set(each.terminal) == {"en", "ar"}
        assert 20 < each.latitude < 45
        assert -10 < each.longitude < 52


def test_every_road_goes_forward() -> None:
    for road in ROADS:
        check_stops([StopPoint(city(s.city).names["en"], s.minutes, Fraction(s.km)) for s in road.stops])


def test_no_bus_is_faster_than_buses_are() -> None:
    for road in ROADS:
        assert 50 < road.distance_km / road.duration_minutes * 60 < 100


def test_every_fleet_has_true_layouts_prices_of_its_currency_and_roads_that_exist() -> None:
    roads = {road.key: road for road in ROADS}

    for fleet in FLEETS:
        for model in fleet.models:
            layout = parse_layout(model.seat_layout_config, total_seats=model.total_seats)
            assert all(Money.parse(seat.modifier, fleet.currency).minor >= 0 for seat in layout.seats)
        for key in fleet.roads:
            for price in (roads[key].fare, *(fare for _, _, fare in roads[key].fares)):
                assert Money.parse(price, fleet.currency).minor > 0


def test_a_departure_at_an_hour_that_the_day_skips_is_left_out() -> None:
    road = next(road for road in ROADS if road.key == "cairo-sharm")

    found = departures(road, first_day=date(2026, 4, 23), days=3)

    start, end = day_bounds(date(2026, 4, 24), "Africa/Cairo")
    assert len(found) == 5
    assert sum(start <= departure < end for departure, _ in found) == 1
