"""Rows of the recorder's tables as records again, those of earlier versions included."""

from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from infra.clients.database import Database
from infra.clients.errors import ClientError
from lineage import kept
from topics.catalogue import QUOTES
from topics.prices import FareLine, QuoteAnswered, QuoteOutcome

QUOTE = QuoteAnswered(
    quote_id="q",
    request_id="r",
    rider_id="ann",
    product="standard",
    outcome=QuoteOutcome.PRICED,
    driver_pay=[FareLine(code="base", amount_minor=1)],
    at_ms=1,
    now_ms=1,
    request_offset=1,
)


@pytest.fixture
def tables(monkeypatch):
    """The tables with one quote; its fields may be taken away."""
    record = asdict(QUOTE)

    class Connection:
        async def fetch(self, *_asked: Any) -> list[dict[str, Any]]:
            row = {"partition": 0, "record_offset": 1, "appended_at": datetime.now(UTC)}
            return [row | {"record": orjson.dumps(record).decode()}]

    @asynccontextmanager
    async def opened(_database: Database) -> Any:
        yield Connection()

    async def version(_connection: Any) -> int:
        return 2

    monkeypatch.setattr(kept, "open_database", opened)
    monkeypatch.setattr(kept, "version_of", version)
    return record


async def asked() -> Any:
    """The quote of that row."""
    found = await kept.Kept(Database(url="postgresql://localhost/x", keep_days=3)).quote("q")
    return None if found is None else found.record


async def test_a_row_kept_before_a_field_was_added_is_read_with_its_default(tables):
    """Lists of lines and plain fields alike."""
    assert await asked() == QUOTE
    for name in ("driver_pay", "breakdown", "refusal", "currency"):
        tables.pop(name)
    assert (await asked()).driver_pay == []


async def test_a_row_that_cannot_be_read_is_an_error_in_a_sentence(tables):
    """Explaining a price ends with a sentence, not with a traceback."""
    tables["later"] = 1
    with pytest.raises(ClientError, match=f"a row of {QUOTES.name}.*cannot be read"):
        await asked()
