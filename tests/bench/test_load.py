"""The load generator against a server that is as small as can be, and what it tells of it."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from bench import load
from bench.load import Job
from bench.measure import Measured, in_turns

PARTS = (b"HTTP/1.1 201 Created\r\nContent-Le", b"ngth: 5\r\n\r\nhel", b"lo")
NOTHING = b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


class Small:
    """Answers by what is asked for: in pieces, without a body, in chunks, or not at once."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.seen: list[bytes] = []
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._is_up.wait(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _run(self) -> None:
        server = self.loop.run_until_complete(asyncio.start_server(self._answer, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        self.loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0.05))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length")), 0)
                body = await reader.readexactly(length)
                self.seen.append(head + body)
                for part in self._parts(head):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    def _parts(self, head: bytes) -> tuple[bytes, ...]:
        if b"/nothing" in head:
            return (NOTHING,)
        if b"/chunked" in head:
            return (CHUNKED,)
        if b"/refused" in head:
            return (b"HTTP/1.1 409 Conflict\r\ncontent-length: 4\r\n\r\nnope",)
        return PARTS


@pytest.fixture
def small() -> Iterator[Small]:
    server = Small()
    server.start()
    yield server
    server.stop()


def test_every_request_is_sent_once_and_its_answer_counted_by_status(small: Small) -> None:
    requests = [load.request("POST", f"/hold/{number}", body=b"{}") for number in range(40)]
    requests += [load.request("GET", f"/{what}") for what in ("nothing", "chunked", "refused")]

    result = load.run(Job("127.0.0.1", small.port, requests, clients=4, warm=0.0, seconds=20.0))

    assert result.answered == {201: 40, 304: 1, 200: 1, 409: 1}
    assert result.samples == {409: [b"nope"]}
    assert result.unexpected(201, 200, 304) == {409: 1}
    assert len({seen.split(b" ")[1] for seen in small.seen}) == 43
    assert result.count(201) == len(result.latencies[201]) > 0
    assert 0 < result.percentile(0.5, 201) <= result.percentile(0.99, 201)


def test_a_rate_is_kept_whatever_the_answers(small: Small) -> None:
    requests = [load.request("GET", f"/{number}") for number in range(2_000)]

    result = load.run(Job("127.0.0.1", small.port, requests, clients=20, warm=0.2, seconds=1.5, rate=100.0))

    assert 60 <= result.rate(201) <= 130
    assert result.timeline


def test_sides_take_turns_and_the_middle_of_each_counts() -> None:
    asked: list[str] = []
    rates = iter([10.0, 1.0, 30.0, 3.0, 20.0, 2.0])

    def side(name: str) -> Measured:
        asked.append(name)
        return Measured(rate=next(rates), p50=1.0, p99=2.0)

    ours, theirs = in_turns(3, lambda: side("a"), lambda: side("b"))

    assert asked == ["a", "b", "a", "b", "a", "b"]
    assert (ours.rate, theirs.rate) == (20.0, 2.0)
