"""The embedded gateway: a payment service of its own with its own books, for demo and tests; absent in production.

The platform speaks to it by HTTP alone, through `sandbox.adapter.SandboxGateway`, which stands apart: the service knows
nothing of the platform's kernel. It is served by `create_sandbox`, mounted under a prefix (then its host enters
`running`) or in a process of its own: `python -m holdfast.gateways.sandbox`.
"""

from holdfast.gateways.sandbox.app import create_sandbox, running
from holdfast.gateways.sandbox.settings import SandboxSettings
from holdfast.gateways.sandbox.signatures import SIGNATURE_HEADER, sign

__all__ = ["SIGNATURE_HEADER", "SandboxSettings", "create_sandbox", "running", "sign"]
