"""Name the guards against races, so that a test can leave one out and show that the race is real.

`HOLDFAST_TEST_WITHOUT=turn,sorted` leaves guards out in environment test; production refuses to start with it.
"""

from dataclasses import dataclass, field

NAMES = frozenset(
    {
        "turn",  # lock the inventory's row before anything of it is read
        "exclusive_turn",  # a batch shares its turn with nobody (its changes are not numbered then, nor told in order)
        "sorted",  # lock and write in sorted order
        "state_recheck",  # a conditional write checks the state that was read
        "seq",  # a batch's change is numbered one past the number that was read (the index of it dropped by the test)
        "key",  # the same request with the same key has one effect
        "pk",  # the primary key of claims (dropped by the test in its own database)
    }
)


@dataclass(frozen=True, slots=True)
class Guards:
    """Which guards stand; all of them unless a test says otherwise."""

    without: frozenset[str] = field(default=frozenset())

    def __post_init__(self) -> None:
        unknown = self.without - NAMES
        assert not unknown, f"no such guard: {sorted(unknown)}"

    def stands(self, name: str) -> bool:
        assert name in NAMES
        return name not in self.without
