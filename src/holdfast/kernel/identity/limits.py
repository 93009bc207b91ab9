"""How often somebody may try, over all processes; where it cannot be counted, the answer is no (spec, identity)."""

from datetime import timedelta
from uuid import UUID

from holdfast.kernel.identity import rules
from holdfast.kernel.identity.settings import IdentitySettings
from holdfast.kit import ratelimit
from holdfast.kit.db import Database


async def sign_ins(database: Database, settings: IdentitySettings, *, account: str) -> None:
    """`account`: the address as compared, whether or not somebody has it. TooManyRequests."""
    await ratelimit.allow(
        database,
        bucket=f"sign_in:{rules.contact_hash(settings.secret, account)}",
        limit=settings.sign_ins_per_account,
        per=timedelta(minutes=settings.sign_in_window_minutes),
    )


async def proofs(database: Database, settings: IdentitySettings, *, user_id: UUID) -> None:
    """Passwords and codes asked for again of who is signed in: as many as sign-ins. TooManyRequests."""
    await ratelimit.allow(
        database,
        bucket=f"proof:{user_id}",
        limit=settings.sign_ins_per_account,
        per=timedelta(minutes=settings.sign_in_window_minutes),
    )


async def letters(database: Database, settings: IdentitySettings, *, contact: str, address: str | None) -> None:
    """Before a letter goes out to a contact that somebody at `address` typed. TooManyRequests."""
    to = rules.contact_hash(settings.secret, contact)
    if address is not None:
        await ratelimit.allow(
            database,
            bucket=f"letters_from:{rules.contact_hash(settings.secret, address)}",
            limit=settings.letters_per_address_and_hour,
            per=timedelta(hours=1),
        )
    await ratelimit.allow(
        database,
        bucket=f"letters_to:{to}",
        limit=settings.letters_per_contact,
        per=timedelta(minutes=settings.letters_window_minutes),
    )
    await ratelimit.allow(
        database, bucket=f"letters_to_a_day:{to}", limit=settings.letters_per_contact_and_day, per=timedelta(days=1)
    )
