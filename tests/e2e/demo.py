"""`holdfast demo` as a person starts it, in a folder of its own: one server with everything in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.journeys.sites import PASSWORD_COST, RAISED, Dialect, Process, free_port


@dataclass(frozen=True, slots=True)
class Account:
    email: str
    password: str
    role: str


@dataclass(frozen=True, slots=True)
class Demo:
    """Where it is, and who can sign in. `letters`: the folder where e-mails and codes land."""

    url: str
    log: Path
    letters: Path
    accounts: tuple[Account, ...]

    def account(self, role: str) -> Account:
        return next(account for account in self.accounts if account.role == role)


@contextmanager
def open_demo(dialect: Dialect, folder: Path) -> Iterator[Demo]:
    env = {
        "HOLDFAST_DATA_FOLDER": str(folder / "data"),
        "HOLDFAST_BCRYPT_COST": str(PASSWORD_COST),
        "HOLDFAST_HOLDS_PER_USER_AND_MINUTE": str(RAISED),
        "HOLDFAST_SIGN_INS_PER_ACCOUNT": str(RAISED),
        "HOLDFAST_LETTERS_PER_CONTACT": str(RAISED),
        "HOLDFAST_LETTERS_PER_CONTACT_AND_DAY": str(RAISED),
        "HOLDFAST_LETTERS_PER_ADDRESS_AND_HOUR": str(RAISED),
    }
    words = ["demo", "--port", str(free_port())]
    if dialect == "postgresql":
        words += ["--database", "embedded"]
    process = Process(tuple(words), env, folder / "demo.log")
    try:
        process.start()
        said = process.said
        accounts = tuple(Account(each["email"], each["password"], each["role"]) for each in said["accounts"])
        yield Demo(said["url"], process.log, Path(said["letters"]), accounts)
    finally:
        process.stop()
