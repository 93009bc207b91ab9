"""The whole way: hold, checkout, the gateway's webhook, the confirmed booking with its ticket."""

from dataclasses import dataclass

from bench.ground import Bench, Outcome, Row, line, peer_reserve, reserve, wrong_of
from bench.measure import Measured
from bench.peers import orm_world
from bench.scripts import Journeys
from bench.site import Process
from holdfast.app.settings import KNOWN_SANDBOX_SECRET

#: More than either side can play in a measurement, by client.
_A_SECOND = 40
#: Before it is measured: gateways are connected to, and schedules looked at for the first time.
_WARM_SECONDS = 2.0
#: In less, only the beginnings of journeys are seen.
_SECONDS_MIN = 3.0


@dataclass
class Ours:
    bench: Bench
    server: Process

    def __call__(self) -> Measured:
        bench = self.bench
        world, clients = bench.world(), bench.scale.clients
        callers = bench.callers(max(bench.scale.callers, clients * 2))
        seconds = max(bench.scale.seconds, _SECONDS_MIN)
        each = int((seconds + _WARM_SECONDS) * _A_SECOND)
        places = 48
        wanted = -(-each * clients // places)
        schedules = bench.wait(world.schedules(wanted))
        spots = [(schedule, place) for place in range(places) for schedule in schedules]
        holds: list[list[bytes]] = [[] for _ in range(clients)]
        tokens: list[list[str]] = [[] for _ in range(clients)]
        lookers = callers[-7:]
        buyers = callers[:-7]
        for number, (schedule, place) in enumerate(spots):
            caller = buyers[(number % len(schedules) + place) % len(buyers)]  # nobody twice on one schedule
            client = number % clients
            holds[client].append(reserve(caller, schedule, [place]))
            tokens[client].append(caller.token)
        given = Journeys(holds, tokens, KNOWN_SANDBOX_SECRET)
        looks = [reserve(lookers[number % 7], schedule, [places]) for number, schedule in enumerate(schedules)]
        bench.under_load(self.server, bench.job(self.server, looks, seconds=120.0, warm=0.0), good=[201])
        job = bench.job(self.server, script="our_journey", given=given, seconds=seconds, warm=_WARM_SECONDS)
        return bench.under_load(self.server, job, good=[200, 201])


@dataclass
class Theirs:
    bench: Bench
    server: Process

    def __call__(self) -> Measured:
        bench, clients = self.bench, self.bench.scale.clients
        callers = bench.peer_callers()
        seconds = max(bench.scale.seconds, _SECONDS_MIN)
        each = int((seconds + _WARM_SECONDS) * _A_SECOND / 4)
        labels = [f"{row}{letter}" for row in range(1, 13) for letter in "ABCD"]
        wanted = -(-each * clients // len(labels))
        made = bench.wait(orm_world.occurrences(bench.peer_database(), wanted, seats=labels))
        holds: list[list[bytes]] = [[] for _ in range(clients)]
        tokens: list[list[str]] = [[] for _ in range(clients)]
        spots = [(occurrence, label) for label in labels for occurrence in made]
        for number, (occurrence, label) in enumerate(spots):
            caller = callers[(number * 7) % len(callers)]
            holds[number % clients].append(peer_reserve(caller, occurrence, [label]))
            tokens[number % clients].append(caller.token)
        given = Journeys(holds, tokens, "")
        job = bench.job(self.server, script="peer_journey", given=given, seconds=seconds, warm=_WARM_SECONDS)
        return bench.under_load(self.server, job, good=[200, 201])


def journey(bench: Bench) -> Outcome:
    gateway = bench.peer("bench.peers.gateway:app").url
    ours = Ours(bench, bench.ours(sandbox_url=gateway))
    theirs = Theirs(bench, bench.peer("bench.peers.orm:app", database="peer", PEER_GATEWAY=gateway))
    one, other = bench.in_turns(ours, theirs)
    wrong = [*wrong_of("ours", one), *wrong_of("ORM peer", other), *bench.oversold(), *bench.peer_oversold()]
    return Outcome(
        ours=one.rate,
        theirs=other.rate,
        ratio=one.rate / max(other.rate, 1e-9),
        lines=[line("ours", one), line("ORM peer", other)],
        wrong=wrong,
    )


ROWS = (
    Row("journey", "hold, checkout, webhook, booking with ticket, against the ORM peer", "journeys/s", 5, 10, journey),
)
