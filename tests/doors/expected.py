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
    "admin+manager": ADMIN | MANAGERS | RIVALS,
    "reports": ADMIN | MANAGERS | {"provider's finance"} | RIVALS,
}


@dataclass(frozen=True, slots=True)
class Behind:
    """Who, of those a policy lets in, may do this to the one thing there is; who may only know of it is told 403."""

    may: frozenset[str]
    knows: frozenset[str] = frozenset()


_OWN_ALONE = Behind(frozenset({"owner"}))
_OWN = Behind(frozenset({"owner"}) | ADMIN)
_READ_BOOKING = Behind(frozenset({"owner"}) | ADMIN | MEMBERS)
_CHANGE_BOOKING = Behind(frozenset({"owner"}) | ADMIN, knows=MEMBERS)
_ANYBODY = Behind(EVERYBODY)
_CATALOGUE = Behind(ADMIN | MANAGERS, knows=EVERYBODY)
#: Known to its provider alone, and run by some of it.
_KNOWN = Behind(ADMIN | MEMBERS)
_RUN = Behind(ADMIN | MANAGERS, knows=MEMBERS)
_ADMIN = Behind(ADMIN)
_MANAGED = Behind(ADMIN | MANAGERS)

#: Every route with a thing in its path. What a parameter names is made in population.py.
BEHIND: Mapping[str, Behind] = {
    "DELETE /api/v1/users/me/logins/{id}": _OWN_ALONE,
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
    "GET /api/v1/admin/export/{table}.jsonl": _ADMIN,
    "GET /api/v1/tickets/{ticket_id}": _READ_BOOKING,
    "GET /api/v1/tickets/{ticket_id}/download": _READ_BOOKING,
    "GET /api/v1/tickets/{ticket_id}/qr.svg": _READ_BOOKING,
    "POST /api/v1/notifications/{notification_id}/read": _OWN_ALONE,
    "GET /api/v1/complaints/{complaint_id}": _OWN,
    "PATCH /api/v1/complaints/{complaint_id}": _ADMIN,
    "GET /api/v1/webhook-endpoints/{endpoint_id}": _MANAGED,
    "PATCH /api/v1/webhook-endpoints/{endpoint_id}": _MANAGED,
    "DELETE /api/v1/webhook-endpoints/{endpoint_id}": _MANAGED,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/rotate-secret": _MANAGED,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/test": _MANAGED,
    "POST /api/v1/webhook-endpoints/{endpoint_id}/resend-failed": _MANAGED,
    "GET /api/v1/webhook-endpoints/{endpoint_id}/deliveries": _MANAGED,
    "GET /api/v1/webhook-deliveries/{delivery_id}": _MANAGED,
    "POST /api/v1/webhook-deliveries/{delivery_id}/resend": _MANAGED,
    "GET /api/v1/bus/routes/{route_id}": _ANYBODY,
    "PUT /api/v1/bus/routes/{route_id}": _CATALOGUE,
    "DELETE /api/v1/bus/routes/{route_id}": _CATALOGUE,
    "GET /api/v1/bus/buses/{bus_id}": _KNOWN,
    "PUT /api/v1/bus/buses/{bus_id}": _RUN,
    "DELETE /api/v1/bus/buses/{bus_id}": _RUN,
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
    # pages
    "POST /account/logins/{id}/end": _OWN_ALONE,
    "GET /api/docs/{digest}/{name}": _ANYBODY,
    "GET /bookings/{booking_id}": _OWN_ALONE,
    "GET /bookings/{booking_id}/cancel": _OWN_ALONE,
    "POST /bookings/{booking_id}/cancel": _OWN_ALONE,
    "GET /bookings/{booking_id}/tickets.pdf": _OWN_ALONE,
    "GET /bookings/{booking_id}/calendar.ics": _OWN_ALONE,
    "GET /bookings/{booking_id}/tickets/{ticket_id}.svg": _OWN_ALONE,
    "GET /bus/schedules/{schedule_id}": _ANYBODY,
    "POST /bus/schedules/{schedule_id}/hold": _ANYBODY,
    "GET /holds/{hold_id}": _OWN_ALONE,
    "GET /holds/{hold_id}/paid": _OWN_ALONE,
    "POST /holds/{hold_id}/pay": _OWN_ALONE,
    "POST /holds/{hold_id}/release": _OWN_ALONE,
    "GET /static/{digest}/{name:path}": _ANYBODY,
    # pages of staff
    "GET /staff/bookings/{booking_id}": _KNOWN,
    "GET /staff/bookings/{booking_id}/cancel": _ADMIN,
    "POST /staff/bookings/{booking_id}/cancel": _ADMIN,
    "GET /staff/bus/buses/{bus_id}": _KNOWN,
    "POST /staff/bus/buses/{bus_id}": _RUN,
    "GET /staff/bus/routes/{route_id}": _KNOWN,
    "POST /staff/bus/routes/{route_id}": _RUN,
    "GET /staff/bus/schedules/{schedule_id}": _KNOWN,
    "POST /staff/bus/schedules/{schedule_id}": _RUN,
    "POST /staff/bus/schedules/{schedule_id}/cancel": _RUN,
    "POST /staff/bus/schedules/{schedule_id}/delete": _RUN,
    "POST /staff/bus/schedules/{schedule_id}/generate-seats": _RUN,
    "GET /staff/complaints/{complaint_id}": _ADMIN,
    "POST /staff/complaints/{complaint_id}": _ADMIN,
    "POST /staff/gateway-events/{event_id}/process": _ADMIN,
    "POST /staff/holds/{hold_id}/release": _ADMIN,
    "POST /staff/jobs/{job_id}/retry": _ADMIN,
    "POST /staff/refunds/{refund_id}/retry": _ADMIN,
    "GET /staff/webhooks/{endpoint_id}": _MANAGED,
    "POST /staff/webhooks/{endpoint_id}": _MANAGED,
    "POST /staff/webhooks/{endpoint_id}/act": _MANAGED,
    "POST /staff/webhooks/deliveries/{delivery_id}/resend": _MANAGED,
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
_NO_REPORTS = frozenset({"provider's clerk", "provider's scanner", "operator"})
#: Routes whose parameter names a choice, not a thing that is there or is not.
CHOICES = frozenset({"GET /language/{locale}"})
#: Routes that answer somebody whom the policy lets in otherwise: who, status, code.
FURTHER: Mapping[str, tuple[frozenset[str], int, str]] = {
    "GET /language/{locale}": (EVERYBODY, 303, ""),
    "GET /sign-in": (PEOPLE, 303, ""),
    "GET /staff/reports": (_NO_REPORTS, 403, ""),
    "GET /staff/reports.csv": (_NO_REPORTS, 403, ""),
}
#: Policies about money and what staff may do: the row is read again at each request. What is taken away in the test
#: a moment before, and what comes of it.
FRESH: Mapping[str, tuple[str, int]] = {
    "admin": ("role", 403),
    "staff": ("membership", 403),
    "scanner": ("membership", 403),
    "admin+manager": ("membership", 403),
    "reports": ("membership", 403),
    "payer": ("account", 401),
    "account_owner": ("account", 401),
}
#: Every WebSocket and its policy; who may hear what over it, tests/journeys/test_watching.py shows.
SOCKETS: Mapping[str, str] = {
    "/ws/inventories/{inventory_id}": "public",
    "/api/v1/ws/inventories/{inventory_id}": "public",
    "/api/v1/bus/ws/schedules/{schedule_id}/seats": "public",
}
