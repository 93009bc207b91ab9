"""What people are told on the way: letters in the folder of a real worker, and the list over HTTP."""

import io
from collections.abc import Sequence
from functools import partial
from typing import Any

import icalendar
import pypdf

from holdfast.kit.letters import FileSender, Letter
from tests.journeys.calls import Person, eventually, refusal
from tests.journeys.world import World


async def letter_of(world: World, person: Person, template: str) -> Letter:
    """The one letter of that kind that came to somebody."""
    folder = FileSender(world.site.letters)

    async def look() -> list[Letter]:
        found = await folder.letters(limit=100)
        return [letter for letter in found if (letter.to, letter.template) == (person.email, template)]

    [listed] = await eventually(look, f"a letter {template}")
    letter = await folder.letter(listed.id)
    assert letter is not None
    return letter


async def test_a_customer_is_told_of_booking_and_refund_once_each(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)

    with world.working():
        booking = await world.book(amal, line, "1A", "1B")
        confirmed = await letter_of(world, amal, "confirmed")
        await amal.post(f"/bookings/{booking['id']}/cancel", {})
        cancelled = await letter_of(world, amal, "cancelled")
        refunded = await letter_of(world, amal, "refund_sent")

    reference = booking["booking_reference"]
    pdf, ics = confirmed.attachments
    printed = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf.content)).pages)
    assert reference in printed
    calendar: Any = icalendar.Calendar.from_ical(ics.content.decode())
    [event] = calendar.walk("VEVENT")
    assert event["DTSTART"].dt == line.departs_at.replace(microsecond=0)
    assert event["LOCATION"] == line.ends[0]
    assert "Seat: 1A, 1B" in confirmed.text
    assert all(reference in letter.text for letter in (confirmed, cancelled, refunded))
    assert "200.00" in refunded.subject
    await world.work()
    listed = await amal.get("/notifications")
    assert [each["template"] for each in listed["items"]] == ["refund_sent", "cancelled", "confirmed"]
    assert {each["id"] for each in listed["items"]} == {str(each.id) for each in (confirmed, cancelled, refunded)}
    read = await amal.post(f"/notifications/{confirmed.id}/read")
    assert read["read_at"] is not None
    assert (await amal.get("/notifications?unread=true"))["unread"] == 2
    refusal(await badr.ask("POST", f"/notifications/{cancelled.id}/read"), 404, "notification_not_found")
    assert (await badr.get("/notifications"))["items"] == []
    await world.agrees()


async def test_everybody_on_a_cancelled_schedule_is_told_in_their_language(world: World) -> None:
    line = await world.line()
    amal, badr = await world.crowd(2)
    await world.book(amal, line, "1A")
    await amal.ask("PUT", f"/users/{amal.id}/profile", {"locale": "ar"})
    reservation = await world.reserve(badr, line, "1B")
    await world.initiate(badr, reservation)
    await line.operator.post(f"/schedules/{line.id}/cancel", {})

    await world.agrees()

    paid, unpaid = [await letter_of(world, person, "occurrence_cancelled") for person in (amal, badr)]
    assert paid.locale == "ar"
    assert "نأسف لذلك" in paid.text
    assert "100.00" in paid.text
    assert "No payment of yours is open." in unpaid.text


async def test_a_worker_killed_at_work_tells_nobody_twice(world: World) -> None:
    line = await world.line(rows=3)
    people = await world.crowd(6)
    bookings = [await world.book(person, line, seat) for person, seat in zip(people, line.seats, strict=False)]

    for count in (1, 3, 5):
        world.site.worker.start()
        await eventually(partial(_came, world, people, count), f"{count} letters")
        world.site.worker.kill()
    await world.forward(minutes=2)  # the leases of what it had taken end
    await world.work()

    for person, booking in zip(people, bookings, strict=True):
        letter = await letter_of(world, person, "confirmed")
        assert booking["booking_reference"] in letter.text
        assert len((await person.get("/notifications"))["items"]) == 1


async def _came(world: World, people: Sequence[Person], count: int) -> bool:
    """So many of these people have their letter."""
    letters = await FileSender(world.site.letters).letters(limit=100)
    return len({letter.to for letter in letters} & {person.email for person in people}) >= count
