-- A page of the search as the database answers it: what leaves one city on a day and reaches the other, with what is
-- taken of each, in one grouped scan.
\set day random(0, :days - 1)
WITH found AS MATERIALIZED (
  SELECT s.id, s.base_price, s.departs_at, s.arrives_at, b.position AS board, a.position AS alight
  FROM bus_stop_keys b
  JOIN bus_stop_keys a ON a.schedule_id = b.schedule_id AND a.position > b.position
  JOIN bus_schedules s ON s.id = b.schedule_id
  JOIN bus_buses v ON v.id = s.bus_id
  JOIN bus_routes r ON r.id = s.route_id
  WHERE b.key = :origin AND a.key = :destination
    AND b.at >= :first::timestamptz + :day * interval '1 day'
    AND b.at < :first::timestamptz + (:day + 1) * interval '1 day'
    AND b.at > now() AND s.status IN ('scheduled', 'in_transit') AND s.deleted_at IS NULL
  ORDER BY b.at, s.id LIMIT 20
)
SELECT f.*, i.state, i.version, i.prices, i.capacity, coalesce(t.taken, 0) AS taken
FROM found f JOIN inventories i ON i.id = f.id
LEFT JOIN (
  SELECT c.inventory_id, count(*) AS taken FROM claims c
  WHERE c.inventory_id IN (SELECT id FROM found) AND (c.expires_at IS NULL OR c.expires_at > now())
  GROUP BY 1
) t ON t.inventory_id = f.id
ORDER BY f.departs_at, f.id;
