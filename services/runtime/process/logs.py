"""Decides how log events look: one per line, its message a short name for what happened, its fields beside it.

Loggers of libraries end up in the same stream and the same form. It ignores who collects the lines.
"""

import logging
import sys
from typing import Any, Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

_RESERVED = frozenset((*RESERVED_ATTRS, "color_message"))  # uvicorn repeats its message in colour

_NOISY = ("uvicorn", "grpc", "asyncio", "python_multipart")
"""Libraries whose everyday events are of no use to the operator of a server."""

_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[31m"}
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


def configure(level: str, style: Literal["json", "text"], *, service: str) -> None:
    """Send every log event of `level` or worse to standard error, in place of whatever was configured before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_json_formatter(service) if style == "json" else TextFormatter(colour=sys.stderr.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name in _NOISY:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)


def _json_formatter(service: str) -> logging.Formatter:
    return JsonFormatter(
        ("levelname", "name", "message"),
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields={"service": service},
        reserved_attrs=sorted(_RESERVED),
        timestamp="time",
        json_ensure_ascii=False,
    )


class TextFormatter(logging.Formatter):
    """`12:00:00.123 INFO    lifecycle: serving grpc_port=8001`; a traceback follows on its own lines."""

    default_time_format = "%H:%M:%S"
    default_msec_format = "%s.%03d"

    def __init__(self, *, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overrides the library's
        fields = " ".join(f"{key}={_quoted(value)}" for key, value in vars(record).items() if key not in _RESERVED)
        head = f"{self.formatTime(record)} {record.levelname:<7}"
        message = f"{record.name.rpartition('.')[2]}: {record.message}"
        if self._colour:
            head = f"{_COLOURS.get(record.levelname, _DIM)}{head}{_PLAIN}"
            fields = f"{_DIM}{fields}{_PLAIN}"
        return f"{head} {message} {fields}".rstrip()


def _quoted(value: Any) -> str:
    text = str(value)
    return text if text and text.isprintable() and " " not in text else repr(text)
