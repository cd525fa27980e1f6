"""How long QUOTES remembers what it answered: until nobody who asked in time can ask for it any more."""

from types import SimpleNamespace

import pytest

from agents import quotes
from agents.quotes import Quotes
from agents.runtime.contracts import Contracts
from agents.runtime.telemetry import Meter, Standing
from agents.runtime.worker import Worker
from topics.catalogue import BOOKING_DECISIONS, EVERY_TOPIC, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS
from topics.schemas import schema_of

NOW_MS = 1_793_620_800_000
MINUTE_MS = 60_000
CODED = {QUOTES: 1, BOOKING_DECISIONS: 2, QUOTE_REQUESTS: 3, RIDE_EVENTS: 4}


def service(standing):
    """QUOTES whose reading stands there, without servers."""
    contracts = Contracts({topic.subject: n for topic, n in CODED.items()}, {n: schema_of(t) for t, n in CODED.items()})
    worker = Worker(
        service="quotes",
        name="quotes-0",
        partitions={topic.name: 1 for topic in EVERY_TOPIC},
        contracts=contracts,
        schema_ids=SimpleNamespace(),
        meter=Meter(service="quotes", worker="quotes-0"),
        bootstrap="",
        security={},
    )
    return Quotes(SimpleNamespace(alongside=lambda _work: None, standing=lambda: standing), worker)


def stands(*, lag=0, handed=0, waits=0):
    """A partition: records not handed over, and minutes ago when the newest was and when the oldest open one came."""
    return Standing(
        position=7,
        lag=lag,
        appended_ms=NOW_MS - handed * MINUTE_MS,
        waits_since_ms=NOW_MS - waits * MINUTE_MS if waits else 0,
    )


@pytest.mark.parametrize(
    ("requests", "acceptances", "reached"),
    [
        (stands(), stands(), 0),
        (stands(handed=9), stands(handed=9), 0),  #                     all is judged, and nothing came since
        (stands(), stands(lag=1, handed=9), 9),  #                      in the topic
        (stands(), stands(handed=9, waits=12), 12),  #                  in the queue of its agent, nothing behind it
        (stands(), stands(lag=1, handed=9, waits=12), 12),  #           both
        (stands(handed=3, waits=30), stands(handed=9, waits=12), 30),  # in the backlog of requests
        (None, stands(handed=9, waits=12), 12),
    ],
)
def test_what_waits_is_remembered_for(monkeypatch, requests, acceptances, reached):
    """A quote is asked for by what is not judged yet, be it in the topic or with an agent."""
    monkeypatch.setattr(quotes, "now_ms", lambda: NOW_MS)
    places = {(QUOTE_REQUESTS.name, 0): requests, (RIDE_EVENTS.name, 0): acceptances}
    standing = {place: known for place, known in places.items() if known}
    assert NOW_MS - service(standing)._reached_ms(0) == reached * MINUTE_MS


def test_nothing_is_forgotten_before_the_first_record_is_handed_over(monkeypatch):
    """How old what waits in the topic is, nobody knows."""
    monkeypatch.setattr(quotes, "now_ms", lambda: NOW_MS)
    assert service({(RIDE_EVENTS.name, 0): Standing(position=7, lag=1, appended_ms=0)})._reached_ms(0) == 0
