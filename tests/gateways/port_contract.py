"""The contract of the kernel's payment port: every gateway's tests inherit it and bring a `world`."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol
from uuid import uuid4

import pytest

from holdfast.kernel.payments import (
    BadSignature,
    CheckoutRequest,
    Gateway,
    GatewayRefused,
    GatewayUnreachable,
)
from holdfast.kit.money import Money


class World(Protocol):
    """A gateway under test, and the customers, banks and shops around it."""

    @property
    def gateway(self) -> Gateway:
        """The gateway under test."""
        ...

    @property
    def webhook_url(self) -> str:
        """Where the shop takes webhooks."""
        ...

    def now(self) -> datetime:
        """The gateway's clock."""
        ...

    def nowhere(self) -> Gateway:
        """The same adapter, pointed where nobody listens."""
        ...

    async def pay(self, reference: str) -> None:
        """The customer pays and the bank agrees."""
        ...

    async def decline(self, reference: str) -> None:
        """The customer pays and the bank declines."""
        ...

    async def webhook(self, reference: str, kind: str) -> tuple[Mapping[str, str], bytes]:
        """The webhook of this kind about this payment or refund, as it came: headers and raw bytes."""
        ...

    async def refund_settled(self, key: str) -> None:
        """Return once the refund is no longer pending."""
        ...


def request(world: World, *, amount: str = "12.50", key: str | None = None, seconds: float = 600) -> CheckoutRequest:
    return CheckoutRequest(
        key=key or str(uuid4()),
        amount=Money.parse(amount, "EGP"),
        description="Cairo to Aswan, places 3 and 4",
        expires_at=world.now() + timedelta(seconds=seconds),
        return_url=None,
        webhook_url=world.webhook_url,
        method="credit_card",
    )


