"""What processes have used of the processors, from /proc."""

import os
import resource
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor: of the server's Python, of PostgreSQL with all its background, of the load."""

    python: float
    postgres: float = 0.0
    load: float = 0.0


def of(pids: Iterable[int]) -> float:
    """User and system time of these processes and of their living children (server processes of one parent)."""
    return sum(sum(_times(each)[:2]) for pid in pids for each in (pid, *_children(pid)))


def of_postgres(pid: int) -> float:
    """The same of a PostgreSQL: its postmaster, every process below it, and those that have ended."""
    return sum(_times(pid)) + sum(sum(_times(each)[:2]) for each in _children(pid))


def of_ended() -> float:
    """Of all processes that this one has started and that have ended: pgbench."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def memory_of(pids: Iterable[int]) -> float:
    """Megabytes that they hold in memory (RSS), children included."""
    pages = 0
    for pid in pids:
        for each in (pid, *_children(pid)):
            try:
                pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
            except OSError:
                continue
    return pages * _PAGE / 1_000_000


def _times(pid: int) -> tuple[float, float, float, float]:
    """User, system, and the same of children that were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except OSError:
        return 0.0, 0.0, 0.0, 0.0
    own, system, of_children, system_of_children = (int(field) / _TICKS for field in fields[11:15])
    return own, system, of_children, system_of_children


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
