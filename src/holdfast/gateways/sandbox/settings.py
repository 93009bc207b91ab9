"""What the sandbox is told when it starts."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SandboxSettings:
    """Durations are seconds. `public_url` is where customers reach it; None takes the address of the request.

    `late_seconds` is how long after a checkout's deadline the late test number captures. `retry_seconds` are the
    delays between attempts at a webhook, the last one again and again, for `retry_total_seconds` in all.
    """

    file: Path
    api_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    public_url: str | None = None
    fee_basis_points: int = 0
    late_seconds: float = 90.0
    refund_seconds: float = 1.0
    retry_seconds: tuple[float, ...] = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0)
    retry_total_seconds: float = 3 * 86_400.0
    delivery_timeout_seconds: float = 10.0
    deliveries_at_once_max: int = 32
    tick_seconds: float = 0.5
