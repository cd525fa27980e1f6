"""Put checked records back into their topics: audited first, published, and the audit completed.

rows intended ──> published, acknowledged ──> rows completed with places
    │ killed here: rows without a place; nothing was published without a row
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from infra.cli.dead_letters.audit import Audit, Put, at_of
from infra.cli.dead_letters.checking import Checked
from infra.cli.preparing import Refused
from infra.clients.connection import Connection
from infra.clients.errors import ClientError
from infra.clients.producer import Publisher
from topics.catalogue import topic_named
from topics.redrive import redriven_headers

LINGER_MS = 20


def new_redrive_id() -> str:
    """An id that says when, in UTC, and is nobody else's."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def without_redriven(ready: Sequence[Checked], rounds: Mapping[tuple[str, int, int, int], int]) -> list[Refused]:
    """Refusals of the letters that were redriven before."""
    return [
        Refused(
            one.number, "", "redriven-once", "it was redriven before: see `faretide dlq history`, or insist by --again"
        )
        for one in ready
        if at_of(one) in rounds
    ]


async def redrive(
    connection: Connection,
    audit: Audit,
    ready: Sequence[Checked],
    schema_ids: Mapping[str, int],
    *,
    author: str,
    reason: str,
) -> tuple[str, list[Put]]:
    """Publish the records; the redrive's id and what became of each, in order.

    Raises ClientError if the rows cannot be written; then nothing was published.
    """
    redrive_id = new_redrive_id()
    await audit.intend(redrive_id, author, reason, ready)
    async with Publisher(connection, schema_ids, source="faretide/dlq", linger_ms=LINGER_MS) as publisher:
        put = await asyncio.gather(*(_put(publisher, one, redrive_id) for one in ready))
    await audit.completed(redrive_id, put)
    return redrive_id, put


async def _put(publisher: Publisher, one: Checked, redrive_id: str) -> Put:
    """Publish one record as it was, but for what the redrive adds."""
    told = one.letter.letter
    topic = topic_named(told.topic)
    try:
        sent = await publisher.publish_again(
            topic,
            one.value,
            key=one.key,
            headers=redriven_headers(told, redrive_id),
            partition=one.partition,
            timestamp_ms=told.timestamp_ms if told.timestamp_ms >= 0 else None,
        )
        [written] = await publisher.written(topic, [sent])
    except ClientError as error:
        return Put(letter=at_of(one), problem=str(error))
    return Put(letter=at_of(one), partition=written.partition, offset=written.offset, at_ms=written.timestamp)
