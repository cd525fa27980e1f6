"""Pages of a topic: what is found is what the asker may see, and only what is there is asked for."""

from typing import Any

import pytest
from aiokafka import TopicPartition

from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from lineage.messages import Wanted, page
from lineage.pseudonyms import Pseudonyms
from topics.catalogue import QUOTE_REQUESTS
from topics.events import QuoteRequested

NAMES = Pseudonyms(b"key")


def request(rider_id: str, offset: int) -> Entry:
    """A rider's request for a quote."""
    record = QuoteRequested(
        request_id=f"request-{offset}",
        rider_id=rider_id,
        at_ms=1,
        pickup_lat=40.758012,
        pickup_lon=-73.98551,
        dropoff_lat=40.6,
        dropoff_lon=-73.7,
        product="standard",
    )
    return Entry(
        topic=QUOTE_REQUESTS,
        partition=0,
        offset=offset,
        timestamp_ms=offset,
        key=rider_id.encode(),
        headers=(),
        schema_id=1,
        record=record,
    )


class Requests:
    """A reader of one partition with two riders' requests."""

    places = {QUOTE_REQUESTS.name: [TopicPartition(QUOTE_REQUESTS.name, 0)]}  # noqa: RUF012

    async def begins_and_ends(self) -> tuple[dict[Any, int], dict[Any, int]]:
        """As `Reader.begins_and_ends`."""
        return {(QUOTE_REQUESTS.name, 0): 0}, {(QUOTE_REQUESTS.name, 0): 2}

    async def spans(self, spans: dict[TopicPartition, Any]) -> list[Entry]:
        """As `Reader.spans`; the brokers' client would ask on for a partition that is not there."""
        assert [place.partition for place in spans] == [0]
        return [request("ann-smith", 0), request("bob-jones", 1)]


async def found(*, viewer: bool = True, **wanted: Any) -> int:
    """How many requests match."""
    asked = Wanted(topic=QUOTE_REQUESTS, **wanted)
    said = await (page(Requests(), asked, NAMES.hide) if viewer else page(Requests(), asked))  # type: ignore[arg-type]  by hand
    return said["matching"]


@pytest.mark.parametrize(
    "asked", [{"key": "ann-smith"}, {"text": "rider_id=ann-smith"}, {"text": "'ann-"}, {"text": "40.7580"}]
)
async def test_a_viewer_finds_nobody_by_what_is_hidden(asked):
    """A filter on ids and exact places would tell them letter by letter; operators may have it."""
    assert await found(viewer=False, **asked)
    assert not await found(**asked)


async def test_a_viewer_finds_a_pseudonym():
    """What is shown can be asked for."""
    assert await found(key=NAMES.name("ann-smith")) == 1
    assert await found() == 2


async def test_a_place_in_a_partition_that_is_not_there_is_refused_at_once():
    """It is not asked for: the brokers' client would try for 40 s while everyone waits."""
    with pytest.raises(ClientError, match="partition must be one of"):
        await found(at=(99, 5))
