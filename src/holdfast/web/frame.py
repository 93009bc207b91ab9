"""What every page is made with: the templates, the viewer, the words, and the headers that protect it.

`install` puts a `Frame` at `app.state.frame`; a handler of a page answers `await show(request, "web/home.html", …)`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time, format_timedelta
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from holdfast.kernel import identity
from holdfast.kernel.audit import Actor
from holdfast.kernel.identity import IdentitySettings, User
from holdfast.kit import words
from holdfast.kit.errors import Error
from holdfast.kit.ids import new_id
from holdfast.kit.money import Money
from holdfast.kit.words import Locale
from holdfast.web.assets import Assets

TEMPLATES = Path(__file__).with_name("templates")
LANGUAGE_COOKIE = "holdfast_language"
#: Latin digits in Arabic, as tickets and payment pages write them: a time or price reads the same in both.
_FORMATS = {"en": "en_GB", "ar": "ar_EG@numbers=latn"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page, and in which language."""

    actor: Actor
    #: None for the anonymous
    user: User | None
    locale: Locale

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return words.direction(self.locale)

    @property
    def is_staff(self) -> bool:
        return self.actor.is_admin or "operator" in self.actor.roles or bool(self.actor.members)


@dataclass(frozen=True, slots=True)
class Link:
    """One way on, in a list of them. `label` is said in the viewer's language."""

    path: str
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The parts of every page."""

    environment: Environment
    assets: Assets
    identity: IdentitySettings
    #: where our pages are reached, for the check of what writes
    origins: frozenset[str]
    #: what the products show in the frame's head
    products: tuple[Link, ...]
    csp: str
    is_demo: bool

    def render(
        self, request: Request, viewer: Viewer, template: str, values: Mapping[str, Any], *, status: int = 200
    ) -> HTMLResponse:
        """The page; its language and who looks are known to the template as `viewer`, its path as `path`.

        `home` among the values: the path of the page that is shown, where it answers a form that was sent elsewhere.
        """
        path = values.get("home") or request.url.path
        context = {
            **values,
            "viewer": viewer,
            "frame": self,
            "path": path,
            "address": path + (f"?{request.url.query}" if request.url.query else ""),
        }
        content = self.environment.get_template(template).render(context)
        headers = {
            "Content-Security-Policy": self.csp,
            "Content-Language": viewer.locale,
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
            "Cross-Origin-Opener-Policy": "same-origin",
        }
        return HTMLResponse(content, status_code=status, headers=headers)


def build(
    *,
    identity_settings: IdentitySettings,
    origin: str,
    product_templates: Mapping[str, Path],
    product_links: Sequence[Link],
    pay_origins: Sequence[str] = (),
    is_demo: bool = False,
    is_reloading: bool = False,
) -> Frame:
    """A frame. `pay_origins`: where a form may lead (payment pages). `is_reloading`: templates are read anew."""
    loaders = {"web": TEMPLATES, **product_templates}
    environment = Environment(
        loader=PrefixLoader({name: FileSystemLoader(folder) for name, folder in loaders.items()}),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=is_reloading,
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=pass_context(_gettext), ngettext=pass_context(_ngettext), newstyle=True
    )
    assets = Assets()
    environment.globals.update(static=assets.link, form_key=lambda: str(new_id()), chr=chr)
    for name, write in _FILTERS.items():
        environment.filters[name] = pass_context(partial(_localized, write))
    destinations = " ".join(("'self'", *sorted(set(pay_origins))))
    csp = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action {destinations}"
    )
    return Frame(environment, assets, identity_settings, frozenset({origin}), tuple(product_links), csp, is_demo)


async def show(request: Request, template: str, /, *, status: int = 200, **values: Any) -> Response:  # noqa: ANN401
    """Answer with this page. `template`: room and file, "web/home.html", "bus/search.html"."""
    return frame_of(request).render(request, await viewer_of(request), template, values, status=status)


def frame_of(request: Request) -> Frame:
    frame = request.app.state.frame
    assert isinstance(frame, Frame)
    return frame


async def viewer_of(request: Request) -> Viewer:
    """Who looks, read once a request. A failure to know is nobody known: an error page must always be shown."""
    known = getattr(request.state, "viewer", None)
    if isinstance(known, Viewer):
        return known
    frame = frame_of(request)
    actor = getattr(request.state, "principal", None)
    if not isinstance(actor, Actor):
        actor = Actor.anonymous()
    user = None
    if actor.kind == "user" and actor.user_id is not None:
        try:
            async with request.app.state.database.reader() as db:
                user = await identity.user(db, actor.user_id, settings=frame.identity)
        except Error:
            user = None
    request.state.viewer = viewer = Viewer(actor, user, _language(request, user, frame))
    return viewer


def _language(request: Request, user: User | None, frame: Frame) -> Locale:
    """What was chosen here, else the account's, else the browser's, else the platform's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in words.LOCALES:
        return words.spoken(chosen)
    if user is not None:
        return words.spoken(user.locale)
    return words.accepted(request.headers.get("accept-language"), default=frame.identity.locale)


