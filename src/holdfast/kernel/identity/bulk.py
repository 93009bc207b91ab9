"""Read what a sale must know of many providers and people at once: the statements of a batch."""

from holdfast.kit.bulk import Statement

PLATFORM_FEES = Statement(
    "SELECT providers.id, providers.platform_fee_bps FROM {rows} "
    "JOIN providers ON providers.id = r.id AND providers.deleted_at IS NULL",
    rows={"id": "id"},
    returns={"id": "id", "platform_fee_bps": "int"},
)

ERASED = Statement(
    "SELECT users.id FROM {rows} JOIN users ON users.id = r.id AND users.erased_at IS NOT NULL",
    rows={"id": "id"},
    returns={"id": "id"},
)
