"""Hand a letter to the outside world: e-mail or SMS, through a port of one method."""

import asyncio
import dataclasses
import json
import os
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one person. The same `id` is the same letter: sending it again replaces it where that can be."""

    id: UUID
    channel: Literal["email", "sms"]
    to: str
    subject: str
    text: str
    template: str
    written_at: datetime


class Sender(Protocol):
    """The port: a letter leaves, or an exception says that it did not and the job repeats it."""

    async def send(self, letter: Letter) -> None: ...


@dataclass(frozen=True, slots=True)
class FileSender:
    """Put each letter into a folder as one JSON file, whole or not at all; its owner alone reads it: it holds codes."""

    folder: Path

    async def send(self, letter: Letter) -> None:
        await asyncio.to_thread(self._write, letter)

    def _write(self, letter: Letter) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps(dataclasses.asdict(letter), default=str, ensure_ascii=False, indent=2)
        part = self.folder / f".{letter.id}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        part.replace(self.folder / f"{letter.id}.json")


@dataclass(slots=True)
class MemorySender:
    """Keep letters for a test to read."""

    letters: list[Letter] = field(default_factory=list)

    async def send(self, letter: Letter) -> None:
        self.letters = [*(kept for kept in self.letters if kept.id != letter.id), letter]

    def to(self, address: str) -> list[Letter]:
        return [letter for letter in self.letters if letter.to == address]
