"""The load: many keep-alive clients over raw sockets, in a process of their own.

`python -m bench.load` reads a `Job` (pickled) from its input and tells on its output when it begins and ends to
measure, then what came of it. Requests stand ready as bytes before the first is sent, and an answer is read for no
more than its status and its end: the generator must not be what is measured. Its own limit is a row of the bench.
"""

import asyncio
import importlib
import itertools
import pickle
import resource
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

import uvloop

_LENGTH = b"content-length:"
_SAMPLES_MAX = 3
RESERVE = "/api/v1/bus/reservations/create"
_ROOT = Path(__file__).resolve().parents[1]
#: Of a rate that is asked for, how often it is looked what is due.
_TICK = 0.002
#: How long answers to what was sent before the end are waited for.
_DRAIN_SECONDS = 30.0
_FRAME = struct.Struct("!cI")

#: Yields a request, or a word that ends a journey ("done" counts as one), and is sent (status, body) of each answer.
Script: TypeAlias = Generator[bytes | str, tuple[int, bytes], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What to send. Each client sends its next request as soon as it has the answer to the last.

    `requests`: taken in order by whoever is free. `script`: a function of the module `bench.scripts` in their place,
    called once a client with its number and `given`; it is a generator that yields requests and is sent (status, body).
    `rate`: so many requests a second whatever the answers, `clients` being the most that may be open. `repeat`: begin
    again at the end of the requests. `warm`: seconds before measuring begins.
    """

    host: str
    port: int
    requests: Sequence[bytes] = ()
    script: str | None = None
    given: object = None
    clients: int = 64
    warm: float = 0.5
    seconds: float = 5.0
    repeat: bool = False
    rate: float | None = None


@dataclass(slots=True)
class Result:
    """What was answered within the measured time. `latencies`: seconds by status; journeys count as status 0."""

    seconds: float
    latencies: "dict[int, array[float]]"
    #: All that was ever answered, warming included, by status.
    answered: dict[int, int]
    #: Some bodies that were not successes, by status.
    samples: dict[int, list[bytes]]
    processor: float
    sent_late: int = 0
    tallies: dict[str, int] = field(default_factory=dict)
    #: successes (of a script: journeys done) in each second that was measured
    timeline: list[int] = field(default_factory=list)

    def count(self, *statuses: int) -> int:
        return sum(len(self.latencies.get(status, ())) for status in statuses)

    def rate(self, *statuses: int) -> float:
        """Answers a second with one of these statuses."""
        return self.count(*statuses) / self.seconds

    def percentile(self, share: float, *statuses: int) -> float:
        """Milliseconds; 0.0 where nothing was answered."""
        ordered = sorted(itertools.chain.from_iterable(self.latencies.get(status, ()) for status in statuses))
        return 0.0 if not ordered else ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000

    def unexpected(self, *expected: int) -> dict[int, int]:
        return {status: many for status, many in self.answered.items() if status not in expected}


class Running:
    """A process of load, seen from the one that measures."""

    def __init__(self, job: Job) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT
        )
        assert self._process.stdin is not None
        with self._process.stdin as pipe:
            pickle.dump(job, pipe, protocol=pickle.HIGHEST_PROTOCOL)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_begun(self) -> None:
        """Return when it has begun to measure."""
        self._heard(b"B")

    def wait_ended(self) -> None:
        self._heard(b"E")

    def result(self) -> Result:
        found = cast("Result", pickle.loads(self._heard(b"R")))  # noqa: S301 - of a process of ours
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return found

    def _heard(self, wanted: bytes) -> bytes:
        out = self._process.stdout
        assert out is not None
        head = out.read(_FRAME.size)
        assert len(head) == _FRAME.size, "the generator of load has ended"
        kind, length = _FRAME.unpack(head)
        assert kind == wanted
        return out.read(cast("int", length))


def run(job: Job, *, begun: Callable[[], None] = lambda: None, ended: Callable[[], None] = lambda: None) -> Result:
    """Send it all; `begun` and `ended` are called around the measured time, to look at processors."""
    running = Running(job)
    running.wait_begun()
    begun()
    running.wait_ended()
    ended()
    return running.result()


def request(method: str, path: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> bytes:
    """A request as it stands on the wire."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body or method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Tally:
    """What all clients of the process have seen."""

    def __init__(self, job: Job) -> None:
        self.is_measuring = False
        self.latencies: dict[int, array[float]] = {}
        self.answered: dict[int, int] = {}
        self.samples: dict[int, list[bytes]] = {}
        self.tallies: dict[str, int] = {}
        self.timeline: list[int] = []
        self.began = 0.0
        self.is_scripted = job.script is not None
        self.over = asyncio.Event()
        self.sent_late = 0
        #: requests on their way
        self.open = 0
        self._requests: Iterator[bytes] = itertools.cycle(job.requests) if job.repeat else iter(job.requests)

    def next_request(self) -> bytes | None:
        found = next(self._requests, None)
        if found is None:
            self.over.set()
        return found

    def note(self, status: int, seconds: float, body: bytes) -> None:
        self.answered[status] = self.answered.get(status, 0) + 1
        if self.is_measuring:
            kept = self.latencies.get(status)
            if kept is None:
                kept = self.latencies[status] = array("d")
            kept.append(seconds)
            if status == 0 or (status < 400 and not self.is_scripted):
                second = int(time.perf_counter() - self.began)
                while len(self.timeline) <= second:
                    self.timeline.append(0)
                self.timeline[second] += 1
        if status >= 400 and len(self.samples.setdefault(status, [])) < _SAMPLES_MAX:
            self.samples[status].append(body[:300])


class _Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, tally: _Tally, script: "Script | None", idle: "list[_Client] | None") -> None:
        self._tally, self._script, self._idle = tally, script, idle
        self._buffer = b""
        self._began = 0.0
        self._journey = 0.0
        self._is_closed = self._is_asking = False
        self._transport: asyncio.Transport | None = None
        self.connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.connected.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if self._idle is not None and self in self._idle:  # the server was tired of waiting
            self._idle.remove(self)
        if self._is_asking and not self._is_closed:
            self._tally.open -= 1
            self._tally.note(599, 0.0, repr(error).encode())

    def begin(self) -> None:
        self._journey = time.perf_counter()
        first = next(self._script) if self._script is not None else self._tally.next_request()
        if isinstance(first, bytes):
            self.send(first)

    def send(self, what: bytes) -> None:
        self._began = time.perf_counter()
        self._tally.open += 1
        self._is_asking = True
        assert self._transport is not None
        self._transport.write(what)

    def close(self) -> None:
        self._is_closed = True
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        head_ends = data.find(b"\r\n\r\n")
        if head_ends < 0:
            self._buffer = data
            return
        status = int(data[9:12])
        head = data[:head_ends].lower()
        at = head.find(_LENGTH)
        if at >= 0:
            line_ends = head.find(b"\r\n", at)
            length = int(head[at + len(_LENGTH) : line_ends if line_ends >= 0 else len(head)])
            ends = head_ends + 4 + length
            is_whole = len(data) >= ends
        elif b"transfer-encoding: chunked" in head:
            is_whole = data.endswith(b"0\r\n\r\n")
        else:  # 204 and 304 have no body
            is_whole = True
        if not is_whole:
            self._buffer = data
            return
        self._buffer = b""
        self._answered(status, data[head_ends + 4 :])

    def _answered(self, status: int, body: bytes) -> None:
        now = time.perf_counter()
        tally = self._tally
        tally.open -= 1
        self._is_asking = False
        if self._idle is not None:
            tally.note(status, now - self._began, body)
            self._idle.append(self)
            return
        if tally.over.is_set():
            tally.note(status, now - self._began, body)
            return
        if self._script is None:
            tally.note(status, now - self._began, body)
            following = tally.next_request()
        else:
            following = self._next_of_script(status, body, now)
        if following is not None:
            self._began = now
            tally.open += 1
            self._is_asking = True
            assert self._transport is not None
            self._transport.write(following)

    def _next_of_script(self, status: int, body: bytes, now: float) -> bytes | None:
        assert self._script is not None
        self._tally.note(status, now - self._began, body)
        try:
            said: bytes | str | None = self._script.send((status, body))
        except StopIteration:
            self._tally.over.set()
            return None
        if isinstance(said, str):  # a whole journey has come to its end
            self._tally.tallies[said] = self._tally.tallies.get(said, 0) + 1
            if said == "done":
                self._tally.note(0, now - self._journey, b"")
            self._journey = now
            said = next(self._script, None)
            if said is None:
                self._tally.over.set()
        assert said is None or isinstance(said, bytes)
        return said


