"""A server of watched inventories in this very process, with the hub's clocks as fast as a test wants them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fastapi import FastAPI

from holdfast.kernel.identity import Authenticator
from holdfast.kernel.realtime import Hub, RealtimeSettings
from holdfast.kernel.realtime import api as realtime_api
from holdfast.kit import http
from holdfast.kit.db import Database
from tests.builders_identity import SECRET, SETTINGS
from tests.gateways.sandbox.serving import serving
from tests.toy_product import Room


@dataclass(frozen=True, slots=True)
class Served:
    """Where the sockets are, and what serves them."""

    url: str
    hub: Hub

    def of(self, room: Room) -> str:
        return f"{self.url}/ws/inventories/{room.inventory.id}"


@contextlib.asynccontextmanager
async def served(database: Database, settings: RealtimeSettings) -> AsyncIterator[Served]:
    app = FastAPI()
    http.install(app, database=database, secret=SECRET, authenticate=Authenticator(SETTINGS, database), is_test=True)
    app.state.hub = hub = Hub(database, settings)
    app.state.own_origin, app.state.socket_origins = "http://ours.example", frozenset({"http://ours.example"})
    app.include_router(realtime_api.router)
    async with hub.running(), serving(app) as url:
        yield Served(url.replace("http", "ws", 1), hub)


@dataclass
class Road:
    """A way to a server that can be cut, and mended."""

    host: str
    port: int
    is_open: bool = True
    _travelling: set[asyncio.StreamWriter] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """The port of this end."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            self.cut()

    def cut(self) -> None:
        self.is_open = False
        for writer in self._travelling:
            writer.transport.abort()

    def mend(self) -> None:
        self.is_open = True

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.is_open:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(self.host, self.port)
        self._travelling |= {writer, there_writer}
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
        self._travelling -= {writer, there_writer}


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while read := await reader.read(65_536):
            writer.write(read)
            await writer.drain()
    writer.close()
