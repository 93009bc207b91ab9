"""Every message, sent because of what really happened to a booking, in both languages."""

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pypdf
import pytest

from holdfast.kernel import notifications
from holdfast.kernel.notifications import Template, writing
from holdfast.kernel.notifications.values import TEMPLATES
from holdfast.kit import words
from holdfast.kit.letters import Attachment, Letter
from tests import builders
from tests.builders_identity import sign_up
from tests.kernel.notifications import world as worlds
from tests.kernel.notifications.world import HAPPENINGS, World

pytestmark = pytest.mark.alone

#: The list of the kernel's specification, and what it is called here. The three letters with codes are identity's.
MESSAGES = {
    "registered": "registered",
    "confirmed": "confirmed",
    "payment failed": "payment_failed",
    "expired": "expired",
    "cancelled": "cancelled",
    "refund sent": "refund_sent",
    "refund failed": "refund_failed",
    "rescheduled": "rescheduled",
    "occurrence cancelled": "occurrence_cancelled",
    "late money honoured": "late_money_honoured",
    "late money refunded": "late_money_refunded",
}
_TEXT = re.compile(r'\b_\("((?:[^"\\]|\\.)+)"')


def attached(letter: Letter, media_type: str) -> list[Attachment]:
    return [each for each in letter.attachments if each.media_type.startswith(media_type)]


def calendar_of(attachment: Attachment) -> Any:
    return icalendar.Calendar.from_ical(attachment.content.decode())


def event_of(attachment: Attachment) -> Any:
    [event] = calendar_of(attachment).walk("VEVENT")
    return event


@pytest.mark.parametrize("message", MESSAGES)
def test_every_message_has_its_templates(message: str) -> None:
    name = MESSAGES[message]

    assert name in TEMPLATES
    for ending in ("txt", "html", "sms.txt"):
        assert (writing.FOLDER / f"{name}.{ending}").read_text().strip()


def test_there_are_no_messages_beyond_those() -> None:
    assert set(MESSAGES.values()) == set(TEMPLATES)
    assert set(HAPPENINGS) | {"registered"} == set(TEMPLATES)


@pytest.mark.parametrize("path", sorted(writing.FOLDER.iterdir()), ids=lambda path: path.name)
def test_every_text_of_a_template_has_an_arabic_one_with_the_same_placeholders(path: Path) -> None:
    for text in _TEXT.findall(path.read_text()):
        arabic = words.say(text, "ar")

        assert arabic != text, text
        assert sorted(re.findall(r"\{\w+\}", arabic)) == sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("template", HAPPENINGS)
async def test_what_happens_is_told_by_a_letter_in_ones_language(world: World, template: Template, locale: str) -> None:
    person = await world.person(locale=locale)
    booked = await HAPPENINGS[template](world, person)

    letter = await world.letter(person, template)

    assert (letter.channel, letter.to, letter.locale) == ("email", person.email, locale)
    assert letter.html is not None
    is_arabic = bool(re.search("[\u0600-\u06ff]", letter.subject))
    assert is_arabic == (locale == "ar")
    assert f'<html lang="{locale}" dir="{"rtl" if locale == "ar" else "ltr"}">' in letter.html
    for said in (letter.text, letter.html):
        assert "Amal" in said
        assert "A room" in said
        assert booked.reference in said
        assert "C1" in said
        assert not re.search(r"[{}]|None|Undefined", said)
    greeting = "مرحبًا Amal،" if locale == "ar" else "Hello Amal,"
    assert letter.text.startswith(greeting)
    assert "\n\n\n\n" not in letter.text


