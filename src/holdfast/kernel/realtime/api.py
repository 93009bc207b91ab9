"""The socket of any inventory, `/ws/inventories/{inventory_id}`, with and without the API base path; and `reading`."""

from fastapi import WebSocket

from holdfast.kernel import inventory
from holdfast.kernel.inventory import InventoryNotFound
from holdfast.kernel.realtime import reads
from holdfast.kernel.realtime.sockets import attend, watching
from holdfast.kernel.realtime.values import Channel
from holdfast.kit.http import Router, path_id

router = Router(tags=["realtime"])
reading = reads.router


@router.websocket("/ws/inventories/{inventory_id}")
@watching
async def watch_inventory(websocket: WebSocket) -> None:
    """Every place as free, held, sold or blocked."""

    async def find() -> Channel:
        inventory_id = path_id(websocket, "inventory_id")
        async with websocket.app.state.database.reader() as db:
            found = await inventory.find(db, inventory_id)
        if found.state == "draft":
            raise InventoryNotFound
        return Channel(inventory_id)

    await attend(websocket, find)
