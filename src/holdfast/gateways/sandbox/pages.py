"""The hosted checkout page: works without JavaScript, loads nothing from elsewhere."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from holdfast.gateways.sandbox import checkouts, faults, rules
from holdfast.gateways.sandbox.state import Here
from holdfast.gateways.sandbox.values import NoSuchCheckout, Payment, from_us
from holdfast.gateways.sandbox.words import LANGUAGES, language

_TEMPLATES = Path(__file__).parent / "templates"
_FORM_BYTES_MAX = 4_096

router = APIRouter(include_in_schema=False)
_environment = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_style = (_TEMPLATES / "checkout.css").read_text(encoding="utf-8")


@router.get("/checkout.css")
async def style() -> Response:
    """The page's only asset."""
    return Response(_style, media_type="text/css", headers={"Cache-Control": "public, max-age=3600"})


@router.get("/checkout/{reference}")
async def show(reference: str, request: Request, sandbox: Here) -> Response:
    """The checkout as it stands."""
    try:
        payment, now_us = await sandbox.store.run(lambda db: (checkouts.find(db, reference), faults.now_us(db)))
    except NoSuchCheckout:
        return _unknown(request)
    sandbox.courier.wake()
    return _page(request, payment, now_us=now_us)


@router.post("/checkout/{reference}")
async def act(reference: str, request: Request, sandbox: Here) -> Response:
    """Pay or cancel, then go back to the shop; a second click finds it done and changes nothing."""
    form = await _form(request)
    if form is None:
        return Response(status_code=413)
    outcome = rules.card_outcome(form.get("card", ""))
    late_seconds = sandbox.settings.late_seconds
    try:
        if form.get("action") == "cancel":
            payment = await sandbox.store.run(lambda db: checkouts.cancel(db, reference))
        elif outcome is not None:
            card = outcome
            payment = await sandbox.store.run(
                lambda db: checkouts.pay_by_card(db, reference, card, late_seconds=late_seconds)
            )
        else:
            payment, now_us = await sandbox.store.run(lambda db: (checkouts.find(db, reference), faults.now_us(db)))
            return _page(request, payment, now_us=now_us, problem="not_a_test_number", status=422)
    except NoSuchCheckout:
        return _unknown(request)
    sandbox.courier.wake()
    # While the bank is at work the customer stays here and is told how it ends; an expired page says so.
    decided = payment.status in {"completed", "failed"}
    target = payment.return_url if decided and payment.return_url else str(request.url.replace(scheme="", netloc=""))
    return RedirectResponse(target, status_code=303, headers={"Cache-Control": "no-store"})


async def _form(request: Request) -> dict[str, str] | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES_MAX:
            return None
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace"), max_num_fields=20).items()}


def _page(
    request: Request, payment: Payment, *, now_us: int, problem: str | None = None, status: int = 200
) -> HTMLResponse:
    left = rules.time_left(payment.expires_us, now_us=now_us)
    return _rendered(
        request,
        "checkout.html",
        status=status,
        return_url=payment.return_url,
        payment=payment,
        state=payment.status,
        left=left,
        deadline=from_us(payment.expires_us),
        problem=problem,
        numbers=rules.TEST_NUMBERS,
    )


def _unknown(request: Request) -> HTMLResponse:
    return _rendered(request, "checkout.html", status=404, return_url=None, payment=None, state="unknown", problem=None)


def _rendered(
    request: Request,
    template: str,
    *,
    status: int,
    return_url: str | None,
    **values: Any,  # noqa: ANN401 - for Jinja
) -> HTMLResponse:
    chosen = language(request.query_params.get("lang"), request.headers.get("accept-language", ""))
    html = _environment.get_template(template).render(
        **values,
        return_url=return_url,
        language=chosen,
        words=LANGUAGES[chosen],
        root=request.scope.get("root_path", ""),
    )
    return HTMLResponse(html, status_code=status, headers=_headers(return_url))


def _headers(return_url: str | None) -> dict[str, str]:
    # Browsers hold a form's redirect to form-action too, so the shop's origin has to stand there.
    origin = "" if return_url is None else " {0.scheme}://{0.netloc}".format(urlsplit(return_url))
    policy = (
        f"default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{origin}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Accept-Language",
    }
