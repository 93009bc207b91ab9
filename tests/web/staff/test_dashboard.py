"""The overview's figures and drawings."""

import re

import httpx2
import pytest

from holdfast.kit.db import Database
from holdfast.web.staff.charts import Point, bars
from tests import builders
from tests.builders import Time
from tests.web.staff.conftest import SignIn


@pytest.mark.alone
async def test_the_figures_are_those_of_the_day(
    browser: httpx2.AsyncClient, database: Database, sign_in: SignIn, time: Time
) -> None:
    room = await builders.room(database)
    await builders.confirmed(database, room, [0, 1])
    await builders.hold(database, room, [2])
    await sign_in("admin")

    page = (await browser.get("/staff")).text
    figures = dict(re.findall(r'<span class="quiet small">([^<]+)</span><strong><bdi>([^<]+)</bdi>', page))

    assert figures["Live holds"] == "1"
    assert figures["Booked today"] == "1"
    assert figures["Sales, 30 days"] == "20.00 EGP"
    assert page.count('<svg class="chart"') == 2
    assert "The numbers as a table" in page


async def test_the_page_looks_again_by_itself_only_where_it_is_told_to(
    browser: httpx2.AsyncClient, sign_in: SignIn
) -> None:
    await sign_in("admin")

    still = await browser.get("/staff")
    lively = await browser.get("/staff?every=30")
    frantic = await browser.get("/staff?every=1")

    assert "data-reload" not in still.text
    assert 'data-reload="30"' in lively.text
    assert frantic.status_code == 422


def test_bars_stand_on_the_base_and_the_highest_reaches_the_top() -> None:
    chart = bars([Point("1", (5.0, 0.0), ""), Point("2", (10.0, 2.5), "")])

    highest = max(chart.bars, key=lambda bar: bar.height)
    assert {round(bar.y + bar.height, 1) for bar in chart.bars} == {chart.base}
    assert highest.y == chart.top
    assert [bar.series for bar in chart.bars] == [0, 1, 0, 1]
    assert chart.bars[0].height == pytest.approx(highest.height / 2)


def test_time_goes_from_right_to_left_where_that_is_how_one_reads() -> None:
    points = [Point(str(day), (1.0,), "") for day in range(3)]

    forth, back = bars(points), bars(points, is_mirrored=True)

    assert [bar.x for bar in forth.bars] == sorted(bar.x for bar in forth.bars)
    assert [bar.x for bar in back.bars] == sorted((bar.x for bar in back.bars), reverse=True)


def test_no_points_are_drawn_as_nothing() -> None:
    assert bars([]).bars == ()
