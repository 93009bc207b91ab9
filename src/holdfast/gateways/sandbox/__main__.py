"""Run the sandbox in a process of its own: `python -m holdfast.gateways.sandbox --file books.sqlite3`.

Prints `sandbox ready at http://127.0.0.1:<port>` once it answers. Secrets come from the environment
(HOLDFAST_SANDBOX_API_KEY, HOLDFAST_SANDBOX_WEBHOOK_SECRET) or from options; the options show in process lists.
"""

import argparse
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn
from typing_extensions import override

from holdfast.gateways.sandbox.app import create_sandbox
from holdfast.gateways.sandbox.settings import SandboxSettings

_STOP_SECONDS = 2


class _Announcing(uvicorn.Server):
    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"sandbox ready at http://{host}:{port}", flush=True)  # noqa: T201 - what its starter waits for


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted; 0, or 2 where a secret is missing or the port is taken."""
    options = _parser().parse_args(arguments)
    if not options.secret or not options.key:
        _parser().error("name both secrets, in the environment or by --secret and --key")
    settings = SandboxSettings(
        file=options.file,
        api_key=options.key,
        webhook_secret=options.secret,
        public_url=options.public_url,
        fee_basis_points=options.fee_basis_points,
        late_seconds=options.late_seconds,
        refund_seconds=options.refund_seconds,
    )
    config = uvicorn.Config(
        create_sandbox(settings), log_level="warning", timeout_graceful_shutdown=_STOP_SECONDS, lifespan="on"
    )
    # Named as TCP, or asyncio leaves Nagle's delay on, and every answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
        except OSError as error:
            _parser().error(f"cannot listen on {options.host}:{options.port}: {error.strerror}")
        _Announcing(config).run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m holdfast.gateways.sandbox", description="The sandbox gateway.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--file", type=Path, required=True, help="its books, an SQLite file")
    parser.add_argument("--key", default=os.environ.get("HOLDFAST_SANDBOX_API_KEY"), help="what shops call it with")
    parser.add_argument(
        "--secret", default=os.environ.get("HOLDFAST_SANDBOX_WEBHOOK_SECRET"), help="what it signs webhooks with"
    )
    parser.add_argument("--public-url", help="where customers reach it, if not at its own address")
    parser.add_argument("--fee-basis-points", type=int, default=0)
    parser.add_argument("--late-seconds", type=float, default=90.0)
    parser.add_argument("--refund-seconds", type=float, default=1.0)
    return parser


if __name__ == "__main__":
    sys.exit(main())
