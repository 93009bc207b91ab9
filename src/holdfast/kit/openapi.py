"""Describe the API as it is: every route's problems, its key, its versions, who may call it (OpenAPI 3.1)."""

import re
import warnings
from collections import Counter
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts

from holdfast.kit.policies import Declaration, declaration_of, public
from holdfast.kit.problems import MEDIA_TYPE

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457. `code` is stable; what else the problem knows stands in members of its own.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:holdfast:problem:slots_taken"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["slots_taken"]},
        "detail": {"type": "string", "description": "In the caller's language."},
        "instance": {"type": "string", "description": "The id of the request, as in X-Request-Id."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "code", "detail"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "query", "path", "header", "cookie"]},
                    "pointer": {"type": "string", "description": "RFC 6901", "examples": ["/items/0/amount"]},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
    "additionalProperties": True,
}
_ANSWERS = {
    400: ("Unreadable", "The request cannot be read."),
    401: ("Unauthenticated", "Sign in first."),
    403: ("Forbidden", "The caller may not do this."),
    404: ("NotFound", "There is no such thing, or none that the caller may know of."),
    409: ("Conflict", "Not now: the state of things does not allow it."),
    412: ("PreconditionFailed", "It was changed since it was read."),
    413: ("TooLarge", "The body is too large."),
    415: ("UnsupportedMedia", "The media type is not accepted here."),
    422: ("Invalid", "This can never succeed as it was asked."),
    428: ("PreconditionRequired", "Say in If-Match which version you read."),
    429: ("TooMany", "Too many requests; Retry-After says when to try again."),
    503: ("Unavailable", "Not possible at the moment; Retry-After says when to try again."),
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request with the same key has one effect and one answer, however often it is sent.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
_VERSION = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag that was read: the change is refused if somebody else made one since.",
    "schema": {"type": "string"},
}


def operation_id(route: Any) -> str:  # noqa: ANN401 - FastAPI hands in a route or its context
    """The function's name; `FastAPI(generate_unique_id_function=operation_id)`."""
    return str(route.name)


def install(app: FastAPI) -> None:
    """Describe this application so; after all routers are in."""

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign] # FastAPI's documented way


def _described(app: FastAPI) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Duplicate Operation ID")  # refused below
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            license_info=app.license_info,
            routes=app.routes,
            tags=app.openapi_tags,
        )
    components = schema.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    schemas["Problem"] = _PROBLEM
    reference = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    components["responses"] = {name: {"description": text, "content": reference} for name, text in _ANSWERS.values()}
    components["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for context in iter_route_contexts(app.routes):
        path = schema.get("paths", {}).get(context.path_format)
        for method in context.methods or ():
            if path is not None and method.lower() in path and context.endpoint is not None:
                _complete(path[method.lower()], context, method, declaration_of(context.endpoint))
    _refuse_twins(schema)
    return schema


def _complete(operation: dict[str, Any], context: RouteContext, method: str, declared: Declaration) -> None:
    parameters = operation.setdefault("parameters", [])
    named = {(parameter["in"], parameter["name"]) for parameter in parameters}
    for name in re.findall(r"{(\w+)}", context.path_format or ""):
        if ("path", name) not in named:  # read by the look-up alone
            schema = {"type": "string", "format": "uuid"}
            parameters.append({"name": name, "in": "path", "required": True, "schema": schema})
    if declared.takes_key:
        parameters.append(_KEY)
    if declared.takes_version:
        parameters.append(_VERSION)
    if not parameters:
        del operation["parameters"]
    responses = operation["responses"]
    responses.pop("422", None)
    queried = {name for where, name in named if where == "query"}
    for status in sorted(_statuses(method, context, declared, queried)):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{_ANSWERS[status][0]}"})
    if declared.policy is not None:
        operation["x-policy"] = declared.policy.name
        operation["security"] = [{}, {"bearer": []}] if declared.policy is public else [{"bearer": []}]


def _statuses(method: str, context: RouteContext, declared: Declaration, queried: set[str]) -> set[int]:
    statuses = {401, 422, 429, 503}
    if declared.policy is not public:
        statuses.add(403)
    if declared.find is not None or "{" in (context.path_format or ""):
        statuses.add(404)
    if method not in {"GET", "HEAD"}:
        statuses |= {400, 409, 413, 415}
    if declared.takes_version:
        statuses |= {400, 412, 428}
    if declared.may_conflict:
        statuses.add(409)
    if queried & {"cursor", "since"}:
        statuses.add(400)
    return statuses


def _refuse_twins(schema: dict[str, Any]) -> None:
    ids = Counter(operation["operationId"] for path in schema.get("paths", {}).values() for operation in path.values())
    twins = [name for name, times in ids.items() if times > 1]
    assert not twins, f"operation ids are the functions' names, and these occur twice: {twins}"
