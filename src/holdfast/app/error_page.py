"""Write docs/errors.md: every error the platform can answer with, an entry a code, taken from the classes."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterable, Mapping
from itertools import groupby

import holdfast
from holdfast.kit import errors
from holdfast.kit.errors import Error, code_of, message_of

#: Packages whose errors no caller of this API meets: the sandbox answers its own callers.
_OTHERS = ("holdfast.gateways.",)
_OF_COMMANDS = ("holdfast.app.cli", "holdfast.app.serving", "holdfast.kit.launcher")

_HEAD = """# Errors

Every failure is answered as `application/problem+json` (RFC 9457). `code` is stable, and programs match on it; `type`
is `urn:holdfast:problem:<code>`; `detail` is for people and in the caller's language (`Accept-Language`: English or
Arabic; `Content-Language` says which). `instance` names the request as it stands in the log. What else the failure
knows stands in fields of its own, named below. A refused request has changed nothing.

```json
{"type": "urn:holdfast:problem:slots_taken", "title": "Conflict", "status": 409, "code": "slots_taken",
 "detail": "These places are no longer free: 1A, 1B.", "labels": ["1A", "1B"], "places": ["…"],
 "instance": "urn:holdfast:request:0197…"}
```

Failures are told in this order, so that a stranger learns nothing: 401 before 403 before 404 before 400, 413 and 415
before 422. What belongs to somebody else is answered exactly as what does not exist.

This page is made by `./run errors > docs/errors.md`, and a test fails when it is not current.

## By status

