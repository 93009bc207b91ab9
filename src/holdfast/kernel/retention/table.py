"""How long each table of the kernel and the kit is kept, why, and what erasing a person does to it.

docs/retention.md is made of this, and the worker's chore `tidy` drops what it says. Products bring rows of their own.
"""

from datetime import timedelta

from holdfast.kernel import audit, bookings, identity, notifications, payments, webhooks
from holdfast.kit import idempotency, jobs, outbox, ratelimit
from holdfast.kit.keeping import Kept

_MONTH = timedelta(days=30)
_FOR_EVER = "for ever"
_ARCHIVED = "until its inventory is archived"

KEPT: tuple[Kept, ...] = (
    # Who did what
    Kept("activity_logs", _FOR_EVER, "who did what, added to and never changed; names people by id alone"),
    Kept("activity_chain", _FOR_EVER, "shows that no row of the log was changed or left out"),
    Kept(
        "activity_origins",
        "90 days",
        "to look into misuse",
        personal="the addresses that acts came from",
        erasure="deleted",
        after=timedelta(days=90),
        forget=audit.forget_origins,
    ),
    # People
    Kept(
        "users",
        "until erased; the row stays, blank",
        "the account; what was sold names it by id",
        personal="names, contacts, password hash, language, zone",
        erasure="blanked",
    ),
    Kept("user_roles", "until taken away", "what somebody may do", personal="what somebody may do", erasure="deleted"),
    Kept(
        "logins",
        "30 days after their end",
        "to show where one was signed in, and to notice a stolen token",
        personal="what somebody signed in with, and when",
        erasure="deleted",
        after=_MONTH,
        forget=identity.forget_logins,
    ),
    Kept(
        "refresh_tokens",
        "30 days after they ran out",
        "to notice that one is used twice; hashes alone",
        erasure="deleted",
        after=_MONTH,
        forget=identity.forget_tokens,
    ),
    Kept(
        "verifications",
        "30 days after they ran out",
        "to bound how often codes are sent and tried; hashes alone",
        erasure="deleted",
        after=_MONTH,
        forget=identity.forget_verifications,
    ),
    Kept("totp_secrets", "until removed", "the second factor, sealed", erasure="deleted"),
    Kept("providers", _FOR_EVER, "who sells; the books name them"),
    Kept(
        "provider_members",
        "until removed",
        "who works for whom",
        personal="who works for whom",
        erasure="deleted",
    ),
    Kept("api_keys", _FOR_EVER, "the log names the key that acted; a hash alone"),
    # What is for sale
    Kept("inventories", _FOR_EVER, "what was sold was sold of it"),
    Kept("layouts", _FOR_EVER, "what the places of an inventory are"),
    Kept("claims", _ARCHIVED, "who has which place; afterwards items tell"),
    Kept("quantity_claims", _ARCHIVED, "who has how many places; afterwards items tell"),
    Kept("counters", _ARCHIVED, "how many places of a kind are taken"),
    # What was sold
    Kept(
        "holds",
        _FOR_EVER,
        "the price and terms a booking was made under; nothing sold is ever deleted",
        personal="the key of a request, which its client made up",
        erasure="blanked",
    ),
    Kept("items", _FOR_EVER, "which places were sold, at which price"),
    Kept("price_lines", _FOR_EVER, "how a price came about; reports and receipts are made of it"),
    Kept("bookings", _FOR_EVER, "what was sold, to whom by id"),
    Kept("booking_references", _FOR_EVER, "a reference is never given twice"),
    Kept(
        "cancellations",
        _FOR_EVER,
        "what was given back, and why",
        personal="the words of whoever cancelled",
        erasure="blanked",
    ),
    Kept(
        "cancellation_quotes",
        "a day after they ran out",
        "the amounts quoted stand for five minutes",
        after=timedelta(days=1),
        forget=bookings.forget_quotes,
    ),
    Kept("tickets", _FOR_EVER, "who came in with what; names a place, not a person"),
    Kept("ticket_numbers", _FOR_EVER, "a number is never given twice"),
    # Money
    Kept("payments", _FOR_EVER, "the books are kept as long as the law asks, and longer"),
    Kept("payment_allocations", _FOR_EVER, "which payment paid which booking"),
    Kept("gateway_references", _FOR_EVER, "finds a payment by its gateway's name for it"),
    Kept(
        "gateway_events",
        "400 days",
        "what gateways told, for disputes; without who paid once it is processed",
        personal="what a gateway says of who paid, until it is processed",
        erasure="blanked",
        after=timedelta(days=400),
        forget=payments.forget_events,
    ),
    Kept("refunds", _FOR_EVER, "money back, once"),
    Kept("ledger_accounts", _FOR_EVER, "the books"),
    Kept("ledger_entries", _FOR_EVER, "the books: added to and never changed"),
    # What is told
    Kept(
        "notifications",
        "365 days",
        "what was told to whom, so that nothing is told twice; ids and moments alone",
        personal="what somebody was told of, and when",
        erasure="deleted",
        after=timedelta(days=365),
        forget=notifications.forget,
    ),
    Kept("webhook_endpoints", _FOR_EVER, "where facts were told to; its secret is sealed"),
    Kept(
        "webhook_deliveries",
        "30 days after they are over",
        "to show what was delivered, and deliver it again; ids alone",
        after=_MONTH,
        forget=webhooks.forget,
    ),
    Kept(
        "complaints",
        _FOR_EVER,
        "what people were not content with, and what came of it",
        personal="the words of whoever complained, and the note",
        erasure="blanked",
    ),
    Kept(
        "outbox",
        "7 days",
        "facts and changes for whoever was away so long",
        after=timedelta(days=7),
        forget=outbox.forget,
    ),
    Kept("stream_epoch", _FOR_EVER, "one row: since which restore streams count"),
    # Machinery
    Kept(
        "idempotency_keys",
        "24 hours, 10 minutes where nobody is signed in",
        "the same request has one effect; hashes and the id of what came of it",
        after=timedelta(0),
        forget=idempotency.forget,
    ),
    Kept(
        "jobs",
        "until done; what failed too often for 90 days",
        "work to do; its payload names people by id alone",
        after=timedelta(days=90),
        forget=jobs.forget_dead,
    ),
    Kept(
        "rate_limits",
        "until their window ends",
        "bounds how often something is tried; hashes alone",
        after=timedelta(0),
        forget=ratelimit.forget,
    ),
    Kept("worker_beats", "a day after the last beat", "whether workers live; dropped by the next beat of another"),
    Kept("test_clock", "in tests alone", "moves the clock of a test"),
)
