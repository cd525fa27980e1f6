"""Ids are asked about once; "does not exist" is forgotten again, "cannot say" is never remembered."""

import pytest

from infra.clients.errors import RegistryUnavailable
from infra.clients.schema_ids import MISSING_FOR_S, SchemaIds
from topics.catalogue import QUOTES
from topics.schemas import schema_of, text_of


class Source:
    """Schemas by id, and a list of what was asked."""

    def __init__(self, schemas):
        self.schemas, self.asked, self.down = schemas, [], False

    async def schema(self, schema_id):
        self.asked.append(schema_id)
        if self.down:
            raise RegistryUnavailable("down")
        return self.schemas.get(schema_id)


async def test_an_existing_id_is_asked_once():
    """It is known from then on, parsed, and always the same object."""
    source = Source({7: text_of(QUOTES)})
    ids = SchemaIds(source)
    assert not ids.known(7)
    await ids.lookup(7)
    await ids.lookup(7)
    assert ids.known(7)
    assert ids.schema(7) == schema_of(QUOTES)
    assert ids.schema(7) is ids.schema(7)
    assert source.asked == [7]


async def test_a_missing_id_is_asked_again_after_a_while():
    """A stream of wrong ids costs one question per half minute, and a late registration is found."""
    now_s = 100.0
    source = Source({})
    ids = SchemaIds(source, clock_s=lambda: now_s)
    for _ in range(5):
        await ids.lookup(7)
    assert (ids.known(7), source.asked) == (False, [7])
    source.schemas[7] = text_of(QUOTES)
    now_s += MISSING_FOR_S
    await ids.lookup(7)
    assert ids.known(7)


async def test_an_unavailable_registry_is_not_remembered():
    """As soon as it answers again, the id is known."""
    source = Source({7: text_of(QUOTES)})
    source.down = True
    ids = SchemaIds(source)
    with pytest.raises(RegistryUnavailable):
        await ids.lookup(7)
    assert not ids.known(7)
    source.down = False
    await ids.lookup(7)
    assert ids.known(7)


async def test_that_there_was_no_answer_is_remembered_where_asked_for():
    """Who reads for many does not wait again for each record; after a while the registry is asked anew."""
    now_s = 100.0
    source = Source({7: text_of(QUOTES)})
    source.down = True
    ids = SchemaIds(source, unanswered_for_s=5.0, clock_s=lambda: now_s)
    for _ in range(3):
        with pytest.raises(RegistryUnavailable, match="down"):
            await ids.lookup(7)
    source.down = False
    assert source.asked == [7]
    now_s += 5.0
    await ids.lookup(7)
    assert ids.known(7)


@pytest.mark.parametrize("text", ['syntax = "proto3";', '"string"', '{"type": "record"}'])
async def test_what_is_no_avro_record_counts_as_missing(text):
    """No record of ours can have been written with it."""
    ids = SchemaIds(Source({7: text}))
    await ids.lookup(7)
    assert not ids.known(7)


async def test_memory_of_missing_ids_is_bounded():
    """Random ids in a broken stream do not fill the memory."""
    source = Source({})
    ids = SchemaIds(source, clock_s=lambda: 0.0)
    for schema_id in range(5_000):
        await ids.lookup(schema_id)
    await ids.lookup(4_999)
    await ids.lookup(0)
    assert source.asked[-1] == 0
    assert len(source.asked) == 5_001
