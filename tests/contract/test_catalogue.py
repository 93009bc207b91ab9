"""Chapter 9, routes and buses."""

from typing import Any

from tests.contract.answers import refused, said
from tests.contract.coach import layout
from tests.contract.site import Site


def test_an_admin_opens_a_route(site: Site) -> None:
    wanted = {
        "origin_city": "Luxor",
        "destination_city": "Hurghada",
        "distance_km": 280.5,
        "estimated_duration_minutes": 240,
    }

    route = said(site.admin.post("/routes", wanted), 201)

    assert {name: route[name] for name in wanted} == wanted
    assert (route["is_active"], [stop["city"] for stop in route["stops"]]) == (True, ["Luxor", "Hurghada"])
    assert said(site.guest.get(f"/routes/{route['id']}")) == route
    refused(site.guest.post("/routes", wanted), 401, "sign_in_needed")
    refused(site.customer().post("/routes", wanted), 403, "role_needed")
    refused(site.admin.post("/routes", wanted | {"destination_city": "Luxor"}), 422, "same_city")


def test_anybody_lists_routes(site: Site) -> None:
    routes = [site.open_route() for _ in range(3)]

    first = said(site.guest.get("/routes", limit=2))
    second = said(site.guest.get("/routes", limit=2, cursor=first["next_cursor"]))
    found = said(site.guest.get("/routes", origin_city=routes[0]["origin_city"].upper()))

    assert (first["items"] + second["items"])[:3] == routes[::-1]
    assert (found["items"], found["next_cursor"]) == ([routes[0]], None)


def test_anybody_looks_at_a_route(site: Site) -> None:
    route = site.open_route()

    shown = said(site.guest.get(f"/routes/{route['id']}"))

    assert shown == route
    refused(site.guest.get(f"/routes/{site.admin.id}"), 404, "route_not_found")


def test_an_admin_changes_a_route(site: Site) -> None:
    route = site.open_route()

    changed = said(site.admin.put(f"/routes/{route['id']}", {"distance_km": 900.25, "is_active": False}))

    assert changed == route | {
        "distance_km": 900.25,
        "is_active": False,
        "stops": changed["stops"],
        "version": 2,
        "updated_at": changed["updated_at"],
    }
    assert changed["updated_at"] > route["updated_at"]
    assert said(site.guest.get(f"/routes/{route['id']}")) == changed
    refused(site.customer().put(f"/routes/{route['id']}", {"distance_km": 1}), 403, "role_needed")
    refused(site.admin.put(f"/routes/{route['id']}", {"price": 1}), 422, "validation_failed")


def test_a_deleted_route_is_found_no_more(site: Site) -> None:
    route, sold = site.open_route(), site.open_route()
    site.reserve(site.customer(), site.schedule(route_id=sold["id"]), "1A")

    said(site.admin.delete(f"/routes/{route['id']}"), 204)

    refused(site.guest.get(f"/routes/{route['id']}"), 404, "route_not_found")
    refused(site.admin.delete(f"/routes/{route['id']}"), 404, "route_not_found")
    assert said(site.guest.get("/routes", origin_city=route["origin_city"]))["items"] == []
    refused(site.admin.delete(f"/routes/{sold['id']}"), 409, "route_in_use")
    refused(site.customer().delete(f"/routes/{sold['id']}"), 403, "role_needed")


def test_an_admin_enters_a_bus(site: Site) -> None:
    wanted = _bus(site, bus_type="sleeper", amenities={"wifi": True, "power": "220 V"})

    bus = said(site.admin.post("/buses", wanted), 201)

    assert {name: bus[name] for name in ("bus_number", "bus_type", "total_seats", "amenities")} == {
        name: wanted[name] for name in ("bus_number", "bus_type", "total_seats", "amenities")
    }
    assert (bus["is_active"], len(bus["seat_layout_config"]["decks"][0]["rows"])) == (True, 3)
    refused(site.admin.post("/buses", wanted), 409, "bus_number_taken")
    refused(site.guest.post("/buses", _bus(site)), 401, "sign_in_needed")
    refused(site.customer().post("/buses", _bus(site)), 403, "role_needed")


def test_an_admin_lists_buses(site: Site) -> None:
    buses = [site.open_bus() for _ in range(3)]

    first = said(site.admin.get("/buses", limit=2))
    second = said(site.admin.get("/buses", limit=2, cursor=first["next_cursor"]))

    assert (first["items"] + second["items"])[:3] == buses[::-1]
    refused(site.guest.get("/buses"), 401, "sign_in_needed")
    refused(site.customer().get("/buses"), 403, "role_needed")


def test_an_admin_looks_at_a_bus(site: Site) -> None:
    bus = site.open_bus()

    shown = said(site.admin.get(f"/buses/{bus['id']}"))

    assert shown == bus
    refused(site.admin.get(f"/buses/{site.admin.id}"), 404, "bus_not_found")
    refused(site.guest.get(f"/buses/{bus['id']}"), 401, "sign_in_needed")
    refused(site.customer().get(f"/buses/{bus['id']}"), 403, "role_needed")


def test_an_admin_changes_a_bus(site: Site) -> None:
    bus, other = site.open_bus(), site.open_bus()
    larger = {"total_seats": 16, "seat_layout_config": layout(rows=4), "bus_type": "deluxe", "amenities": None}

    changed = said(site.admin.put(f"/buses/{bus['id']}", larger))

    assert (changed["total_seats"], changed["bus_type"], changed["amenities"]) == (16, "deluxe", None)
    assert (changed["bus_number"], changed["version"]) == (bus["bus_number"], 2)
    assert said(site.admin.get(f"/buses/{bus['id']}")) == changed
    taken = {"bus_number": other["bus_number"].lower()}
    refused(site.admin.put(f"/buses/{bus['id']}", taken), 409, "bus_number_taken")
    refused(site.customer().put(f"/buses/{bus['id']}", {"bus_type": "standard"}), 403, "role_needed")


def test_a_deleted_bus_is_found_no_more(site: Site) -> None:
    bus, sold = site.open_bus(), site.open_bus()
    site.reserve(site.customer(), site.schedule(bus_id=sold["id"]), "1A")

    said(site.admin.delete(f"/buses/{bus['id']}"), 204)

    refused(site.admin.get(f"/buses/{bus['id']}"), 404, "bus_not_found")
    assert site.open_bus(bus_number=bus["bus_number"])["id"] != bus["id"]
    refused(site.admin.delete(f"/buses/{sold['id']}"), 409, "bus_in_use")
    refused(site.customer().delete(f"/buses/{sold['id']}"), 403, "role_needed")


def _bus(site: Site, **changes: Any) -> dict[str, Any]:
    """What one sends to enter a bus with a number of its own."""
    number = site.account()["email"].partition("@")[0][-20:]
    return {
        "bus_number": number,
        "bus_type": "standard",
        "total_seats": 12,
        "seat_layout_config": layout(),
    } | changes
