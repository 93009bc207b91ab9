"""Take a person out of what stands above accounts; the books, the log and its chain stay whole."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from holdfast.kernel import bookings, complaints, holds, notifications, payments
from holdfast.kit import clock
from holdfast.kit.db import Reader, Transaction
from holdfast.kit.words import mark


async def _blank_complaints(db: Transaction, user_id: UUID) -> int:
    return await complaints.blank(db, user_id, await clock.moment(db))


#: What each feature does at erasure; a feature with something personal adds its verb here.
BLANKING: tuple[Callable[[Transaction, UUID], Awaitable[object]], ...] = (
    holds.blank_keys,
    bookings.blank_reasons,
    payments.blank_payer,
    notifications.forget_all_of,
    _blank_complaints,
)


async def unfinished_business(db: Reader, user_id: UUID) -> list[str]:
    """Why an account can't be erased yet: holds, bookings, payments."""
    now = await clock.moment(db)
    reasons = []
    if await holds.live_of_owner(db, user_id, now=now):
        reasons.append(mark("holds"))
    if await bookings.unfinished(db, user_id, now=now):
        reasons.append(mark("bookings"))
    if await payments.open_of_user(db, user_id):
        reasons.append(mark("payments"))
    return reasons


async def blank(db: Transaction, user_id: UUID) -> None:
    """With the account itself, in the same transaction: everything personal that stands elsewhere."""
    for take_away in BLANKING:
        await take_away(db, user_id)
