"""What the pages for staff call acts, facts, states and things; what has no name here is shown by its own."""

from collections.abc import Mapping

from holdfast.kit.words import mark

#: entity type of the activity log -> what it is
ENTITIES: Mapping[str, str] = {
    "api_key": mark("API key"),
    "booking": mark("Booking"),
    "bus": mark("Bus"),
    "bus_route": mark("Route"),
    "bus_schedule": mark("Schedule"),
    "complaint": mark("Complaint"),
    "gateway_event": mark("Notice of a gateway"),
    "hold": mark("Hold"),
    "inventory": mark("Occurrence"),
    "job": mark("Job"),
    "notification": mark("Message"),
    "payment": mark("Payment"),
    "provider": mark("Provider"),
    "refund": mark("Refund"),
    "stream": mark("Stream"),
    "table": mark("Table"),
    "ticket": mark("Ticket"),
    "user": mark("Account"),
    "webhook_delivery": mark("Delivery of a webhook"),
    "webhook_endpoint": mark("Webhook endpoint"),
}

#: action of the activity log -> what was done
ACTIONS: Mapping[str, str] = {
    "activated": mark("Account activated"),
    "api_key_created": mark("API key made"),
    "api_key_revoked": mark("API key revoked"),
    "booking_cancelled": mark("Booking cancelled"),
    "booking_completed": mark("Booking completed"),
    "booking_confirmed": mark("Booking confirmed"),
    "booking_expired": mark("Booking expired"),
    "booking_opened": mark("Booking opened"),
    "booking_released": mark("Booking released"),
    "bus_changed": mark("Bus changed"),
    "bus_created": mark("Bus entered"),
    "bus_deleted": mark("Bus deleted"),
    "complaint_blanked": mark("Words of the complaint erased"),
    "complaint_closed": mark("Complaint closed"),
    "complaint_noted": mark("Note on the complaint"),
    "complaint_opened": mark("Complaint opened"),
    "complaint_reopened": mark("Complaint taken up again"),
    "complaint_reviewed": mark("Complaint taken into review"),
    "contact_taken": mark("Contact proved by somebody else"),
    "contact_verified": mark("Contact proved"),
    "deactivated": mark("Account deactivated"),
    "email_change_asked": mark("Change of e-mail address asked for"),
    "epoch_began": mark("Epoch of the stream began"),
    "erased": mark("Account erased"),
    "gateway_event_reopened": mark("Notice processed again"),
    "hold_expired": mark("Hold expired"),
    "hold_placed": mark("Places held"),
    "hold_released": mark("Hold released"),
    "hold_replaced": mark("Hold replaced by another"),
    "inventory_archived": mark("Archived"),
    "items_cancelled": mark("Places cancelled"),
    "job_revived": mark("Job tried again"),
    "logins_ended": mark("Logins ended"),
    "member_changed": mark("Members of the provider changed"),
    "notification_read": mark("Message read"),
    "notification_refused": mark("Message refused"),
    "notification_sent": mark("Message sent"),
    "occurrence_cancelled": mark("Occurrence cancelled"),
    "occurrence_moved": mark("Occurrence moved"),
    "occurrence_over": mark("Occurrence over"),
    "password_changed": mark("Password changed"),
    "password_unset": mark("Password unset"),
    "payment_charged_back": mark("Payment charged back"),
    "payment_completed": mark("Payment completed"),
    "payment_expired": mark("Payment expired"),
    "payment_failed": mark("Payment failed"),
    "payment_initiated": mark("Payment opened"),
    "payment_partially_refunded": mark("Payment partly paid back"),
    "payment_pending": mark("Payment at the gateway"),
    "payment_refunded": mark("Payment paid back"),
    "phone_change_asked": mark("Change of phone number asked for"),
    "profile_changed": mark("Profile changed"),
    "provider_created": mark("Provider entered"),
    "refresh_token_reused": mark("Old login token used again"),
    "refund_failed": mark("Refund failed"),
    "refund_issued": mark("Refund decided"),
    "refund_processed": mark("Refund sent"),
    "refund_tried_again": mark("Refund tried again"),
    "registered": mark("Account opened"),
    "role_granted": mark("Role granted"),
    "role_revoked": mark("Role revoked"),
    "route_changed": mark("Route changed"),
    "route_created": mark("Route opened"),
    "route_deleted": mark("Route deleted"),
    "sale_closed": mark("Sale closed"),
    "sale_opened": mark("Sale opened"),
    "schedule_cancelled": mark("Schedule cancelled"),
    "schedule_changed": mark("Schedule changed"),
    "schedule_completed": mark("Schedule arrived"),
    "schedule_created": mark("Schedule planned"),
    "schedule_deleted": mark("Schedule deleted"),
    "schedule_in_transit": mark("Schedule departed"),
    "seat_added": mark("Seat added"),
    "seat_changed": mark("Seat changed"),
    "seat_removed": mark("Seat removed"),
    "seats_generated": mark("Seats generated"),
    "sign_in_failed": mark("Sign-in failed"),
    "signed_in": mark("Signed in"),
    "table_exported": mark("Table exported"),
    "ticket_used": mark("Ticket used"),
    "webhook_delivery_failed": mark("Webhook given up"),
    "webhook_endpoint_changed": mark("Webhook endpoint changed"),
    "webhook_endpoint_created": mark("Webhook endpoint opened"),
    "webhook_endpoint_deleted": mark("Webhook endpoint deleted"),
    "webhook_endpoint_disabled": mark("Webhook endpoint switched off"),
    "webhook_resent": mark("Webhook sent again"),
    "webhook_secret_rotated": mark("Secret of the webhook endpoint changed"),
    "webhook_test_asked": mark("Test of the webhook endpoint asked for"),
    "webhooks_resent": mark("Failed webhooks sent again"),
}

