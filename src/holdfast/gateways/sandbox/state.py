"""What every request of one sandbox shares."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from holdfast.gateways.sandbox.courier import Courier
from holdfast.gateways.sandbox.settings import SandboxSettings
from holdfast.gateways.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One running sandbox."""

    settings: SandboxSettings
    store: Store
    courier: Courier


def _sandbox(request: Request) -> Sandbox:
    sandbox = request.app.state.sandbox
    assert isinstance(sandbox, Sandbox)
    return sandbox


Here = Annotated[Sandbox, Depends(_sandbox)]
