"""People are named in logs by a keyed hash only, wherever on a line they stand."""

import io
import logging

import pytest
import structlog

from infra.logging import configure
from infra.pseudonyms import Pseudonyms
from infra.settings import LogFormat, LogLevel
from topics.refusals import BadRow

RIDER = "rider-4711"


@pytest.fixture(params=[LogFormat.JSON, LogFormat.CONSOLE])
def said(request):
    """What was logged, in both forms."""
    stream = io.StringIO()
    configure("quotes", request.param, LogLevel.DEBUG, pseudonym_key="key", stream=stream)
    return stream


def test_ids_in_fields_are_replaced_however_deep(said):
    """Named fields, bytes, lists and what is inside them."""
    log = structlog.get_logger()
    log.info("answered", rider_id=RIDER, key=RIDER.encode(), seen=[{"request_id": RIDER}], topic="quotes.v1")
    assert RIDER not in said.getvalue()
    assert said.getvalue().count(Pseudonyms("key").name(RIDER)) == 3
    assert "quotes.v1" in said.getvalue()


def test_ids_in_refusals_are_replaced(said):
    """The sentence of a dead letter quotes the id; the line that tells of it does not."""
    refusal = BadRow(0, "InvalidKey", "key", "key-is-id", f"key must be rider_id {RIDER!r}, got {RIDER[::-1]!r}")
    structlog.get_logger().error("control record refused", sentence=refusal.sentence)
    assert RIDER not in said.getvalue()
    assert RIDER[::-1] not in said.getvalue()
    assert "key must be rider_id" in said.getvalue()


def test_ids_in_tracebacks_are_replaced_and_variables_not_shown(said):
    """An error that got an id, raised below our code and logged by a library, with a secret in a variable."""

    def judge(password: str) -> None:
        raise ValueError(f"quote_id must be known, got {RIDER!r}; {len(password)} signs")

    try:
        judge("hunter" + str(2))
    except ValueError:
        logging.getLogger("faust").exception("agent raised")
    assert "quote_id must be known" in said.getvalue()
    assert RIDER not in said.getvalue()
    assert "hunter2" not in said.getvalue()


def test_the_conversation_with_the_broker_is_never_logged(said):
    """At level debug the Kafka library writes its requests, and one of them carries the password."""
    logging.getLogger("aiokafka.conn").debug("Request to %s: %s", "k:9092", "hunter2")
    logging.getLogger("aiokafka.client").debug("heard")
    assert "hunter2" not in said.getvalue()
    assert "heard" in said.getvalue()


def test_one_key_gives_one_pseudonym_and_none_a_new_one_each_start():
    """Lines of one rider can be followed; without the key nobody finds out whose they are."""
    assert Pseudonyms("key").name(RIDER) == Pseudonyms("key").name(RIDER)
    assert Pseudonyms().name(RIDER) != Pseudonyms().name(RIDER)
    assert Pseudonyms("key").name("") == ""


@pytest.mark.parametrize("text", ["topic must be quotes.v1, got 3", "got 'x' twice, got \"y\""])
def test_what_is_no_quoted_id_stays(text):
    """Numbers and names of topics are what one reads a log for."""
    hidden = Pseudonyms("key").in_text(text)
    assert hidden.split(", ")[0].startswith(("topic must be quotes.v1", "got '~"))
    assert ("got 3" in hidden) == ("got 3" in text)
