"""What must never be found in the activity log (spec, the safety contract, line 8).

That each state has its row is looked for by the feature that has the state.
"""

from holdfast.kit import checks

CHECKS = checks.append_only_stands("activity_logs", line=8)
