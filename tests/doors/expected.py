"""What each caller finds behind each door. Who adds a route or a policy says it here, in a line; the matrix asks."""

from collections.abc import Mapping
from dataclasses import dataclass

PEOPLE = frozenset(
    {
        "owner",
        "other customer",
        "provider's owner",
        "provider's manager",
        "provider's clerk",
        "provider's scanner",
        "provider's finance",
        "rival's manager",
        "operator",
        "admin",
        "once an admin",
        "once a manager",
    }
)
PROGRAMS = frozenset({"provider's program", "rival's program"})
EVERYBODY = frozenset({"nobody"}) | PEOPLE | PROGRAMS
ADMIN = frozenset({"admin"})
MANAGERS = frozenset({"provider's owner", "provider's manager", "provider's program"})
MEMBERS = MANAGERS | {"provider's clerk", "provider's scanner", "provider's finance"}
RIVALS = frozenset({"rival's manager", "rival's program"})

#: Name of a policy -> whom it lets in, by function alone.
POLICIES: Mapping[str, frozenset[str]] = {
    "public": EVERYBODY,
    "signed_in": PEOPLE | PROGRAMS,
    "customer": PEOPLE,
    "payer": PEOPLE,
    "account_owner": PEOPLE,
    "admin": ADMIN,
    "staff": ADMIN | MEMBERS | RIVALS | {"operator"},
    "scanner": ADMIN | MEMBERS - {"provider's finance"} | RIVALS,
}


@dataclass(frozen=True, slots=True)
class Behind:
    """Who, of those a policy lets in, may do this to the one thing there is; who may only know of it is told 403."""

    may: frozenset[str]
    knows: frozenset[str] = frozenset()


_OWN = Behind(frozenset({"owner"}) | ADMIN)
_READ_BOOKING = Behind(frozenset({"owner"}) | ADMIN | MEMBERS)
_CHANGE_BOOKING = Behind(frozenset({"owner"}) | ADMIN, knows=MEMBERS)
_ANYBODY = Behind(EVERYBODY)
_CATALOGUE = Behind(ADMIN | MANAGERS, knows=EVERYBODY)
_ADMIN = Behind(ADMIN)

#: Every route with a thing in its path. What a parameter names is made in population.py.
BEHIND: Mapping[str, Behind] = {
    "DELETE /api/v1/users/me/logins/{id}": Behind(frozenset({"owner"})),
    "GET /api/v1/users/{id}": _OWN,
    "GET /api/v1/users/{id}/profile": _OWN,
    "PUT /api/v1/users/{id}": _OWN,
    "PUT /api/v1/users/{id}/profile": _OWN,
    "DELETE /api/v1/users/{id}": _OWN,
    "POST /api/v1/users/{id}/roles": _ADMIN,
    "DELETE /api/v1/users/{id}/roles/{role}": _ADMIN,
    "GET /api/v1/inventories/{inventory_id}/layout": _ANYBODY,
    "GET /api/v1/inventories/{inventory_id}/states": _ANYBODY,
    "GET /api/v1/bookings/{booking_id}": _READ_BOOKING,
    "GET /api/v1/bookings/{booking_id}/details": _READ_BOOKING,
    "GET /api/v1/bookings/{booking_id}/cancellation-quote": _CHANGE_BOOKING,
    "POST /api/v1/bookings/{booking_id}/cancel": _CHANGE_BOOKING,
    "GET /api/v1/cancellations/{cancellation_id}": _READ_BOOKING,
    "GET /api/v1/cancellations/{cancellation_id}/details": _READ_BOOKING,
    "GET /api/v1/payments/status/{booking_id}": _READ_BOOKING,
    "GET /api/v1/payments/{payment_id}": _READ_BOOKING,
    "POST /api/v1/payments/refund/{booking_id}": _CHANGE_BOOKING,
    "POST /api/v1/payments/simulate/{session_id}": _OWN,
    "POST /api/v1/admin/reservations/{reservation_id}/release": _ADMIN,
    "POST /api/v1/admin/refunds/{refund_id}/retry": _ADMIN,
    "GET /api/v1/tickets/{ticket_id}": _READ_BOOKING,
    "GET /api/v1/tickets/{ticket_id}/download": _READ_BOOKING,
    "GET /api/v1/tickets/{ticket_id}/qr.svg": _READ_BOOKING,
    "GET /api/v1/bus/routes/{route_id}": _ANYBODY,
    "PUT /api/v1/bus/routes/{route_id}": _CATALOGUE,
    "DELETE /api/v1/bus/routes/{route_id}": _CATALOGUE,
    "GET /api/v1/bus/buses/{bus_id}": Behind(ADMIN | MEMBERS),
    "PUT /api/v1/bus/buses/{bus_id}": Behind(ADMIN | MANAGERS, knows=MEMBERS),
    "DELETE /api/v1/bus/buses/{bus_id}": Behind(ADMIN | MANAGERS, knows=MEMBERS),
    "GET /api/v1/bus/schedules/{schedule_id}": _ANYBODY,
    "PUT /api/v1/bus/schedules/{schedule_id}": _CATALOGUE,
    "DELETE /api/v1/bus/schedules/{schedule_id}": _CATALOGUE,
    "POST /api/v1/bus/schedules/{schedule_id}/cancel": _CATALOGUE,
    "POST /api/v1/bus/schedules/{schedule_id}/generate-seats": _CATALOGUE,
    "GET /api/v1/bus/schedules/{schedule_id}/seats": _ANYBODY,
    "GET /api/v1/bus/schedules/{schedule_id}/details": _ANYBODY,
    "GET /api/v1/bus/seats/{seat_id}": _ANYBODY,
    "PUT /api/v1/bus/seats/{seat_id}": _CATALOGUE,
    "DELETE /api/v1/bus/seats/{seat_id}": _CATALOGUE,
    "GET /api/v1/bus/reservations/{reservation_id}": _OWN,
    "GET /api/v1/bus/reservations/{reservation_id}/details": _OWN,
    "DELETE /api/v1/bus/reservations/{reservation_id}": _OWN,
}
#: What a GET needs beside its path, so that it answers 200.
QUERIES: Mapping[str, str] = {
    "GET /api/v1/bus/schedules/search": "origin_city=Cairo&destination_city=Hurghada&departure_date=2030-01-31",
    "GET /api/v1/bus/seats": "schedule_id={schedule_id}",
}
#: Routes whose raw body is proved by a signature: whoever calls is refused by it.
SIGNED: Mapping[str, tuple[int, str]] = {
    "POST /api/v1/payments/webhook": (401, "bad_signature"),
    "POST /api/v1/payments/webhook/{gateway}": (401, "bad_signature"),
}
#: Routes that somebody whom the policy lets in is refused at all the same, before anything is looked up.
FURTHER: Mapping[str, tuple[frozenset[str], int, str]] = {}
#: Policies about money and what staff may do: the row is read again at each request. What is taken away in the test
#: a moment before, and what comes of it.
FRESH: Mapping[str, tuple[str, int]] = {
    "admin": ("role", 403),
    "staff": ("membership", 403),
    "scanner": ("membership", 403),
    "payer": ("account", 401),
    "account_owner": ("account", 401),
}
#: Events and rooms of sockets, by the names of `holdfast.kernel.realtime.SOCKETS`: who may listen or send.
SOCKETS: Mapping[str, frozenset[str]] = {}
