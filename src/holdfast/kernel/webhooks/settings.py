"""What the composition root tells this feature."""

from dataclasses import dataclass, field

from holdfast.kit.outgoing import Calls

ENDPOINTS_PER_PROVIDER_MAX = 10


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """`secrets`: the platform's, which seal what endpoints are signed with; the first seals, all open."""

    secrets: tuple[str, ...]
    endpoints_max: int = ENDPOINTS_PER_PROVIDER_MAX
    calls: Calls = field(default_factory=Calls)
