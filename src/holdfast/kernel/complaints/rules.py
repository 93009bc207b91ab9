"""How a complaint goes on: open, in review, closed; back only from closed to review, when it is taken up again."""

from collections.abc import Mapping
from types import MappingProxyType

from holdfast.kernel.complaints.values import ComplaintStepRefused, NoteNeeded, State

#: Who reads a complaint takes it into review; only what was reviewed is closed. Closed too early, it is reviewed again.
STEPS: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        "open": frozenset({"in_review"}),
        "in_review": frozenset({"closed"}),
        "closed": frozenset({"in_review"}),
    }
)


def check_step(present: State, wanted: State, *, note: str | None) -> None:
    """ComplaintStepRefused, also for a step to where it is already; NoteNeeded where it is closed without a word."""
    if wanted not in STEPS[present]:
        raise ComplaintStepRefused(present, wanted)
    if wanted == "closed" and not note:
        raise NoteNeeded


def check_note(present: State, wanted: State | None) -> None:
    """A note is written before it is closed, or with a step; what a closed one told stays. ComplaintStepRefused."""
    if wanted is None and present == "closed":
        raise ComplaintStepRefused(present, present)