@pytest.mark.parametrize("locale", ["en", "ar"])
@pytest.mark.parametrize("template", HAPPENINGS)
async def test_who_has_no_e_mail_is_told_by_sms(world: World, template: Template, locale: str) -> None:
    person = await world.person(locale=locale, has_email=False)
    booked = await HAPPENINGS[template](world, person)

    letter = await world.letter(person, template)

    assert (letter.channel, letter.to) == ("sms", person.user.phone_number)
    assert (letter.html, letter.attachments) == (None, ())
    assert letter.text.endswith(f"https://tickets.example/bookings/{booked.id}")
    assert "\n" not in letter.text
    assert bool(re.search("[\u0600-\u06ff]", letter.text)) == (locale == "ar")


async def test_who_registers_is_welcomed_beside_the_link(world: World) -> None:
    person = await sign_up(world.database, is_verified=False, settings=world.house.identity)

    letters = await world.letters(person)

    assert {letter.template for letter in letters} == {"verify_email", "registered"}
    for letter in letters:
        assert letter.html is not None
        assert '<html lang="en" dir="ltr">' in letter.html


@pytest.mark.parametrize("template", ["confirmed", "late_money_honoured"])
async def test_tickets_and_a_calendar_file_come_with_a_confirmed_booking(world: World, template: Template) -> None:
    person = await world.person()
    booked = await HAPPENINGS[template](world, person)

    letter = await world.letter(person, template)

    [pdf], [ics] = attached(letter, "application/pdf"), attached(letter, "text/calendar")
    pages = pypdf.PdfReader(io.BytesIO(pdf.content)).pages
    printed = "".join(page.extract_text() for page in pages)
    assert booked.reference in printed
    assert "C1" in printed
    assert "C2" in printed
    assert (pdf.name, ics.name) == (f"tickets-{booked.reference}.pdf", f"booking-{booked.reference}.ics")
    event = event_of(ics)
    assert event["DTSTART"].dt == booked.hold.starts_at
    assert event["DTSTART"].params["TZID"] == "Africa/Cairo"
    assert event["DTSTART"].dt.tzinfo == ZoneInfo("Africa/Cairo")
    assert event["DTEND"].dt == booked.hold.ends_at
    assert (event["SUMMARY"], event["STATUS"]) == ("A room", "CONFIRMED")
    assert [each["TZID"] for each in calendar_of(ics).walk("VTIMEZONE")] == ["Africa/Cairo"]
    assert len(ics.content) < 3_000


async def test_a_booking_that_moves_gets_a_newer_calendar_file_of_the_same_event(world: World) -> None:
    person = await world.person()
    booked = await worlds.confirmed(world, person)
    first = await world.letter(person, "confirmed")
    await world.time.forward(minutes=5)
    await worlds.move(world, booked, hours=3)

    letter = await world.letter(person, "rescheduled")

    old, new = (event_of(attached(each, "text/calendar")[0]) for each in (first, letter))
    assert old["UID"] == new["UID"]
    assert new["SEQUENCE"] > old["SEQUENCE"]
    assert new["DTSTART"].dt - old["DTSTART"].dt == timedelta(hours=3)
    assert "you can cancel for free" in letter.text
    assert len(attached(letter, "application/pdf")) == 1


async def test_a_small_move_does_not_make_cancelling_free(world: World) -> None:
    person = await world.person()
    await worlds.move(world, await worlds.confirmed(world, person), minutes=30)

    letter = await world.letter(person, "rescheduled")

    assert "When you bought it, it was to start" in letter.text
    assert "you can cancel for free" not in letter.text


async def test_who_has_two_bookings_of_what_moved_gets_one_letter_about_both(world: World) -> None:
    person = await world.person()
    room = await builders.room(world.database, limits=worlds.ANY_NUMBER)
    booked = [await builders.confirmed(world.database, room, [place], owner=person.actor) for place in (0, 1)]
    await worlds.move(world, booked[0], hours=1)

    letter = await world.letter(person, "rescheduled")

    assert {each.name for each in letter.attachments} == {
        f"{kind}-{each.reference}.{ending}"
        for each in booked
        for kind, ending in (("tickets", "pdf"), ("booking", "ics"))
    }
    assert letter.html is not None
    assert all(each.reference in letter.text and each.reference in letter.html for each in booked)


