import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from services.runtime.process import logs

log = logging.getLogger("services.runtime.process.lifecycle")


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_an_event_is_one_json_object_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", service="detector")
    log.info("serving", extra={"grpc_port": 8001, "note": "ä\nb"})
    (line,) = lines(capsys)
    event = json.loads(line)
    assert event.pop("time").endswith("+00:00")
    assert event == {
        "level": "INFO",
        "logger": "services.runtime.process.lifecycle",
        "message": "serving",
        "service": "detector",
        "grpc_port": 8001,
        "note": "ä\nb",
    }


def test_a_traceback_stays_within_its_event(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", service="detector")
    try:
        raise ValueError("a bug")
    except ValueError:
        log.exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: a bug" in json.loads(line)["exc_info"]


def test_text_is_one_readable_line_without_colour_where_nobody_sees_it(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text", service="detector")
    log.warning("slow", extra={"ms": 12.5, "error": "two words", "forged": "a\nb"})
    (line,) = lines(capsys)
    clock, rest = line[:12], line[12:]
    assert [clock[i] for i in (2, 5, 8)] == [":", ":", "."]
    assert rest == r" WARNING lifecycle: slow ms=12.5 error='two words' forged='a\nb'"


def test_on_a_terminal_text_is_coloured() -> None:
    record = log.makeRecord(log.name, logging.ERROR, __file__, 1, "failed", (), None, extra={"x": 1})
    text = logs.TextFormatter(colour=True).format(record)
    assert "\x1b[31m" in text
    assert text.endswith("\x1b[2mx=1\x1b[0m")


def test_events_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "json", service="detector")
    log.info("chatter")
    assert lines(capsys) == []


@pytest.mark.parametrize("library", ["uvicorn.error", "grpc._cython.cygrpc", "asyncio"])
def test_libraries_write_into_the_same_stream_but_only_what_matters(
    capsys: pytest.CaptureFixture[str], library: str
) -> None:
    logs.configure("debug", "json", service="detector")
    logging.getLogger(library).info("chatter")
    logging.getLogger(library).error("trouble", extra={"color_message": "again"})
    (line,) = lines(capsys)
    event = json.loads(line)
    assert (event["logger"], event["message"]) == (library, "trouble")
    assert "color_message" not in event


def test_python_warnings_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json", service="detector")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)  # once more: pytest's own catching had taken the hook away
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    (line,) = lines(capsys)
    assert json.loads(line)["logger"] == "py.warnings"
