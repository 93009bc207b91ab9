"""Hand a letter to the outside world: e-mail or SMS, through a port of one method."""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Protocol
from uuid import UUID

from holdfast.kit.errors import Unavailable, Unreadable

Channel = Literal["email", "sms"]
LISTED_MAX = 100


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a letter; `media_type` may carry parameters ("text/calendar; method=PUBLISH")."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person. The same `id` is the same letter: sending it again replaces it where that can be.

    `text` says all of it; `html`, where there is one, says the same. SMS have neither `html` nor attachments.
    """

    id: UUID
    channel: Channel
    to: str
    subject: str
    text: str
    template: str
    written_at: datetime
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    locale: str = "en"


@dataclass(eq=False)
class LetterNotSent(Unavailable):
    """The letter did not leave ({why}); it will be tried again."""

    why: str


@dataclass(eq=False)
class LetterRefused(Unreadable):
    """The letter was refused for good ({why})."""

    why: str


class Sender(Protocol):
    """The port: a letter leaves, or an exception says that it did not and the job repeats it.

    LetterRefused: repeating it is useless. LetterNotSent, or whatever else: it is not. Neither names an address.
    """

    async def send(self, letter: Letter) -> None: ...


@dataclass(frozen=True, slots=True)
class ByChannel:
    """E-mails go one way, SMS another."""

    email: Sender
    sms: Sender

    async def send(self, letter: Letter) -> None:
        await (self.email if letter.channel == "email" else self.sms).send(letter)


@dataclass(frozen=True, slots=True)
class FileSender:
    """Put each letter into a folder as one JSON file, whole or not at all; its owner alone reads it: it holds codes.

    Attachments lie beside it, as `<id>.<name>`; the JSON names them and is written last.
    """

    folder: Path

    async def send(self, letter: Letter) -> None:
        await asyncio.to_thread(self._write, letter)

    async def letters(self, *, limit: int = 20, before: UUID | None = None) -> list[Letter]:
        """What was sent, the newest first, without the contents of attachments; `before`: the last one seen."""
        assert 0 < limit <= LISTED_MAX
        return await asyncio.to_thread(self._list, limit, before)

    async def letter(self, letter_id: UUID) -> Letter | None:
        """One with its attachments; None where there is none of that id."""
        return await asyncio.to_thread(self._read, letter_id)

    def _write(self, letter: Letter) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for attachment in letter.attachments:
            self._put(self._beside(letter.id, attachment.name), attachment.content)
        bare = replace(letter, attachments=())
        named = [{"name": each.name, "media_type": each.media_type} for each in letter.attachments]
        text = json.dumps({**asdict(bare), "attachments": named}, default=str, ensure_ascii=False, indent=2)
        self._put(self._path(letter.id), f"{text}\n".encode())

    def _put(self, path: Path, content: bytes) -> None:
        part = path.with_name(f".{path.name}.part")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)

    def _list(self, limit: int, before: UUID | None) -> list[Letter]:
        names = sorted((path.stem for path in self.folder.glob("*.json")), reverse=True)  # ids ascend with time
        older = [name for name in names if before is None or name < str(before)]
        found = (self._load(self.folder / f"{name}.json") for name in older[:limit])
        return [letter for letter in found if letter is not None]

    def _read(self, letter_id: UUID) -> Letter | None:
        letter = self._load(self._path(letter_id))
        if letter is None:
            return None
        whole = (replace(each, content=self._beside(letter.id, each.name).read_bytes()) for each in letter.attachments)
        return replace(letter, attachments=tuple(whole))

    def _load(self, path: Path) -> Letter | None:
        try:
            said: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:  # removed meanwhile
            return None
        return Letter(
            id=UUID(said["id"]),
            channel=said["channel"],
            to=said["to"],
            subject=said["subject"],
            text=said["text"],
            template=said["template"],
            written_at=datetime.fromisoformat(said["written_at"]),
            html=said.get("html"),
            attachments=tuple(
                Attachment(each["name"], each["media_type"], b"") for each in said.get("attachments", [])
            ),
            locale=said.get("locale", "en"),
        )

    def _path(self, letter_id: UUID) -> Path:
        return self.folder / f"{letter_id}.json"

    def _beside(self, letter_id: UUID, name: str) -> Path:
        return self.folder / f"{letter_id}.{re.sub(r'[^A-Za-z0-9._-]', '-', name)}"


@dataclass(slots=True)
class MemorySender:
    """Keep letters for a test to read."""

    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        self.letters = [*(kept for kept in self.letters if kept.id != letter.id), letter]

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if letter.to == address]
