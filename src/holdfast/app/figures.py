"""/metrics: what this process counted, and what the database says at the moment, for Prometheus.

Who may read it: whoever sends HOLDFAST_METRICS_TOKEN, or calls from one of HOLDFAST_METRICS_NETWORKS. Where neither is
set, everybody, but nobody in production: there it is as if it were not there. The path takes no account: a token of
Prometheus's is none of ours, so it stands outside of the edge that reads those.
"""

import asyncio
import hmac
import platform
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address

from fastapi import APIRouter, Request, Response
from prometheus_client.core import GaugeMetricFamily
from starlette.exceptions import HTTPException

import holdfast
from holdfast.app.house import House
from holdfast.app.settings import Settings
from holdfast.kernel import holds
from holdfast.kit import beats, clock, jobs, metrics, outbox
from holdfast.kit.db import Database
from holdfast.kit.errors import Error, Unauthenticated
from holdfast.kit.headers import networks

PATH = "/metrics"
_PATIENCE_SECONDS = 5

router = APIRouter(include_in_schema=False)


@router.get(PATH)
async def show_metrics(request: Request) -> Response:
    """What Prometheus scrapes; the figures of the database are left out while it is away."""
    request.state.route_template = PATH
    house: House = request.app.state.house
    _check_reader(request, house.settings)
    looked_up = await _look_up(house.database)
    content = await asyncio.to_thread(metrics.exposition, [_build(house.database), *looked_up])
    return Response(content, headers={"Content-Type": metrics.CONTENT_TYPE})


def _check_reader(request: Request, settings: Settings) -> None:
    token, among = settings.metrics_token, networks(settings.metrics_networks)
    if token is None and not among:
        if settings.environment == "production":
            raise HTTPException(404)
        return
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if (
        token is not None
        and scheme.lower() == "bearer"
        and hmac.compare_digest(sent.encode(), token.get_secret_value().encode())
    ):
        return
    address = request.state.address
    if address is not None and any(ip_address(address) in network for network in among):
        return
    raise Unauthenticated


async def _look_up(database: Database) -> list[GaugeMetricFamily]:
    """The same whichever process is asked: take the maximum over them, not the sum."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), database.reader() as db:
            now = await clock.moment(db)
            waiting = await jobs.backlog(db, now=now)
            facts, oldest_fact = await outbox.backlog(db, now=now)
            unswept, oldest_lapse = await holds.unswept(db, now=now)
            pulse = await beats.pulse(db, now=now)
    except (Error, TimeoutError, OSError):
        return [_gauge("holdfast_database_up", "The database answers.", 0)]
    return [
        _gauge("holdfast_database_up", "The database answers.", 1),
        _states({"due": waiting.due, "later": waiting.later, "dead": waiting.dead}),
        _seconds("holdfast_jobs_oldest_due_seconds", "For how long the first job that is due waits.", waiting.waiting),
        _gauge("holdfast_outbox_waiting", "Facts that wait to be relayed.", facts),
        _seconds("holdfast_outbox_oldest_seconds", "For how long the first of them waits.", oldest_fact),
        _gauge("holdfast_holds_unswept", "Holds that lapsed and were not tidied yet.", unswept),
        _seconds("holdfast_holds_unswept_oldest_seconds", "Since when the first of them has.", oldest_lapse),
        _gauge("holdfast_workers_alive", "Workers that have beaten lately.", pulse.alive),
    ]


def _build(database: Database) -> GaugeMetricFamily:
    family = GaugeMetricFamily("holdfast_build_info", "What runs here.", labels=("version", "python", "database"))
    family.add_metric((holdfast.__version__, platform.python_version(), database.dialect), 1)
    return family


def _states(jobs_by_state: Mapping[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily("holdfast_jobs", "Jobs, by state: due, later, dead.", labels=("state",))
    for state, many in jobs_by_state.items():
        family.add_metric((state,), many)
    return family


def _seconds(name: str, text: str, span: timedelta) -> GaugeMetricFamily:
    return _gauge(name, text, max(span.total_seconds(), 0.0))


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
