"""Books that balance by construction, and that nobody rewrites (spec, money; the safety contract, line 7)."""

from random import Random

import pytest
import sqlalchemy as sa

from holdfast.kernel import ledger
from holdfast.kernel.ledger import Account, Transfer
from holdfast.kit import clock
from holdfast.kit.db import Database
from holdfast.kit.ids import new_id

BANK = Account("bank")


def provider() -> Account:
    return Account("provider_pending", str(new_id()))


async def post(database: Database, *transfers: Transfer, currency: str = "EGP", cause: object = None) -> None:
    async with database.transaction() as db:
        await ledger.post(
            db,
            cause_kind="test",
            cause_id=cause or new_id(),  # type: ignore[arg-type]
            transfers=transfers,
            currency=currency,
            now=await clock.moment(db),
        )


async def balances(database: Database, account: Account) -> dict[str, int]:
    async with database.reader() as db:
        found = await ledger.balances(db, kind=account.kind, holder=account.holder)
    return {each.currency: each.minor for each in found}


async def test_a_transfer_debits_one_account_and_credits_another(database: Database) -> None:
    one, other = provider(), provider()

    await post(database, Transfer("a", debit=one, credit=other, amount=700))
    await post(database, Transfer("a", debit=other, credit=one, amount=200))

    assert (await balances(database, one), await balances(database, other)) == ({"EGP": 500}, {"EGP": -500})


async def test_currencies_never_meet(database: Database) -> None:
    one = provider()

    await post(database, Transfer("a", debit=one, credit=BANK, amount=700))
    await post(database, Transfer("a", debit=one, credit=BANK, amount=5), currency="USD")

    assert await balances(database, one) == {"EGP": 700, "USD": 5}


async def test_a_cause_posts_each_step_once(database: Database) -> None:
    one, cause = provider(), new_id()
    step = Transfer("a", debit=one, credit=BANK, amount=700)
    await post(database, step, cause=cause)

    with pytest.raises(sa.exc.IntegrityError):
        await post(database, step, cause=cause)
    await post(database, Transfer("b", debit=one, credit=BANK, amount=1), cause=cause)

    async with database.reader() as db:
        assert await ledger.posted(db, cause_kind="test", cause_id=cause) == [("a", 700), ("b", 1)]


async def test_nothing_is_not_posted(database: Database) -> None:
    one = provider()

    await post(database, Transfer("a", debit=one, credit=BANK, amount=0))

    assert await balances(database, one) == {}


@pytest.mark.parametrize("table", ["ledger_entries", "ledger_accounts"])
@pytest.mark.parametrize("statement", ["UPDATE {table} SET currency = currency", "DELETE FROM {table}"])
async def test_the_database_refuses_to_change_or_delete_what_was_posted(
    database: Database, table: str, statement: str
) -> None:
    await post(database, Transfer("a", debit=provider(), credit=BANK, amount=1))

    async def rewrite() -> None:
        async with database.transaction() as db:
            await db.execute(sa.text(statement.format(table=table)))

    with pytest.raises(sa.exc.IntegrityError, match="never changed or deleted"):
        await rewrite()


@pytest.mark.parametrize("breach", ["amount = 0", "amount = -1", "credit = debit", "currency = 'USD'"])
async def test_the_database_refuses_an_entry_that_is_no_transfer(database: Database, breach: str) -> None:
    one, cause = provider(), new_id()
    await post(database, Transfer("a", debit=one, credit=BANK, amount=7), cause=cause)
    amount = {"amount = 0": "0", "amount = -1": "-1"}.get(breach, "amount")
    credit = "debit_account" if breach == "credit = debit" else "credit_account"
    currency = "'USD'" if breach.startswith("currency") else "currency"
    statement = sa.text(
        "INSERT INTO ledger_entries (id, journal, debit_account, credit_account, amount, currency, cause_kind,"
        f" cause_id, step, posted_at) SELECT :id, journal, debit_account, {credit}, {amount}, {currency}, cause_kind,"
        " cause_id, 'b', posted_at FROM ledger_entries WHERE cause_id = :cause"
    ).bindparams(sa.bindparam("id", new_id(), sa.Uuid), sa.bindparam("cause", cause, sa.Uuid))

    async def insert() -> None:
        async with database.transaction() as db:
            await db.execute(statement)

    with pytest.raises(sa.exc.IntegrityError):
        await insert()


@pytest.mark.parametrize("seed", range(4))
async def test_all_balances_add_up_to_nothing(database: Database, seed: int) -> None:
    random = Random(seed)
    moves = [(random.randrange(4), random.randrange(4), random.randrange(10**12)) for _ in range(12)]
    accounts = [provider() for _ in range(4)]

    await post(
        database,
        *(
            Transfer(f"s{number}", debit=accounts[debit], credit=accounts[credit], amount=amount)
            for number, (debit, credit, amount) in enumerate(moves)
            if debit != credit
        ),
    )

    assert sum([sum((await balances(database, account)).values()) for account in accounts]) == 0
