"""holdfast serve, holdfast worker: what runs until it is told to stop."""

import asyncio
import contextlib
import signal
from typing import Annotated

import typer

from holdfast.app import health, serving, worker
from holdfast.app.cli.opening import environment, opened, settings_for, work
from holdfast.app.cli.screen import DatabaseUrl, Json, Screen
from holdfast.app.house import House
from holdfast.app.main import create_app, create_worker_app
from holdfast.app.settings import Settings


def add_to(app: typer.Typer) -> None:
    app.command()(serve)
    app.command("worker")(run_worker)


def serve(
    *,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Server processes that share the port.")] = 1,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
    with_worker: Annotated[
        bool, typer.Option("--with-worker/--no-worker", help="Also do the jobs, in each server process.")
    ] = True,
    database: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Serve the API until interrupted, on a database that was migrated."""
    screen = Screen(is_json=json)
    said = {"host": host, "port": port, "with_worker": with_worker}
    with settings_for(database, said, is_chatty=True) as asked:
        asked.check()
        work(asked, _check_ready)
        listeners = serving.listen(asked.host, asked.port, times=workers)
        environment({"port": listeners[0].getsockname()[1]})  # the one we got, where 0 asked for any
        settings = Settings()

        def ready() -> None:
            screen.say(
                f"Holdfast serves at {settings.origin} ({workers} process{'es' if workers > 1 else ''})",
                value={"url": settings.origin, "host": settings.host, "port": settings.port, "processes": workers},
            )

        if workers == 1:
            serving.serve_here(create_app(settings), listeners[0], ready=ready)
        else:
            serving.serve_in_processes(listeners, ready=ready)


def run_worker(*, database: DatabaseUrl = None, json: Json = False) -> None:
    """Do the jobs, sweep and reconcile until interrupted; run as many as you like."""
    screen = Screen(is_json=json)
    with settings_for(database, is_chatty=True) as settings:
        settings.check()
        asyncio.run(_work(settings, screen))


async def _work(settings: Settings, screen: Screen) -> None:
    async with opened(settings) as house:
        await _check_ready(house)
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with contextlib.AsyncExitStack() as stack:
            value: dict[str, object] = {"working": True}
            if settings.worker_port is not None:
                (listener,) = serving.listen(settings.host, settings.worker_port)
                await stack.enter_async_context(serving.served(create_worker_app(house), listener))
                value["port"] = listener.getsockname()[1]
            screen.say("The worker is at work", value=value)
            await worker.run(house, stop)


async def _check_ready(house: House) -> None:
    await health.check_ready(house.database)
