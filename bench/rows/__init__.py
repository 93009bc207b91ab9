"""The rows of the table, in its order."""

from bench.rows import costs, holds, journeys, lasting, limits, reads

ROWS = (*holds.ROWS, *limits.ROWS, *reads.ROWS, *journeys.ROWS, *lasting.ROWS, *costs.ROWS)
