"""Every line has one shape, whoever wrote it."""

import io
import json
import logging

import pytest
import structlog

from infra.logging import QUIET_LOGGERS, configure
from infra.settings import LogFormat, LogLevel


@pytest.fixture(autouse=True)
def _logging_as_before():
    root = logging.getLogger()
    named = {name: logging.getLogger(name) for name in QUIET_LOGGERS}
    before = (root.handlers[:], root.level, {name: logger.level for name, logger in named.items()})
    yield
    root.handlers, root.level = before[0], before[1]
    for name, logger in named.items():
        logger.setLevel(before[2][name])
    structlog.reset_defaults()


def lines_of(stream):
    """The JSON objects written so far."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def stream():
    """Something that is no terminal."""
    return io.StringIO()


def test_own_lines_and_library_lines_look_alike(stream):
    """A structlog line and a stdlib line carry the same fields, the service among them."""
    configure("quotes", stream=stream)
    structlog.get_logger("agents.quotes").info("answered", quotes=3)
    logging.getLogger("somewhere").warning("slow: %d ms", 7)
    own, foreign = lines_of(stream)
    assert (own["event"], own["quotes"], own["level"], own["service"]) == ("answered", 3, "info", "quotes")
    assert (foreign["event"], foreign["level"], foreign["service"]) == ("slow: 7 ms", "warning", "quotes")
    assert set(own) - {"quotes"} == set(foreign)


@pytest.mark.parametrize("name", ["faust", "aiokafka", "mode"])
def test_libraries_are_heard_from_warnings_on(stream, name):
    """What a library tells at level info is left out, unless debug is asked for."""
    configure("quotes", stream=stream)
    logging.getLogger(f"{name}.part").info("chatter")
    logging.getLogger(f"{name}.part").warning("trouble")
    configure("quotes", LogFormat.JSON, LogLevel.DEBUG, stream=stream)
    logging.getLogger(f"{name}.part").info("detail")
    assert [line["event"] for line in lines_of(stream)] == ["trouble", "detail"]


def test_lines_below_the_level_are_left_out(stream):
    """Level warning hides info of our own loggers too."""
    configure("quotes", LogFormat.JSON, LogLevel.WARNING, stream=stream)
    log = structlog.get_logger()
    log.info("hidden")
    log.error("shown")
    assert [line["event"] for line in lines_of(stream)] == ["shown"]


def test_exceptions_stay_on_their_line(stream):
    """A traceback is a field of its line, not lines of its own."""
    configure("quotes", stream=stream)
    try:
        float("lat")
    except ValueError:
        structlog.get_logger().exception("refused")
        logging.getLogger("lib").exception("lib refused")
    own, foreign = lines_of(stream)
    assert (
        own["exception"][0]["exc_value"]
        == foreign["exception"][0]["exc_value"]
        == "could not convert string to float: 'lat'"
    )


def test_bound_context_reaches_library_lines(stream):
    """What is bound to the context is on every line written inside it."""
    configure("quotes", stream=stream)
    with structlog.contextvars.bound_contextvars(partition=3):
        logging.getLogger("lib").warning("inside")
    logging.getLogger("lib").warning("outside")
    assert [line.get("partition") for line in lines_of(stream)] == [3, None]


def test_a_terminal_gets_lines_for_people():
    """On a terminal `auto` means console, elsewhere JSON."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    configure("quotes", stream=terminal)
    structlog.get_logger().info("answered", quotes=3)
    assert "answered" in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


def test_values_json_does_not_know_are_printed(stream):
    """A line never gets lost because of a value on it."""
    configure("quotes", stream=stream)
    structlog.get_logger().info("odd", raw=b"d1", many={1: {2}})
    (line,) = lines_of(stream)
    assert (line["raw"], line["many"]) == ("b'd1'", {"1": "{2}"})
