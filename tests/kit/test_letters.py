"""Letters as files: whole, private, replaced by a repeat, and read again."""

import json
from pathlib import Path

from holdfast.kit.ids import new_id
from holdfast.kit.letters import Attachment, FileSender
from tests.kit import post_office


async def test_a_letter_is_read_again_as_it_was_sent(tmp_path: Path) -> None:
    sender, sent = FileSender(tmp_path / "letters"), post_office.letter(id=new_id())

    await sender.send(sent)

    assert await sender.letter(sent.id) == sent


async def test_attachments_lie_beside_their_letter(tmp_path: Path) -> None:
    sender, sent = FileSender(tmp_path), post_office.letter(id=new_id())

    await sender.send(sent)

    assert {path.name for path in tmp_path.iterdir()} == {
        f"{sent.id}.json",
        f"{sent.id}.tickets-ABC.pdf",
        f"{sent.id}.booking-ABC.ics",
    }
    assert (tmp_path / f"{sent.id}.tickets-ABC.pdf").read_bytes() == sent.attachments[0].content
    assert json.loads((tmp_path / f"{sent.id}.json").read_text())["attachments"][0] == {
        "name": "tickets-ABC.pdf",
        "media_type": "application/pdf",
    }
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


async def test_a_repeat_replaces_the_letter(tmp_path: Path) -> None:
    sender, letter_id = FileSender(tmp_path), new_id()

    await sender.send(post_office.letter(id=letter_id, text="first"))
    await sender.send(post_office.letter(id=letter_id, text="second"))

    assert [letter.text for letter in await sender.letters()] == ["second"]


async def test_letters_are_listed_the_newest_first_and_page_by_page(tmp_path: Path) -> None:
    sender = FileSender(tmp_path)
    sent = [post_office.letter(id=new_id()) for _ in range(5)]
    for each in sent:
        await sender.send(each)

    first = await sender.letters(limit=2)
    second = await sender.letters(limit=2, before=first[-1].id)
    last = await sender.letters(limit=2, before=second[-1].id)

    assert [each.id for each in (*first, *second, *last)] == [each.id for each in reversed(sent)]
    assert first[0].attachments[0] == Attachment("tickets-ABC.pdf", "application/pdf", b"")


async def test_there_are_no_letters_before_the_first(tmp_path: Path) -> None:
    sender = FileSender(tmp_path / "nowhere")

    assert await sender.letters() == []
    assert await sender.letter(new_id()) is None


async def test_a_letter_of_before_there_were_attachments_is_still_read(tmp_path: Path) -> None:
    sender, sent = FileSender(tmp_path), post_office.letter(id=new_id(), attachments=())
    await sender.send(sent)
    path = tmp_path / f"{sent.id}.json"
    said = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in said.items() if name not in {"attachments", "html"}}))

    [letter] = await sender.letters()

    assert (letter.html, letter.attachments, letter.text) == (None, (), sent.text)


async def test_the_name_of_a_file_leads_nowhere_else(tmp_path: Path) -> None:
    sender, folder = FileSender(tmp_path / "letters"), tmp_path / "letters"
    sent = post_office.letter(id=new_id(), attachments=(Attachment("../../x/y.pdf", "application/pdf", b"1"),))

    await sender.send(sent)

    assert len(list(folder.iterdir())) == 2
    assert await sender.letter(sent.id) == sent
