"""A large database, made quickly: rows as sales of years would have left them, written by the database itself."""

from bench.ground import Bench
from bench.site import execute, fetch

_AT_ONCE = 500_000
_PLACES = 50
_ID = "('00000000-0000-7000-{kind}-' || lpad(to_hex({n}), 12, '0'))::uuid"


class History:
    """Grows the tables of one database; what is past is over and archived, what is live is held for a day."""

    def __init__(self, bench: Bench, *, database: str) -> None:
        self._bench = bench
        self._url = bench.site.migrated(database)
        self._database = database
        self._past = self._live = 0

    def grow(self, *, past: int, live: int) -> None:
        """Up to so many past bookings and live claims."""
        bench = self._bench
        if not self._past and not self._live:
            bench.wait(bench.world(self._database).schedules(1))  # what rows are copied from
            (owner,) = bench.callers(1, database=self._database)
            self._owner = owner.id
            (self._pattern,) = bench.wait(fetch(self._url, "SELECT id FROM inventories LIMIT 1"))[0]
        for first in range(self._past, past, _AT_ONCE):
            self._add("past", first, min(first + _AT_ONCE, past))
            bench.say(f"{first:,} of {past:,} past bookings")
        for first in range(self._live, live, _AT_ONCE):
            self._add("live", first, min(first + _AT_ONCE, live))
        self._past, self._live = max(past, self._past), max(live, self._live)
        bench.wait(execute(self._url, "VACUUM ANALYZE"))

    def _add(self, what: str, first: int, last: int) -> None:
        """Rows `first` to `last` (without it), one place each, `_PLACES` of an inventory."""
        is_past = what == "past"
        kind = "8001" if is_past else "8002"
        numbers = f"generate_series({first}::bigint, {last - 1}::bigint) n(n)"
        inventories = f"generate_series({-(-first // _PLACES)}::bigint, {(last - 1) // _PLACES}::bigint) n(n)"
        its_inventory, its_id = _ID.format(kind=kind, n=f"n.n / {_PLACES}"), _ID.format(kind=kind, n="n.n")
        state, over = ("over", "now()") if is_past else ("on_sale", "NULL")
        held = "converted" if is_past else "active"
        expires = "now() - interval '1 year'" if is_past else "now() + interval '1 day'"
        placed, owner = f"{expires} - interval '15 minutes'", self._owner
        offset = 1_000_000_000 if is_past else 2_000_000_000
        statements = [
            "SET session_replication_role = replica",  # foreign keys are not looked up for rows that are made to fit
            f"""INSERT INTO inventories SELECT (jsonb_populate_record(i, jsonb_build_object(
                  'id', {_ID.format(kind=kind, n="n.n")}, 'occurrence_id', {_ID.format(kind=kind, n="n.n")},
                  'serial', {offset} + n.n, 'state', '{state}', 'archived_at', {over}, 'emptied_at', {over}))).*
                FROM {inventories}, inventories i WHERE i.id = '{self._pattern}'""",
            f"""INSERT INTO holds (
                  inventory_id, id, product, provider_id, owner_id, placed_by, channel, state, key, digest,
                  first_claimed_at, placed_at, expires_at, paid_at, starts_at, ends_at, sold_starts_at, zone, terms,
                  description, currency, total)
                SELECT {its_inventory}, {its_id}, 'bus', '{owner}', '{owner}', '{owner}', 'web', '{held}',
                  n.n::text, md5(n.n::text), {placed}, {placed}, {expires}, {"now()" if is_past else "NULL"},
                  {expires}, {expires}, {expires}, 'Africa/Cairo', '{{}}', '{{}}', 'EGP', 15000
                FROM {numbers}""",
            f"""INSERT INTO items (inventory_id, hold_id, number, place, label, slots, counted_slots, amount)
                SELECT {its_inventory}, {its_id}, 0, n.n % {_PLACES}, (n.n % {_PLACES})::text,
                  jsonb_build_array(n.n % {_PLACES}), '[]', 15000 FROM {numbers}""",
            f"""INSERT INTO price_lines
                  (inventory_id, hold_id, position, item_number, kind, label, amount, tax_bps, inclusive)
                SELECT {its_inventory}, {its_id}, 0, 0, 'fare', 'fare', 15000, 0, false FROM {numbers}""",
            f"""INSERT INTO activity_logs
                  (id, entity_type, entity_id, actor_kind, user_id, action_type, details, "timestamp")
                SELECT {its_id}, 'hold', {its_id}, 'user', '{owner}', 'hold_placed', '{{}}', {expires}
                FROM {numbers}""",
        ]
        if is_past:
            statements.append(
                f"""INSERT INTO bookings (
                      inventory_id, id, hold_id, product, provider_id, owner_id, reference, state, total, currency,
                      expires_at, created_at, confirmed_at, updated_at)
                    SELECT {its_inventory}, {its_id}, {its_id}, 'bus', '{owner}', '{owner}',
                      lpad(to_hex(n.n), 12, '0'), 'completed', 15000, 'EGP', {expires}, {expires}, {expires}, {expires}
                    FROM {numbers}"""
            )
        else:
            statements.append(
                f"""INSERT INTO claims (inventory_id, slot, hold_id, kind, expires_at)
                    SELECT {its_inventory}, n.n % {_PLACES}, {its_id}, 'sale', {expires} FROM {numbers}"""
            )
        self._bench.wait(execute(self._url, *statements))
