"""Everything on one machine without any configuration: secrets, database, world, accounts, sandbox, worker, server.

Started again it keeps its data and tops up what has passed.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.app import seed
from holdfast.app.house import House
from holdfast.app.seed import DemoAccount, Seeded

SECRETS_FILE = "secrets.json"
_SQLITE_ENDINGS = ("", "-wal", "-shm")
_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class World:
    """What a person who tries it wants to know."""

    seeded: Seeded
    accounts: list[DemoAccount]


def secrets_of(folder: Path) -> Mapping[str, str]:
    """The secrets of this demo as settings, made once; only their owner reads the file."""
    path = folder / SECRETS_FILE
    if not path.exists():
        made = {
            "secret": secrets.token_urlsafe(_SECRET_BYTES),
            "sandbox_api_key": secrets.token_urlsafe(_SECRET_BYTES),
            "sandbox_webhook_secrets": secrets.token_urlsafe(_SECRET_BYTES),
        }
        draft = path.with_suffix(".part")
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(made, file, indent=2)
        draft.replace(path)
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def forget(folder: Path) -> None:
    """Start over: drop the files of a demo before (an embedded PostgreSQL's database is dropped where it is opened)."""
    for name in ("holdfast.sqlite3", "sandbox.sqlite3"):
        for ending in _SQLITE_ENDINGS:
            (folder / f"{name}{ending}").unlink(missing_ok=True)
    shutil.rmtree(folder / "letters", ignore_errors=True)


async def furnish(house: House, *, told: Callable[[str], None]) -> World:
    """The world of each product and one account a role, as far as they are missing."""
    seeded = await seed.load(house, told=told)
    accounts = await seed.accounts(house)
    told("accounts")
    return World(seeded, accounts)
