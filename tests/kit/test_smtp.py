"""E-mail against a real server: what arrives, and what is said of what does not."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from holdfast.kit import smtp
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id
from holdfast.kit.letters import Letter, LetterNotSent, LetterRefused
from tests.kit import post_office
from tests.kit.post_office import PASSWORD, PostOffice, open_office


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[PostOffice]:
    async with open_office(tmp_path) as office:
        yield office


def letter(**changes: object) -> Letter:
    return post_office.letter(**({"id": new_id()} | changes))


async def test_a_letter_arrives_whole_and_encrypted(office: PostOffice) -> None:
    sent = letter()

    await office.sender().send(sent)

    [message], [envelope] = office.got, office.envelopes
    assert office.were_encrypted == [True]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("tickets@example.org", ["amal@example.org"])
    assert (message["From"], message["To"]) == ("Tickets <tickets@example.org>", "amal@example.org")
    assert message["Subject"] == sent.subject
    assert message["Message-ID"] == f"<{sent.id}@example.org>"
    assert (message["Content-Language"], message["Auto-Submitted"]) == ("ar", "auto-generated")
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().replace("\r\n", "\n").strip() == sent.text
    assert html.get_content().strip() == sent.html
    pdf, ics = message.iter_attachments()
    assert (pdf.get_filename(), pdf.get_content_type()) == ("tickets-ABC.pdf", "application/pdf")
    assert pdf.get_payload(decode=True) == sent.attachments[0].content
    assert (ics.get_content_type(), ics.get_param("method")) == ("text/calendar", "PUBLISH")
    assert ics.get_payload(decode=True) == sent.attachments[1].content


async def test_a_letter_arrives_by_tls_from_the_first_byte(tmp_path: Path) -> None:
    async with open_office(tmp_path, security="tls") as office:
        await office.sender(security="tls", username=None, password=None).send(letter())

        assert office.were_encrypted == [True]


async def test_a_repeat_has_the_same_message_id(office: PostOffice) -> None:
    sent = letter()

    await office.sender().send(sent)
    await office.sender().send(sent)

    assert len({message["Message-ID"] for message in office.got}) == 1


async def test_a_certificate_that_nobody_vouches_for_is_not_trusted(office: PostOffice) -> None:
    with pytest.raises(LetterNotSent) as failure:
        await office.sender(tls=None).send(letter())

    assert PASSWORD not in str(failure.value)
    assert office.got == []


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
async def test_what_is_refused_for_good_is_not_tried_again(office: PostOffice, command: str) -> None:
    office.refuses[command] = "550 5.1.1 no such mailbox"

    with pytest.raises(LetterRefused) as refusal:
        await office.sender().send(letter())

    assert refusal.value.why == "SMTP 550"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("RCPT", "450 4.2.1 try later"),
        ("DATA", "451 4.3.0 try later"),
        ("MAIL", "452 4.3.1 try later"),
        ("MAIL", "550 5.7.1 not from you"),
    ],
)
async def test_what_may_be_taken_later_is_tried_again(office: PostOffice, command: str, answer: str) -> None:
    office.refuses[command] = answer

    with pytest.raises(LetterNotSent) as failure:
        await office.sender().send(letter())

    assert failure.value.why == f"SMTP {answer[:3]}"


async def test_a_wrong_password_keeps_letters_waiting_rather_than_losing_them(office: PostOffice) -> None:
    with pytest.raises(LetterNotSent) as failure:
        await office.sender(password="Another-canary-8").send(letter())

    assert failure.value.why == "SMTP 535"


async def test_nobody_at_the_door_is_told_by_name_and_soon() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]

    with pytest.raises(LetterNotSent):
        await PostOffice(port=port).sender().send(letter())


async def test_a_server_that_says_nothing_is_left_after_the_time_allowed() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        silent = PostOffice(port=listener.getsockname()[1]).sender(seconds_max=0.2)

        with pytest.raises(LetterNotSent):
            await silent.send(letter())


@pytest.mark.parametrize("refuses", [{}, {"RCPT": "550 no"}, {"RCPT": "450 no"}, {"DATA": "554 no"}])
async def test_no_error_names_an_address_a_text_or_the_password(
    office: PostOffice, refuses: dict[str, str], capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    office.refuses = refuses
    said = ""

    try:
        await office.sender().send(letter(text="the code is 123456"))
    except Error as error:
        said = f"{error!r} {error} {error.__cause__} {error.__context__ if not error.__suppress_context__ else ''}"

    told = said + caplog.text.replace("mail.log", "") + "".join(capfd.readouterr())
    mine = [record for record in caplog.records if not record.name.startswith("mail.")]  # the server's own log
    assert "amal@" not in said
    assert all(word not in "".join(map(str, mine)) for word in ("amal@example.org", "123456", PASSWORD))
    assert PASSWORD not in told
    assert PASSWORD not in repr(office.sender())


async def test_a_subject_of_several_lines_adds_no_header(office: PostOffice) -> None:
    await office.sender().send(letter(subject="A room\r\nBcc: somebody@example.org"))

    [message] = office.got
    assert message["Bcc"] is None
    assert message["Subject"] == "A room Bcc: somebody@example.org"


async def test_an_address_that_cannot_be_written_is_refused_for_good(office: PostOffice) -> None:
    with pytest.raises(LetterRefused):
        await office.sender().send(letter(to="a@example.org\nBcc: b@example.org"))

    assert office.got == []


def test_the_extra_is_installed_here() -> None:
    assert smtp.is_installed()