async def _run(job: Job) -> Result:
    loop = asyncio.get_running_loop()
    tally = _Tally(job)
    idle: list[_Client] | None = [] if job.rate is not None else None
    clients = []
    for number in range(job.clients):
        script = _script(job, number)

        def make(script: Script | None = script) -> _Client:
            return _Client(tally, script, idle)

        _, client = await loop.create_connection(make, job.host, job.port)
        clients.append(client)
    if idle is None:
        for client in clients:
            client.begin()
    else:
        idle.extend(clients)
        paced = asyncio.create_task(_pace(job, tally, idle))
    await _until_over(tally, job.warm)
    used = _processor()
    began = tally.began = time.perf_counter()
    tally.is_measuring = True
    _say(b"B")
    await _until_over(tally, job.seconds)
    tally.is_measuring = False
    lasted = time.perf_counter() - began
    used = _processor() - used
    _say(b"E")
    tally.over.set()
    if idle is not None:
        await paced
    ends = time.perf_counter() + _DRAIN_SECONDS
    while tally.open and time.perf_counter() < ends:  # noqa: ASYNC110 - nothing of it may disturb what comes next
        await asyncio.sleep(_TICK)
    for client in clients:
        client.close()
    return Result(
        seconds=lasted,
        latencies=tally.latencies,
        answered=tally.answered,
        samples=tally.samples,
        processor=used,
        sent_late=tally.sent_late,
        tallies=tally.tallies,
        timeline=tally.timeline,
    )


async def _pace(job: Job, tally: _Tally, idle: list[_Client]) -> None:
    """Send so many a second over whatever connection is free."""
    assert job.rate is not None
    began, sent = time.perf_counter(), 0
    while not tally.over.is_set():
        due = int((time.perf_counter() - began) * job.rate)
        while sent < due:
            sent += 1
            if not idle:
                tally.sent_late += 1
                continue
            following = tally.next_request()
            if following is None:
                return
            idle.pop().send(following)
        await asyncio.sleep(_TICK)


async def _until_over(tally: _Tally, seconds: float) -> None:
    try:
        await asyncio.wait_for(tally.over.wait(), seconds)
    except TimeoutError:
        return


def _script(job: Job, number: int) -> Script | None:
    if job.script is None:
        return None
    scripts = importlib.import_module("bench.scripts")
    return cast("Script", getattr(scripts, job.script)(number, job.given))


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _say(kind: bytes, what: bytes = b"") -> None:
    sys.stdout.buffer.write(_FRAME.pack(kind, len(what)) + what)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    from bench import load  # so that what is pickled is called bench.load.Result

    uvloop.install()
    _say(b"R", pickle.dumps(asyncio.run(load._run(pickle.load(sys.stdin.buffer)))))  # noqa: S301, SLF001 - ours
