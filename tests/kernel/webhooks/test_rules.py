"""What is sent, how it is signed, and when it is tried again."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook

from holdfast.kernel.webhooks import TEST, rules
from holdfast.kernel.webhooks.rules import ATTEMPTS_MAX, DELAYS
from holdfast.kernel.webhooks.secrets import fresh
from holdfast.kernel.webhooks.values import Attempt, Outcome
from holdfast.kit.ids import new_id

NOW = datetime(2027, 5, 1, 12, tzinfo=UTC)
FAILED = Outcome(500, "refused")


def attempt(
    number: int = 1, *, fact: str = "BookingConfirmed", secrets: tuple[str, ...] = (), at: datetime = NOW
) -> Attempt:
    return Attempt(
        delivery_id=new_id(),
        endpoint_id=new_id(),
        provider_id=None,
        url="https://hooks.example/",
        secrets=secrets,
        fact_id=new_id(),
        fact=fact,
        version=1,
        payload={"booking_id": "b", "is_late": False},
        fact_at=NOW,
        number=number,
        at=at,
    )


def test_it_is_tried_for_about_three_days() -> None:
    waited = timedelta(0)
    for number in range(1, ATTEMPTS_MAX):
        next_at = rules.next_try(attempt(number), FAILED, now=NOW, jitter=0)
        assert next_at is not None
        waited += next_at - NOW

    assert rules.next_try(attempt(ATTEMPTS_MAX), FAILED, now=NOW, jitter=0) is None
    assert timedelta(days=3) <= waited <= timedelta(days=3, hours=12)
    assert (DELAYS[0], DELAYS[1]) == (timedelta(seconds=5), timedelta(minutes=5))


def test_what_failed_together_is_not_repeated_together() -> None:
    early, late = (rules.next_try(attempt(2), FAILED, now=NOW, jitter=jitter) for jitter in (0, 1))

    assert (early, late) == (NOW + timedelta(seconds=300), NOW + timedelta(seconds=330))


def test_a_receiver_that_asks_for_patience_gets_it_within_reason() -> None:
    def wait(asked: timedelta) -> timedelta:
        next_at = rules.next_try(attempt(1), Outcome(503, "refused", asked), now=NOW, jitter=0)
        assert next_at is not None
        return next_at - NOW

    assert wait(timedelta(seconds=120)) == timedelta(seconds=120)
    assert wait(timedelta(seconds=1)) == timedelta(seconds=5)  # no sooner than we would
    assert wait(timedelta(days=365)) == timedelta(hours=24)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", timedelta(seconds=120)),
        (" 7 ", timedelta(seconds=7)),
        ("Sat, 01 May 2027 12:01:00 GMT", timedelta(minutes=1)),
        ("Sat, 01 May 2027 11:00:00 GMT", timedelta(0)),
        ("soon", None),
        ("-5", None),
        ("9" * 30, None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, expected: timedelta | None) -> None:
    assert rules.retry_after(header, now=NOW) == expected


def test_gone_is_believed_and_a_test_is_made_once() -> None:
    assert rules.next_try(attempt(1), Outcome(410, "refused"), now=NOW, jitter=0) is None
    assert rules.next_try(attempt(1, fact=TEST), FAILED, now=NOW, jitter=0) is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None),
        (204, None),
        (299, None),
        (301, "redirected"),
        (307, "redirected"),
        (400, "refused"),
        (500, "refused"),
        (100, "refused"),
    ],
)
def test_only_a_2xx_is_a_yes(status: int, reason: str | None) -> None:
    assert rules.outcome_of(status, None, now=NOW).reason == reason


def test_the_message_is_signed_with_every_secret_that_counts_and_the_same_each_time() -> None:
    new, old = fresh(), fresh()
    now = datetime.now(UTC)
    made = attempt(secrets=(new, old), at=now)

    content = rules.body(made)
    headers = rules.headers(made, content)

    for secret in (new, old):
        assert Webhook(secret).verify(content, headers)["type"] == "BookingConfirmed"
    assert headers["webhook-id"] == str(made.fact_id) == json.loads(content)["id"]
    assert len(headers["webhook-signature"].split(" ")) == 2
    assert rules.body(made) == content


def test_an_endpoint_hears_what_it_named_or_everything() -> None:
    assert rules.wants(None, "HoldPlaced")
    assert rules.wants(("HoldPlaced",), "HoldPlaced")
    assert not rules.wants(("BookingConfirmed",), "HoldPlaced")
    assert rules.unknown(("HoldPlaced", "Nonsense"), frozenset({"HoldPlaced"})) == ["Nonsense"]
