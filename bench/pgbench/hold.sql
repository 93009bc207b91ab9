-- One hold as the platform writes it, one a commit: the turn taken, the offer looked at, two places claimed, the hold
-- with its items and price lines, the log and its origin, the outbox. Each its own places, so that nobody is refused.
WITH n AS MATERIALIZED (
  SELECT nextval('bench_hold') AS n
), wanted AS MATERIALIZED (
  SELECT b.id AS inventory_id, (n.n / :spread) * 2 AS place, bench_id() AS hold_id, n.n
  FROM n JOIN bench_inventories b ON b.n = n.n % :spread
), turn AS MATERIALIZED (
  UPDATE inventories i SET seq = i.seq + 1 FROM wanted w
  WHERE i.id = w.inventory_id AND i.state = 'on_sale'
  RETURNING i.id, i.seq, i.product, i.provider_id, i.zone, i.terms, i.currency, i.layout_id, i.starts_at, i.ends_at
), claimed AS (
  INSERT INTO claims (inventory_id, slot, hold_id, kind, expires_at)
  SELECT w.inventory_id, w.place + s.at, w.hold_id, 'sale', now() + interval '15 minutes'
  FROM wanted w, generate_series(0, 1) s(at) ORDER BY 1, 2
  ON CONFLICT (inventory_id, slot) DO UPDATE SET hold_id = excluded.hold_id, expires_at = excluded.expires_at
  WHERE claims.expires_at <= clock_timestamp()
  RETURNING slot
), held AS (
  INSERT INTO holds (inventory_id, id, product, provider_id, owner_id, placed_by, channel, state, key, digest, live_owner,
    first_claimed_at, placed_at, expires_at, starts_at, ends_at, sold_starts_at, zone, terms, description, currency, total)
  SELECT w.inventory_id, w.hold_id, t.product, t.provider_id, u.id, u.id, 'web', 'active', w.hold_id::text,
    md5(w.hold_id::text), u.id, now(), now(), now() + interval '15 minutes', t.starts_at, t.ends_at, t.starts_at, t.zone,
    t.terms, jsonb_build_object('title', 'Aton - Beset', 'from', 'Aton', 'to', 'Beset', 'place', 'B1-1', 'seats',
      jsonb_build_object(w.place::text, 'standard')), t.currency, 30000
  FROM wanted w JOIN turn t ON t.id = w.inventory_id JOIN bench_people u ON u.n = w.n % :people
  WHERE (SELECT count(*) FROM claimed) = 2
  RETURNING inventory_id, id, placed_by, placed_at
), kept AS (
  INSERT INTO items (inventory_id, hold_id, number, place, label, slots, counted_slots, amount)
  SELECT h.inventory_id, h.id, s.at, w.place + s.at, (w.place + s.at)::text, jsonb_build_array(w.place + s.at), '[]', 15000
  FROM held h, wanted w, generate_series(0, 1) s(at)
), priced AS (
  INSERT INTO price_lines (inventory_id, hold_id, position, item_number, kind, label, amount, tax_bps, inclusive)
  SELECT h.inventory_id, h.id, s.at, s.at, 'fare', 'fare', 15000, 0, false FROM held h, generate_series(0, 1) s(at)
), logged AS (
  INSERT INTO activity_logs (id, entity_type, entity_id, actor_kind, user_id, action_type, details, "timestamp")
  SELECT bench_id(), 'hold', h.id, 'user', h.placed_by, 'hold_placed',
    jsonb_build_object('inventory_id', h.inventory_id), h.placed_at FROM held h
), told AS (
  INSERT INTO outbox (id, kind, inventory_id, seq, payload, at)
  SELECT bench_id(), 'inventory.changed', t.id, t.seq, jsonb_build_object('states',
    (SELECT jsonb_agg(jsonb_build_array(c.slot, 'held', now())) FROM claimed c), 'state', 'on_sale', 'layout_id', t.layout_id),
    now() FROM turn t
)
INSERT INTO outbox (id, kind, inventory_id, seq, payload, at)
SELECT bench_id(), 'HoldPlaced', h.inventory_id, t.seq, jsonb_build_object('hold_id', h.id), now()
FROM held h JOIN turn t ON t.id = h.inventory_id;
