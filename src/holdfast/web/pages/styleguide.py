"""Every component on one page, for who develops them; absent in production."""

from datetime import timedelta

from fastapi import Request
from starlette.responses import Response

from holdfast.kernel.audit import anyone
from holdfast.kit import clock
from holdfast.kit.http import Db, allow
from holdfast.kit.words import say
from holdfast.web.forms import UNFIT, Filled, Form
from holdfast.web.frame import show, viewer_of
from holdfast.web.routing import Pages

router = Pages()


@router.get("/styleguide")
@allow(anyone)
async def styleguide(request: Request, database: Db) -> Response:
    async with database.reader() as db:
        now = await clock.moment(db)
    wrong = say(UNFIT, (await viewer_of(request)).locale)
    filled: Filled[Form] = Filled({"wrong": "@"}, None, {"wrong": wrong})
    until = now + timedelta(minutes=15)
    return await show(request, "web/styleguide.html", server_time=now, until=until, filled=filled)
