"""Say what a period brought: from the books, from what was sold, from what there was to sell; and hand it all out."""

from holdfast.kernel.reports.building import finance, occupancy, sales
from holdfast.kernel.reports.exporting import EXPORTS, KEPT_BACK
from holdfast.kernel.reports.values import Period, PeriodTooLong

__all__ = ["EXPORTS", "KEPT_BACK", "Period", "PeriodTooLong", "finance", "occupancy", "sales"]
