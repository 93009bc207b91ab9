"""Hear what people are not content with, and answer."""

from holdfast.kernel.complaints.actions import blank, change, open_complaint
from holdfast.kernel.complaints.checks import CHECKS
from holdfast.kernel.complaints.queries import find, of_user
from holdfast.kernel.complaints.values import (
    CATEGORIES,
    STATES,
    Category,
    Complaint,
    ComplaintBlanked,
    ComplaintClosed,
    ComplaintNotFound,
    ComplaintOpened,
    ComplaintStepRefused,
    NewComplaint,
    NoteNeeded,
    State,
    TooManyComplaints,
)

__all__ = [
    "CATEGORIES",
    "CHECKS",
    "STATES",
    "Category",
    "Complaint",
    "ComplaintBlanked",
    "ComplaintClosed",
    "ComplaintNotFound",
    "ComplaintOpened",
    "ComplaintStepRefused",
    "NewComplaint",
    "NoteNeeded",
    "State",
    "TooManyComplaints",
    "blank",
    "change",
    "find",
    "of_user",
    "open_complaint",
]