| status | means | what to do |
|---|---|---|
"""

#: What to do, by kind; a code says something else in `_ADVICE`.
_BY_KIND: Mapping[type[Error], str] = {
    errors.Unreadable: "Correct the request; as it is, it will always be refused.",
    errors.Unauthenticated: "Sign in, or send a good credential, and repeat the request.",
    errors.Forbidden: "Nothing to repeat: ask somebody who may.",
    errors.NotFound: "Look the id up again; it may be another account's, which is answered in the same way.",
    errors.Conflict: "Read the present state and decide anew.",
    errors.PreconditionFailed: "Read it again, apply the change to what stands there now, and send its ETag.",
    errors.TooLarge: "Send less.",
    errors.UnsupportedMedia: "Send it in the type that is named.",
    errors.Invalid: "Correct the request; as it is, it will always be refused.",
    errors.PreconditionRequired: "Send the ETag of the last reading as `If-Match`.",
    errors.TooMany: "Wait as long as `Retry-After` says.",
    errors.Unavailable: "Repeat the request, with the same `Idempotency-Key`, after `Retry-After` seconds.",
}
_OF_NO_KIND = "Try again later; if it stays, tell the operator when it happened."
_ADVICE: Mapping[str, str] = {
    "already_holding": "Pay for or release the hold `hold_id`, or send the same `Idempotency-Key` to get it again.",
    "amount_mismatch": "Leave the amount out, or send the one that is named.",
    "cooling_down": "Wait as long as `Retry-After` says; others may take the places meanwhile.",
    "contended": "Repeat the request, with the same `Idempotency-Key`, after `Retry-After` seconds.",
    "hold_expired": "Hold the places again, if they are still free; money that comes late is paid back.",
    "key_reused": "Take a new `Idempotency-Key` for another request; the same one only repeats the same request.",
    "offer_changed": "Read the offer again and ask anew.",
    "quote_stale": "Ask for another quote and show it to whoever decides.",
    "refresh_token_reused": "Sign in again; if nobody used the token twice, somebody else has it: change the password.",
    "request_in_flight": "Repeat it with the same key in a moment: the answer will be the first request's.",
    "slots_taken": "Choose other places; `places` names those that are gone.",
    "too_late_to_pay": "Let the reservation lapse and hold the places again.",
    "totp_needed": "Send the present code of the authenticator app with the password.",
    "verified_contact_needed": "Follow the link in the letter, or ask for another one.",
    "version_stale": "Read it again, apply the change to what stands there now, and send its ETag.",
    "weak_password": "Choose one that keeps the rules `missing` names.",
}
_KINDS = {
    "str": ("text", "texts"),
    "int": ("integer", "integers"),
    "UUID": ("id", "ids"),
    "datetime": ("moment", "moments"),
    "float": ("number", "numbers"),
    "bool": ("boolean", "booleans"),
}
#: What the edge answers without a class: (code, status, message, fields, what to do).
_OF_THE_EDGE = (
    (
        "validation_failed",
        422,
        "The request does not fit what is expected here; errors names each place.",
        "`errors`: a list of {in, pointer (RFC 6901), code, detail}, at most 50",
        "Correct each place that is named.",
    ),
    ("not_found", 404, "There is nothing at this address.", "", "Compare the path with the API's description."),
    (
        "method_not_allowed",
        405,
        "This address does not take that method.",
        "",
        "The header `Allow` names those it takes.",
    ),
    ("http_error", 0, "The request cannot be answered.", "", "Compare the request with the API's description."),
    (
        "internal_error",
        500,
        "Something went wrong on our side. It was recorded under this request's id.",
        "",
        "Repeat with the same `Idempotency-Key`; if it stays, tell the operator the id in `instance`.",
    ),
)


def error_page() -> str:
    """The whole page as Markdown."""
    found = classes()
    kinds = [kind for kind in found if kind.__module__ == errors.__name__ and not dataclasses.is_dataclass(kind)]
    rows = [f"| {kind.status} {kind.title} | {message_of(kind)} | {_BY_KIND[kind]} |" for kind in kinds]
    facts = sorted((kind for kind in found if kind not in kinds), key=lambda kind: (_place(kind), code_of(kind)))
    parts = [_HEAD + "\n".join(sorted(rows)) + "\n", "## Of the edge itself\n"]
    parts += [_entry(*of_edge) for of_edge in _OF_THE_EDGE]
    for (_, heading), members in groupby(facts, key=_place):
        parts.append(f"## {heading}\n")
        parts += [_told(kind) for kind in members]
    return "\n".join(parts)


def classes() -> list[type[Error]]:
    """Every error a caller of the API or of the command can meet."""
    for module in pkgutil.walk_packages(holdfast.__path__, "holdfast."):
        if not module.name.startswith(_OTHERS) and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return [
        kind
        for kind in _below(Error)
        if kind.__module__.startswith("holdfast.") and not kind.__module__.startswith(_OTHERS)
    ]


def _below(parent: type[Error]) -> Iterable[type[Error]]:
    for kind in parent.__subclasses__():
        yield kind
        yield from _below(kind)


def _place(kind: type[Error]) -> tuple[int, str]:
    """Where on the page: what every route may answer first, commands last."""
    module = kind.__module__
    if module.startswith(_OF_COMMANDS):
        return 9, "Of commands"
    _, layer, *feature = module.split(".")
    match layer:
        case "kit":
            return 0, "Of every route"
        case "kernel":
            return 1, feature[0].capitalize()
        case "products":
            return 2, f"Product: {feature[0]}"
        case "web":
            return 3, "Pages"
        case _:
            return 4, "The platform"


def _told(kind: type[Error]) -> str:
    fields = ", ".join(
        f"`{name}`: {_type(annotation)}"
        for name, annotation in inspect.get_annotations(kind).items()
        if name != "errors"
    )
    if "errors" in getattr(kind, "__dataclass_fields__", {}):
        fields = ", ".join(filter(None, (fields, "`errors`: a list of {in, pointer (RFC 6901), code, detail}")))
    of_kind = next((_BY_KIND[parent] for parent in kind.__mro__ if parent in _BY_KIND), _OF_NO_KIND)
    advice = _ADVICE.get(code_of(kind), of_kind)
    return _entry(code_of(kind), kind.status, message_of(kind), fields, advice)


def _entry(code: str, status: int, message: str, fields: str, advice: str) -> str:
    lines = [f"### {code}", "", f"**{status or '4xx'}** {message.replace('!r}', '}')}", ""]
    lines += [f"Fields: {fields}.", ""] if fields else []
    return "\n".join([*lines, advice, ""])


def _type(annotation: object) -> str:
    name = (
        annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)
    )
    for long, short in (("typing.", ""), ("uuid.UUID", "UUID"), ("datetime.datetime", "datetime")):
        name = name.replace(long, short)
    one, many = _KINDS.get(name.removeprefix("list[").removesuffix("]"), (name, name))
    if name.startswith("Literal["):
        return "one of " + name.removeprefix("Literal[").removesuffix("]").replace("'", "`")
    return f"list of {many}" if name.startswith("list[") else one
