"""Chapter 9, payments."""

import hashlib
import hmac
import json
import time
from typing import Any

import httpx2

from holdfast.kit.ids import new_id
from tests.contract.answers import refused, said
from tests.contract.site import API, Site


def test_a_customer_opens_a_payment(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    wanted = {"reservation_id": reservation["id"], "payment_method": "upi", "amount": "120.00"}

    opened = said(customer.post("/payments/initiate", wanted), 201)

    payment = said(customer.get(f"/payments/{opened['payment_id']}"))
    assert (payment["status"], payment["payment_method"]) == ("pending", "upi")
    assert (opened["amount"], opened["currency"], opened["expires_at"]) == (
        "120.00",
        "EGP",
        reservation["expiry_datetime"],
    )
    assert site.http.get(opened["payment_url"]).status_code == 200
    assert said(customer.post("/payments/initiate", wanted), 200)["payment_id"] == opened["payment_id"]
    refused(site.guest.post("/payments/initiate", wanted), 401, "sign_in_needed")
    refused(site.customer().post("/payments/initiate", wanted), 404, "hold_not_found")


def test_a_webhook_counts_by_its_signature_alone(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    opened = site.initiate(customer, reservation)
    body = _event(opened)

    unsigned = _sent(site, body, "t=1,v1=00")
    reserialised = _sent(site, json.dumps(json.loads(body), indent=1).encode(), _signature(site, body))
    signed = _sent(site, body, _signature(site, body))
    again = _sent(site, body, _signature(site, body))

    refused(unsigned, 401, "bad_signature")
    refused(reserialised, 401, "bad_signature")
    assert (said(signed), said(again)) == ({"received": True}, {"received": True})
    # It said completed; the gateway, which is asked before anything is believed, knows of no money.
    assert said(customer.get(f"/payments/{opened['payment_id']}"))["status"] == "pending"
    site.settle(customer, opened)
    site.payment_becomes(customer, opened["payment_id"], "completed")


def test_a_payment_is_shown_to_its_owner_and_to_admins_alone(site: Site) -> None:
    customer = site.customer()
    reservation = site.reserve(customer, site.schedule(), "1A")
    opened = site.initiate(customer, reservation)
    path = f"/payments/{opened['payment_id']}"

    shown = said(customer.get(path))

    assert (shown["booking_id"], shown["user_id"], shown["amount"]) == (opened["booking_id"], customer.id, "120.00")
    assert said(site.admin.get(path)) == shown
    refused(site.guest.get(path), 401, "sign_in_needed")
    refused(site.customer().get(path), 404, "payment_not_found")


def _event(opened: Any) -> bytes:
    """What the gateway would send about a payment that succeeded."""
    return json.dumps(
        {
            "id": f"evt_{new_id().hex}",
            "type": "payment.success",
            "created_at": "2026-01-31T18:30:00Z",
            "data": {"reference": opened["session_id"], "key": opened["payment_id"], "status": "completed"},
        }
    ).encode()


def _signature(site: Site, body: bytes) -> str:
    moment = int(time.time())
    signed = hmac.new(site.webhook_secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


def _sent(site: Site, body: bytes, signature: str) -> httpx2.Response:
    site.calls.append(("POST", "/payments/webhook"))
    headers = {"X-Holdfast-Signature": signature, "Content-Type": "application/json"}
    return site.http.post(f"{API}/payments/webhook", content=body, headers=headers)
