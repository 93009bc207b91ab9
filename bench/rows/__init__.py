"""The rows of the table, in its order."""

from bench.rows import holds, journeys, limits, reads

ROWS = (*holds.ROWS, *limits.ROWS, *reads.ROWS, *journeys.ROWS)
