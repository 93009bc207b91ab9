"""The rows of the table, in its order."""

from bench.rows import holds

ROWS = (*holds.ROWS,)