def _gettext(context: Context, message: str) -> str:
    return words.say(message, context["viewer"].locale)


def _ngettext(context: Context, singular: str, many: str, count: int) -> str:
    return words.plural(singular, many, count, context["viewer"].locale)


def _localized(write: Any, context: Context, value: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - a filter
    viewer: Viewer = context["viewer"]
    return write(value, _FORMATS[viewer.locale], *args, **options)


def _money(value: Money, locale: str) -> str:
    """{{ total | money }}: with the currency's name, since symbols are shared by many."""
    return format_currency(value.amount, value.currency, locale=locale, format="#,##0.00 ¤¤", currency_digits=True)


def _minor(value: int, locale: str, currency: str) -> str:
    """{{ 15000 | minor("EGP") }}."""
    return _money(Money(value, currency), locale)


def _count(value: int, locale: str) -> str:
    return format_decimal(value, locale=locale)


def _moment(value: datetime, locale: str, zone: str) -> str:
    """{{ starts_at | moment("Africa/Cairo") }}: day and time at the place."""
    tz = ZoneInfo(zone)
    day = format_date(value.astimezone(tz), "EEE d MMM y", locale=locale)
    return f"{day}, {format_time(value, 'HH:mm', tzinfo=tz, locale=locale)}"


def _exactly(value: datetime, locale: str, zone: str) -> str:
    """To the second, for staff."""
    return format_datetime(value, "y-MM-dd HH:mm:ss", tzinfo=ZoneInfo(zone), locale=locale)


def _clock(value: datetime, locale: str, zone: str) -> str:
    """{{ starts_at | clock("Africa/Cairo") }}: the time of day at the place."""
    return format_time(value, "HH:mm", tzinfo=ZoneInfo(zone), locale=locale)


def _day(value: date | datetime, locale: str, zone: str = "UTC") -> str:
    day = value.astimezone(ZoneInfo(zone)) if isinstance(value, datetime) else value
    return format_date(day, "EEE d MMM y", locale=locale)


def _lasting(seconds: int, locale: str) -> str:
    """{{ 5400 | lasting }}: "2 hours", roughly."""
    return format_timedelta(seconds, threshold=1.4, locale=locale)


def _hours(seconds: int, locale: str) -> str:
    """{{ 5400 | hours }}: "1 hr, 30 mins", exactly."""
    hours, minutes = divmod(seconds // 60, 60)
    parts = [format_unit(hours, "duration-hour", "short", locale=locale)] if hours else []
    parts += [format_unit(minutes, "duration-minute", "short", locale=locale)] if minutes or not hours else []
    return " ".join(parts)


_FILTERS = {
    "money": _money,
    "minor": _minor,
    "count_of": _count,
    "moment": _moment,
    "exactly": _exactly,
    "clock": _clock,
    "day": _day,
    "lasting": _lasting,
    "hours": _hours,
}
