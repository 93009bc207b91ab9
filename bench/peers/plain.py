"""Our own server without the batch: the same endpoint, the same duties, a transaction of its own for each hold.

The plain path is what the batch is proved equal to (docs/holds.md); here it is what the batch must not be slower than.
"""

from dataclasses import dataclass

from fastapi import FastAPI

from holdfast.app import house
from holdfast.app.main import create_app
from holdfast.app.settings import Settings
from holdfast.kernel import holds
from holdfast.kernel.audit import Actor
from holdfast.kernel.holds import Batcher, Hold, Wish
from holdfast.kernel.inventory import Inventory


@dataclass(slots=True)
class Plain(Batcher):
    """Takes what a batcher takes, and lets nothing ride together."""

    async def place(self, wish: Wish, *, inventory: Inventory, actor: Actor) -> tuple[Hold, bool]:  # noqa: ARG002
        return await self.database.run(lambda db: holds.place(db, wish, actor=actor, clocks=self.clocks))


def _from_environment() -> FastAPI:
    settings = Settings()
    house.speak(settings)
    application = create_app(settings)
    batcher: Batcher = application.state.batcher
    application.state.batcher = Plain(batcher.database, batcher.clocks)
    return application


app = _from_environment()