#: fact of the outbox -> what was told
FACTS: Mapping[str, str] = {
    "BookingCancelled": mark("Told: booking cancelled"),
    "BookingCompleted": mark("Told: booking completed"),
    "BookingConfirmed": mark("Told: booking confirmed"),
    "BookingExpired": mark("Told: booking expired"),
    "BookingReleased": mark("Told: booking released"),
    "ComplaintClosed": mark("Told: complaint closed"),
    "ComplaintOpened": mark("Told: complaint opened"),
    "HoldLapsed": mark("Told: hold expired"),
    "HoldPlaced": mark("Told: places held"),
    "HoldReleased": mark("Told: hold released"),
    "MoneyReturned": mark("Told: money goes back"),
    "OccurrenceMoved": mark("Told: occurrence moved"),
    "OccurrenceOver": mark("Told: occurrence over"),
    "OccurrenceWasCancelled": mark("Told: occurrence cancelled"),
    "PaymentCompleted": mark("Told: payment completed"),
    "PaymentFailed": mark("Told: payment failed"),
    "RefundFailed": mark("Told: refund failed"),
    "RefundSent": mark("Told: refund sent"),
    "UserRegistered": mark("Told: account opened"),
    "WebhookEndpointDisabled": mark("Told: webhook endpoint switched off"),
}

#: what is bad news in a story
BAD = frozenset(
    {
        "booking_expired",
        "hold_expired",
        "notification_refused",
        "payment_charged_back",
        "payment_expired",
        "payment_failed",
        "refresh_token_reused",
        "refund_failed",
        "sign_in_failed",
    }
)

ACTORS: Mapping[str, str] = {
    "user": mark("somebody whose account is gone"),
    "api_key": mark("a program, by its key"),
    "system": mark("the platform itself"),
    "anonymous": mark("somebody unknown"),
}

#: what came of a gateway's notice -> (words, tone)
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "waiting": (mark("waiting"), "warn"),
    "confirmed": (mark("booking confirmed"), "good"),
    "processed": (mark("refund sent"), "good"),
    "unchanged": (mark("nothing new"), ""),
    "open": (mark("payment still open"), ""),
    "pending": (mark("still on its way"), ""),
    "ignored": (mark("not about money"), ""),
    "expired": (mark("payment expired"), ""),
    "failed": (mark("failed"), "bad"),
    "parked": (mark("of nothing we know"), "bad"),
    "unknown": (mark("unknown to the gateway"), "bad"),
    "late": (mark("too late, money goes back"), "warn"),
    "double": (mark("paid twice, money goes back"), "warn"),
    "wrong_amount": (mark("another amount, money goes back"), "bad"),
    "released": (mark("given up before, money goes back"), "warn"),
    "provider_cancelled": (mark("cancelled before, money goes back"), "warn"),
    "cancelled": (mark("cancelled before, money goes back"), "warn"),
}

#: why a refund is paid
REFUND_WHYS: Mapping[str, str] = {
    "cancelled": mark("cancelled by its terms"),
    "provider_cancelled": mark("the provider cancelled"),
    "late": mark("paid too late"),
    "double": mark("paid twice"),
    "wrong_amount": mark("another amount was paid"),
    "released": mark("given up before it was paid"),
}

#: why cancelling gives back what it gives back
QUOTE_REASONS: Mapping[str, str] = {
    "by_terms": mark("as the terms say for this moment"),
    "moved": mark("free, since the time was moved"),
    "provider_cancelled": mark("all of it, since the provider cancelled"),
}

CHANNELS: Mapping[str, str] = {
    "web": mark("Web"),
    "app": mark("App"),
    "door": mark("Door"),
    "counter": mark("Counter"),
    "partner": mark("Partner"),
}

COMPLAINT_STATES: Mapping[str, tuple[str, str]] = {
    "open": (mark("new"), "warn"),
    "in_review": (mark("in review"), ""),
    "closed": (mark("closed"), "good"),
}
CATEGORIES: Mapping[str, str] = {
    "booking": mark("Booking"),
    "payment": mark("Payment"),
    "refund": mark("Refund"),
    "service": mark("Service"),
    "staff": mark("Staff"),
    "website": mark("Website"),
    "other": mark("Other"),
}

ENDPOINT_STATES: Mapping[str, tuple[str, str]] = {
    "active": (mark("on"), "good"),
    "disabled": (mark("off"), "bad"),
}
DISABLED_BECAUSE: Mapping[str, str] = {
    "owner": mark("switched off by its owner"),
    "failing": mark("nothing arrived for days"),
    "gone": mark("the receiver says that it is gone"),
}
DELIVERY_STATES: Mapping[str, tuple[str, str]] = {
    "waiting": (mark("waiting"), "warn"),
    "delivered": (mark("delivered"), "good"),
    "failed": (mark("given up"), "bad"),
}

JOB_STATES: Mapping[str, tuple[str, str]] = {
    "ready": (mark("waiting"), ""),
    "failing": (mark("failed, tried again"), "warn"),
    "dead": (mark("given up"), "bad"),
}
