"""Hear what people are not content with, and answer."""

from holdfast.kernel.complaints.actions import blank, change, open_complaint
from holdfast.kernel.complaints.checks import CHECKS
from holdfast.kernel.complaints.queries import ORDER, ComplaintFilter, as_complaint, find, listing, of_user
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
    "ORDER",
    "STATES",
    "Category",
    "Complaint",
    "ComplaintBlanked",
    "ComplaintClosed",
    "ComplaintFilter",
    "ComplaintNotFound",
    "ComplaintOpened",
    "ComplaintStepRefused",
    "NewComplaint",
    "NoteNeeded",
    "State",
    "TooManyComplaints",
    "as_complaint",
    "blank",
    "change",
    "find",
    "listing",
    "of_user",
    "open_complaint",
]
