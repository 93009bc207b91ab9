"""The rows of the table, in its order."""

from bench.rows import choosing, costs, holds, journeys, lasting, limits, reads, sockets

ROWS = (
    *holds.ROWS,
    *choosing.ROWS,
    *limits.ROWS,
    *reads.ROWS,
    *journeys.ROWS,
    *sockets.ROWS,
    *lasting.ROWS,
    *costs.ROWS,
)
