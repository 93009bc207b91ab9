import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel import tickets
from holdfast.kernel.tickets import TicketClaims, TicketForged, TicketKey, TicketKeyUnknown, TicketUnreadable

KEY = TicketKey.from_seed(bytes(range(32)))
OTHER_KEY = TicketKey.from_seed(bytes(32))
CLAIMS = TicketClaims(ticket_id=UUID(int=1), inventory_id=UUID(int=2), place=17, nonce=bytes(range(12)))


@given(
    ticket=st.uuids(), inventory=st.uuids(), place=st.integers(0, 2**32 - 1), nonce=st.binary(min_size=12, max_size=12)
)
def test_what_was_signed_is_what_is_read(ticket: UUID, inventory: UUID, place: int, nonce: bytes) -> None:
    claims = TicketClaims(ticket_id=ticket, inventory_id=inventory, place=place, nonce=nonce)

    token = tickets.sign(claims, key=KEY)

    assert tickets.read(token, keys=[OTHER_KEY, KEY]) == claims


def test_a_token_never_changes_its_form() -> None:
    token = tickets.sign(CLAIMS, key=KEY)

    # Printed tickets live long: a change here needs another prefix, and both must be read for a while.
    assert token == (
        "HF1.KZDVVJ2UMNDUYAAAAAAAAAAAAAAAAAAAAAAAAAIAAAAAAAAAAAAAAAAAAAAAAAACAAAAAEIAAEBAGBAFAYDQQCIKBN5AW6BM"
        "M7DMNQNJ34LIG5QN27Q6MOIEYYTPW7YHOYI7THUFCGG3FWNF2IJN2SOQ74PLQXYNAQXBCKNEPCN6L2PERTEDMDCF3NJ6N5IB"
    )


def test_a_device_that_knows_only_the_public_half_can_read() -> None:
    token = tickets.sign(CLAIMS, key=KEY)

    claims = tickets.read(token, keys=[KEY.public_half()])

    assert claims == CLAIMS


def test_the_secret_half_is_not_shown() -> None:
    assert KEY.seed is not None

    assert repr(KEY.seed) not in repr(KEY)


def test_a_ticket_of_a_key_that_is_not_ours_is_refused_with_the_name_of_the_key() -> None:
    token = tickets.sign(CLAIMS, key=OTHER_KEY)

    with pytest.raises(TicketKeyUnknown) as error:
        tickets.read(token, keys=[KEY])

    assert error.value.kid == OTHER_KEY.kid


@given(bit=st.integers(8 * 8, 120 * 8 - 1))
def test_a_ticket_with_any_bit_changed_is_forged(bit: int) -> None:
    raw = bytearray(base64.b32decode(tickets.sign(CLAIMS, key=KEY)[4:]))
    raw[bit // 8] ^= 1 << bit % 8

    with pytest.raises(TicketForged):
        tickets.read("HF1." + base64.b32encode(raw).decode(), keys=[KEY])


TOKEN = tickets.sign(CLAIMS, key=KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HF1.",
        "https://example.org/",
        TOKEN.replace("HF1.", "HF2."),
        TOKEN.lower(),
        "HF1." + TOKEN[4:].lower(),
        TOKEN + "A",
        TOKEN[:-1],
        TOKEN[:-8] + "AAAAAA==",
        TOKEN[:-8] + "========",
        TOKEN[:-1] + "=",
        TOKEN[:-1] + "1",
        TOKEN[:-1] + "é",
        TOKEN[:-1] + "\n",
        " " + TOKEN[:-1],
    ],
)
def test_a_token_has_one_spelling_and_all_else_is_no_ticket(text: str) -> None:
    with pytest.raises(TicketUnreadable):
        tickets.read(text, keys=[KEY])


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    for token in (text, "HF1." + text):
        with pytest.raises((TicketUnreadable, TicketKeyUnknown)):
            tickets.read(token, keys=[KEY])
