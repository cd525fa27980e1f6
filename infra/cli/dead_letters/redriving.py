"""Put checked records back into their topics: audited first, published, and the audit completed.

rows intended ──> published, acknowledged ──> rows completed with places
    │ killed here, or not acknowledged: rows without a place; nothing was published without a row
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from infra.cli.dead_letters.audit import Audit, Put, at_of
from infra.cli.dead_letters.checking import MOST_ATTEMPTS, Candidate, Checked, check
from infra.cli.preparing import CHECKS, Refused
from infra.clients.connection import Connection
from infra.clients.errors import ClientError, UnreachableError
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from topics.catalogue import topic_named
from topics.redrive import redriven_headers

LINGER_MS = 20


def new_redrive_id() -> str:
    """An id that says when, in UTC, and is nobody else's."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


async def checked(
    connection: Connection,
    audit: Audit,
    candidates: Sequence[Candidate],
    *,
    most_attempts: int = MOST_ATTEMPTS,
    again: bool = False,
) -> tuple[dict[str, int], list[Checked], list[Refused]]:
    """Schema ids by topic, records that would be taken, and refusals; with `again` also of those redriven before."""
    async with Registry(connection) as registry:
        ids = dict(await registry.ids_of([topic_named(name) for name in CHECKS]))
    ready, refused = check(candidates, ids, most_attempts=most_attempts)
    rounds = {} if again else await audit.rounds(sorted({one.letter.dlq.name for one in ready}))
    before = without_redriven(ready, rounds)
    out = {one.line for one in before}
    return ids, [one for one in ready if one.number not in out], [*refused, *before]


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

    Raises ClientError if no broker answers or the rows cannot be written; then nothing was published.
    """
    redrive_id, put = new_redrive_id(), list[Put]()
    try:
        async with Publisher(connection, schema_ids, source="faretide/dlq", linger_ms=LINGER_MS) as publisher:
            await audit.intend(redrive_id, author, reason, ready)
            put = await asyncio.gather(*(_put(publisher, one, redrive_id) for one in ready))
            await audit.completed(redrive_id, put)
    except UnreachableError:  # at its end, of records that are unknown: what is known of the others is told
        if not put:
            raise
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
    except UnreachableError:  # it is handed over, and a broker may still take it
        return Put(letter=at_of(one))
    except ClientError as error:
        return Put(letter=at_of(one), problem=str(error))
    return Put(letter=at_of(one), partition=written.partition, offset=written.offset, at_ms=written.timestamp)