class PortContract:
    """Inherit it as Test..., beside a fixture `world`."""

    success_kind = "payment.success"
    refund_kind = "refund.succeeded"

    async def test_opening_again_with_the_same_key_gives_the_same_session(self, world: World) -> None:
        wish = request(world)

        first = await world.gateway.open(wish)
        second = await world.gateway.open(wish)

        assert first == second

    async def test_the_same_key_with_another_amount_is_refused(self, world: World) -> None:
        wish = request(world)
        await world.gateway.open(wish)

        with pytest.raises(GatewayRefused):
            await world.gateway.open(request(world, key=wish.key, amount="99.00"))

    async def test_a_key_that_was_never_sent_is_unknown_there(self, world: World) -> None:
        assert await world.gateway.payment(key=str(uuid4())) is None
        assert await world.gateway.refund_state(key=str(uuid4())) is None

    async def test_a_new_checkout_is_open_and_nothing_is_captured(self, world: World) -> None:
        wish = request(world)

        session = await world.gateway.open(wish)

        payment = await world.gateway.payment(key=wish.key)
        assert payment is not None
        assert (payment.reference, payment.status) == (session.reference, "open")
        assert (payment.amount, payment.captured) == (wish.amount, Money.zero("EGP"))

    async def test_a_paid_checkout_is_completed_with_what_was_captured(self, world: World) -> None:
        wish = request(world)
        session = await world.gateway.open(wish)

        await world.pay(session.reference)

        payment = await world.gateway.payment(key=wish.key)
        assert payment is not None
        assert (payment.status, payment.captured) == ("completed", wish.amount)

    async def test_a_declined_checkout_is_failed_and_nothing_is_captured(self, world: World) -> None:
        wish = request(world)
        session = await world.gateway.open(wish)

        await world.decline(session.reference)

        payment = await world.gateway.payment(key=wish.key)
        assert payment is not None
        assert (payment.status, payment.captured) == ("failed", Money.zero("EGP"))

    async def test_ending_an_open_checkout_expires_it(self, world: World) -> None:
        session = await world.gateway.open(request(world))

        ended = await world.gateway.end(session.reference)
        again = await world.gateway.end(session.reference)

        assert ended.status == again.status == "expired"

    async def test_ending_a_checkout_that_was_paid_says_that_it_was_paid(self, world: World) -> None:
        wish = request(world)
        session = await world.gateway.open(wish)
        await world.pay(session.reference)

        ended = await world.gateway.end(session.reference)

        assert (ended.status, ended.captured) == ("completed", wish.amount)

    async def test_a_webhook_names_its_payment_and_carries_nothing_of_the_payer(self, world: World) -> None:
        wish = request(world)
        session = await world.gateway.open(wish)
        await world.pay(session.reference)
        headers, body = await world.webhook(session.reference, self.success_kind)

        notice = world.gateway.read(headers, body, now=world.now())

        assert (notice.object, notice.type) == ("payment", self.success_kind)
        assert session.reference == notice.reference
        assert notice.key in {wish.key, None}
        assert b"@" in body
        assert "@" not in str(notice.body)

    async def test_a_webhook_changed_by_one_byte_or_unsigned_is_not_believed(self, world: World) -> None:
        session = await world.gateway.open(request(world))
        await world.pay(session.reference)
        headers, body = await world.webhook(session.reference, self.success_kind)

        with pytest.raises(BadSignature):
            world.gateway.read(headers, body.replace(b"12.50", b"12.51"), now=world.now())
        with pytest.raises(BadSignature):
            world.gateway.read(headers, body + b" ", now=world.now())
        with pytest.raises(BadSignature):
            world.gateway.read({}, body, now=world.now())

    async def test_a_refund_asked_for_twice_with_one_key_is_one_refund(self, world: World) -> None:
        session = await world.gateway.open(request(world))
        await world.pay(session.reference)
        key, part = str(uuid4()), Money.parse("5.00", "EGP")

        first = await world.gateway.refund(key=key, payment_reference=session.reference, amount=part)
        second = await world.gateway.refund(key=key, payment_reference=session.reference, amount=part)

        assert first.reference == second.reference
        await world.refund_settled(key)
        settled = await world.gateway.refund_state(key=key)
        assert settled is not None
        assert (settled.status, settled.amount, settled.key) == ("processed", part, key)

    async def test_no_more_than_what_was_captured_is_refunded(self, world: World) -> None:
        session = await world.gateway.open(request(world))
        await world.pay(session.reference)
        whole, least = Money.parse("12.50", "EGP"), Money.parse("0.01", "EGP")
        await world.gateway.refund(key=str(uuid4()), payment_reference=session.reference, amount=whole - least)
        await world.gateway.refund(key=str(uuid4()), payment_reference=session.reference, amount=least)

        with pytest.raises(GatewayRefused):
            await world.gateway.refund(key=str(uuid4()), payment_reference=session.reference, amount=least)

    async def test_what_was_never_paid_is_not_refunded(self, world: World) -> None:
        session = await world.gateway.open(request(world))

        with pytest.raises(GatewayRefused):
            await world.gateway.refund(
                key=str(uuid4()), payment_reference=session.reference, amount=Money.parse("1.00", "EGP")
            )

    async def test_a_settled_refund_is_told_by_a_webhook(self, world: World) -> None:
        session = await world.gateway.open(request(world))
        await world.pay(session.reference)
        key = str(uuid4())
        refund = await world.gateway.refund(
            key=key, payment_reference=session.reference, amount=Money.parse("12.50", "EGP")
        )

        headers, body = await world.webhook(refund.reference, self.refund_kind)

        notice = world.gateway.read(headers, body, now=world.now())
        assert (notice.object, notice.reference) == ("refund", refund.reference)

    async def test_what_changed_since_a_moment_is_listed_once_each_in_its_present_state(self, world: World) -> None:
        before = world.now()
        wishes = [request(world) for _ in range(3)]
        sessions = [await world.gateway.open(wish) for wish in wishes]
        await world.pay(sessions[0].reference)

        listed = {payment.key: payment.status for payment in await world.gateway.since(before)}

        assert listed == {wishes[0].key: "completed", wishes[1].key: "open", wishes[2].key: "open"}
        assert await world.gateway.since(world.now() + timedelta(seconds=60)) == []

    async def test_a_gateway_that_was_never_reached_says_so(self, world: World) -> None:
        gateway = world.nowhere()

        with pytest.raises(GatewayUnreachable):
            await gateway.open(request(world))

        await gateway.close()
