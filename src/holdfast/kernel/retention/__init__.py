"""Keep nothing longer than needed: archive what is over, drop what is old, hand people what is theirs, erase them."""

from holdfast.kernel.retention.erasing import blank, unfinished_business
from holdfast.kernel.retention.export import PERSONAL_DATA
from holdfast.kernel.retention.page import described
from holdfast.kernel.retention.table import KEPT
from holdfast.kernel.retention.tasks import ARCHIVED_AFTER, Archived, archive, tidy, to_archive, wind_up

__all__ = [
    "ARCHIVED_AFTER",
    "KEPT",
    "PERSONAL_DATA",
    "Archived",
    "archive",
    "blank",
    "described",
    "tidy",
    "to_archive",
    "unfinished_business",
    "wind_up",
]
