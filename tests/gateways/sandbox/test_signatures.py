import json
from datetime import UTC, datetime, timedelta

import pytest

from holdfast.gateways.sandbox import SIGNATURE_HEADER, sign
from holdfast.gateways.sandbox.adapter import SandboxGateway
from holdfast.kernel.payments import BadSignature

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = b'{"id": "evt_1", "type": "payment.success", "created_at": "2026-11-20T12:00:00Z", "data": {"key": "k"}}'


@pytest.fixture
def gateway() -> SandboxGateway:
    return SandboxGateway("http://127.0.0.1:1", api_key="key", secrets=("new", "old"))


@pytest.mark.parametrize("secret", ["new", "old"])
def test_both_secrets_hold_while_one_is_being_replaced(gateway: SandboxGateway, secret: str) -> None:
    notice = gateway.read({SIGNATURE_HEADER: sign(secret, BODY, now=NOW)}, BODY, now=NOW)

    assert (notice.event_id, notice.key, notice.sent_at) == ("evt_1", "k", NOW)


def test_a_third_secret_does_not(gateway: SandboxGateway) -> None:
    with pytest.raises(BadSignature, match="forged"):
        gateway.read({SIGNATURE_HEADER: sign("other", BODY, now=NOW)}, BODY, now=NOW)


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_a_signature_holds_for_five_minutes(gateway: SandboxGateway, seconds: int) -> None:
    gateway.read({SIGNATURE_HEADER: sign("new", BODY, now=NOW)}, BODY, now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_and_not_a_second_longer(gateway: SandboxGateway, seconds: int) -> None:
    with pytest.raises(BadSignature, match="stale"):
        gateway.read({SIGNATURE_HEADER: sign("new", BODY, now=NOW)}, BODY, now=NOW + timedelta(seconds=seconds))


def test_a_body_that_was_read_and_written_again_is_another_body(gateway: SandboxGateway) -> None:
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()

    with pytest.raises(BadSignature, match="forged"):
        gateway.read({SIGNATURE_HEADER: sign("new", BODY, now=NOW)}, again, now=NOW)


def test_a_time_changed_after_signing_does_not_hold(gateway: SandboxGateway) -> None:
    header = sign("new", BODY, now=NOW - timedelta(seconds=900))
    moved = header.replace(header.split(",")[0], f"t={int(NOW.timestamp())}")

    with pytest.raises(BadSignature, match="forged"):
        gateway.read({SIGNATURE_HEADER: moved}, BODY, now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "v1=00",
        "t=1,t=2,v1=00",
        "t=x,v1=00",
        "t=-1,v1=00",
        "t=9999999999999999999,v1=00",
        "t=1,v1=é",
        "," * 2_000,
    ],
)
def test_a_malformed_signature_is_no_error_of_ours(gateway: SandboxGateway, header: str) -> None:
    with pytest.raises(BadSignature):
        gateway.read({SIGNATURE_HEADER: header}, BODY, now=NOW)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{}", b"[" * 100_000, b'{"id": 1}'])
def test_what_is_signed_but_makes_no_sense_is_unreadable(gateway: SandboxGateway, body: bytes) -> None:
    with pytest.raises(BadSignature, match="unreadable"):
        gateway.read({SIGNATURE_HEADER: sign("new", body, now=NOW)}, body, now=NOW)


def test_of_an_unknown_kind_it_says_other(gateway: SandboxGateway) -> None:
    body = BODY.replace(b"payment.success", b"weather.changed")

    notice = gateway.read({SIGNATURE_HEADER: sign("new", body, now=NOW)}, body, now=NOW)

    assert (notice.object, notice.type) == ("other", "weather.changed")
