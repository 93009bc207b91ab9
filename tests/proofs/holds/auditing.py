"""Watch every change of claims from inside the database, and judge afterwards that none was wrong."""

import sqlalchemy as sa

from holdfast.kit.db import Database

_TABLE = """
CREATE TABLE audit_of_claims (
  n bigserial PRIMARY KEY, change text, inventory_id uuid, slot int, old_hold uuid, new_hold uuid,
  old_expires_at timestamptz, at timestamptz DEFAULT clock_timestamp()
)
"""
_FUNCTION = """
CREATE FUNCTION audit_claim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO audit_of_claims (change, inventory_id, slot, old_hold, new_hold, old_expires_at) VALUES (
    TG_OP, coalesce(NEW.inventory_id, OLD.inventory_id), coalesce(NEW.slot, OLD.slot),
    CASE WHEN TG_OP <> 'INSERT' THEN OLD.hold_id END, CASE WHEN TG_OP <> 'DELETE' THEN NEW.hold_id END,
    CASE WHEN TG_OP <> 'INSERT' THEN OLD.expires_at END);
  RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE TRIGGER audit_claim AFTER INSERT OR UPDATE OR DELETE ON claims FOR EACH ROW EXECUTE FUNCTION audit_claim()
"""

#: What must be found nowhere, by name.
QUESTIONS = {
    "a live claim went to another hold": """
        SELECT count(*) FROM audit_of_claims WHERE change = 'UPDATE' AND old_hold <> new_hold
        AND (old_expires_at IS NULL OR old_expires_at > at)""",
    "a slot changed hands without its claim": """
        SELECT count(*) FROM (
          SELECT old_hold, lag(new_hold) OVER (PARTITION BY inventory_id, slot ORDER BY n) AS before
          FROM audit_of_claims
        ) AS chain WHERE old_hold IS DISTINCT FROM before""",
    "a hold has some of its slots only": """
        SELECT count(*) FROM (
          SELECT h.id, sum(jsonb_array_length(i.slots)) AS wanted,
            (SELECT count(DISTINCT a.slot) FROM audit_of_claims AS a WHERE a.new_hold = h.id) AS got
          FROM holds AS h JOIN items AS i ON i.inventory_id = h.inventory_id AND i.hold_id = h.id GROUP BY h.id
        ) AS taken WHERE wanted <> got""",
    "a claim of a hold that is not there": """
        SELECT count(*) FROM audit_of_claims AS a
        WHERE a.new_hold IS NOT NULL AND NOT EXISTS (SELECT FROM holds AS h WHERE h.id = a.new_hold)""",
}


async def watch(database: Database) -> None:
    """From now on every change of claims leaves a row."""
    async with database.transaction() as db:
        for statement in (_TABLE, _FUNCTION, _TRIGGER):
            await db.execute(sa.text(statement))


async def figures(database: Database) -> dict[str, int]:
    """How many changes were seen, and of what kind."""
    async with database.reader() as db:
        rows = await db.all(
            sa.text(
                "SELECT change, count(*) AS many, count(*) FILTER (WHERE old_hold <> new_hold) AS over "
                "FROM audit_of_claims GROUP BY change"
            )
        )
    found = {row.change.lower(): row.many for row in rows}
    return {**found, "taken over": sum(row.over for row in rows)}


async def answers(database: Database) -> dict[str, int]:
    """How often each thing that must not be was found."""
    async with database.reader() as db:
        return {name: await db.scalar(sa.text(statement)) for name, statement in QUESTIONS.items()}