async def test_a_cancelled_booking_leaves_the_calendar(world: World) -> None:
    person = await world.person()
    await worlds.cancelled(world, person)

    letter = await world.letter(person, "cancelled")

    [ics] = letter.attachments
    assert event_of(ics)["STATUS"] == "CANCELLED"
    assert calendar_of(ics)["METHOD"] == "CANCEL"
    assert "EGP20.00 goes back to you" in letter.text


async def test_a_part_that_is_cancelled_is_named_and_the_rest_stays(world: World) -> None:
    person = await world.person()
    booked = await worlds.confirmed(world, person)
    await builders.cancel(world.database, booked, [1])

    letter = await world.letter(person, "cancelled")

    assert letter.subject == f"Part of your booking {booked.reference} is cancelled"
    assert "these places were cancelled: C2. The others stay yours." in letter.text
    assert "EGP10.00 goes back to you" in letter.text
    assert letter.attachments == ()


async def test_who_did_not_pay_yet_hears_too_that_the_provider_cancelled(world: World) -> None:
    person = await world.person()
    booked = await builders.booking(world.database, await builders.room(world.database), owner=person.actor)
    await worlds.cancel_occurrence(world, booked)

    letter = await world.letter(person, "occurrence_cancelled")

    assert "No payment of yours is open." in letter.text


async def test_who_gives_up_or_lets_a_checkout_end_is_not_told_what_they_did(world: World) -> None:
    person = await world.person()
    room = await builders.room(world.database)
    given_up = await builders.booking(world.database, room, [0], owner=person.actor)
    await builders.settle(world.database, await worlds.payment_of(world, given_up), status="expired")
    await builders.release(world.database, given_up.hold)

    assert await world.letters(person) == []


async def test_a_failed_payment_says_until_when_it_can_be_tried_again(world: World) -> None:
    person = await world.person()
    booked = await worlds.payment_failed(world, person)

    letter = await world.letter(person, "payment_failed")

    until = booked.expires_at.astimezone(ZoneInfo("Africa/Cairo"))
    assert f"Your places are kept until {until:%A %-d %B %Y, %H:%M} (Egypt Time)." in letter.text


async def test_money_paid_twice_is_explained_as_that(world: World) -> None:
    person = await world.person()
    held = await builders.hold(world.database, await builders.room(world.database), owner=person.actor)
    first = await builders.pending(world.database, held)
    await builders.settle(world.database, first, status="failed")
    await builders.settle(world.database, await builders.pending(world.database, held))
    assert await builders.settle(world.database, first) == "refunded_double"

    letter = await world.letter(person, "late_money_refunded")

    assert "was paid twice" in letter.text
    assert letter.subject == "Your payment of EGP10.00 goes back to you"


async def test_what_people_are_called_is_text_and_never_markup(world: World) -> None:
    person = await world.person()
    await world.change_user(person.id, first_name="<b>{0}Bobby</b>")
    await worlds.confirmed(world, person)

    letter = await world.letter(person, "confirmed")

    assert letter.html is not None
    assert "<b>" not in letter.html
    assert "&lt;b&gt;{0}Bobby&lt;/b&gt;" in letter.html
    assert "<b>{0}Bobby</b>" in letter.text


async def test_the_html_loads_nothing_and_stands_by_itself(world: World) -> None:
    person = await world.person()
    await worlds.confirmed(world, person)

    letter = await world.letter(person, "confirmed")

    assert letter.html is not None
    assert not re.search(r"<(img|script|link|style|iframe)\b|url\(|src=", letter.html)
    assert "<h1" in letter.html
    assert f"<title>{letter.subject}</title>" in letter.html


def test_the_front_door_names_what_is_listened_to() -> None:
    assert len(notifications.FACTS) == len(set(notifications.FACTS)) == 10
