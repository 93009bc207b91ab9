"""Log as JSON lines (on a terminal: as readable ones), each with the id of its request, none with a secret.

Code logs through structlog alone; what libraries log by the standard library takes the same way out.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

REDACTED = "[redacted]"
_DEPTH_MAX = 6
_SECRET_NAMES = re.compile(
    r"passw|secret|token|authori[sz]ation|cookie|credential|signature|jwt|otp|^pin$|(^|_)(code|key|body)$|api_?key",
    re.IGNORECASE,
)
#: what looks like a secret wherever it stands: bearer credentials, JWTs, addresses with a password, secret parameters
_SECRET_TEXTS = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 " + REDACTED),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"), REDACTED),
    (re.compile(r"://([^/\s:@]*):[^/\s@]+@"), r"://\1:" + REDACTED + "@"),
    (re.compile(r"(?i)([?&](?:token|code|key|secret|password|signature)=)[^&\s\"']+"), r"\1" + REDACTED),
)
_NAMES_OF_OURS = {"event", "route", "level", "logger", "timestamp", "error_code"}


def configure(*, level: str = "INFO", stream: TextIO | None = None, as_json: bool | None = None) -> None:
    """Once a process, at its start. `as_json`: None decides by whether `stream` is a terminal."""
    out = stream or sys.stderr
    is_json = not out.isatty() if as_json is None else as_json
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Processor = (
        structlog.processors.JSONRenderer(default=str)
        if is_json
        else structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    last: list[Processor] = [structlog.processors.format_exc_info, redact, render]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"  # our own access line names the template, never the query
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:  # noqa: ANN401 - structlog's
    """The last step before the text is made: by the name of a field, then by what a text looks like."""
    for name, value in event.items():
        if name in _NAMES_OF_OURS or not _SECRET_NAMES.search(name):
            event[name] = _clean(value, 0)
        else:
            event[name] = REDACTED
    return event


def _clean(value: Any, depth: int) -> Any:  # noqa: ANN401 - anything that is logged
    if isinstance(value, str):
        for pattern, replacement in _SECRET_TEXTS:
            value = pattern.sub(replacement, value)
        return value
    if depth >= _DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        return {
            name: REDACTED if _SECRET_NAMES.search(str(name)) else _clean(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_clean(item, depth + 1) for item in value]
    return value
