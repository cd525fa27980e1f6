"""Earlier instants from the tables, volumes from offsets, zones of records, marks, and bytes that are no record."""

import asyncio
from typing import Any

import pytest

from infra.clients.consumer import Entry
from lineage.carried import carried, counted
from lineage.kept import KeptRecord
from lineage.marks import Marks
from lineage.past import NothingKeptError, boards_at
from lineage.shown import shown_entry
from lineage.volume import edges_of, volume
from topics.catalogue import DRIVER_PINGS, PRICING_POLICY, QUOTES, SURGE, TELEMETRY, Topic
from topics.events import DriverPinged, DriverStatus
from topics.ledger import TelemetrySampled
from topics.prices import SurgeTicked

NOW_MS = 1_700_000_000_000
ZONE, CELL = 0x862A100D7FFFFFF, 0x882A100D67FFFFF


def entry(topic: Topic, record: Any, offset: int = 0, at_ms: int = NOW_MS, key: bytes | None = None) -> Entry:
    """A record where it stands."""
    return Entry(
        topic=topic, partition=0, offset=offset, timestamp_ms=at_ms, key=key, headers=(), schema_id=1, record=record
    )


class Topics:
    """A reader of records in a list."""

    def __init__(self, *entries: Entry) -> None:
        self.entries = entries

    async def between(self, topics, from_ms, to_ms, *, most, partition=-1):
        """As `Reader.between`."""
        return [one for one in self.entries if one.topic in topics and from_ms <= one.timestamp_ms < to_ms][-most:]

    async def ends_at(self, topics, at_ms):
        """As `Reader.ends_at`."""
        return {
            (topic.name, 0): sum(one.topic is topic and one.timestamp_ms < at_ms for one in self.entries)
            for topic in topics
        }

    async def ends_over(self, topic, instants):
        """As `Reader.ends_over`."""
        return [await self.ends_at([topic], at_ms) for at_ms in instants]


class Tables:
    """The recorder's tables with one tick in them, or nothing."""

    def __init__(self, *ticks: KeptRecord) -> None:
        self.ticks = list(ticks)

    async def ticks_until(self, at_ms: int, *, back_ms: int) -> list[KeptRecord]:
        """As `Kept.ticks_until`."""
        return [tick for tick in self.ticks if at_ms - back_ms < tick.appended_ms <= at_ms]

    async def quotes_until(self, at_ms: int, *, back_ms: int) -> list[KeptRecord]:
        """As `Kept.quotes_until`."""
        return []


def tick() -> SurgeTicked:
    """A tick of one zone with one cell."""
    offsets = ("previous", "supply", "demand", "city", "policy", "markets", "models", "forecast")
    return SurgeTicked(
        zone=ZONE,
        market="nyc",
        epoch_generation=1,
        epoch_started_ms=1,
        now_ms=NOW_MS,
        model="",
        supply_complete=True,
        demand_complete=True,
        data_age_ms=5,
        products=["standard"],
        cells=[CELL],
        multiplier_hundredths=[130],
        smooth_hundredths=[130],
        propensity_hundredths=[100],
        eta_s=[90],
        demand_milli=[0],
        supply_milli=[0],
        **{f"{name}_offset": 0 for name in offsets},
    )


def test_what_the_topics_forgot_comes_from_the_tables_and_what_is_gone_is_said():
    """Prices of the instant are there, rates are not, and a sentence says so."""
    kept = KeptRecord(partition=0, offset=7, appended_ms=NOW_MS - 1_000, record=tick())
    boards, gone = asyncio.run(boards_at(Topics(), NOW_MS, Tables(kept)))
    assert boards["map"][f"cell/{CELL:x}"][3] == [130]
    assert boards["lineage"] == {}
    assert "PostgreSQL" in gone[0]


@pytest.mark.parametrize("tables", [None, Tables()])
def test_an_instant_nobody_kept_is_refused_with_a_sentence(tables):
    """Neither topics nor tables hold it."""
    with pytest.raises(NothingKeptError, match="hold"):
        asyncio.run(boards_at(Topics(), NOW_MS, tables))


def test_volume_counts_every_record_once():
    """The bars add up to what the topic got in the span, whatever their number."""
    records = [entry(QUOTES, None, n, NOW_MS - 60_000 + n * 700) for n in range(80)]
    said = asyncio.run(volume(Topics(*records), QUOTES, from_ms=NOW_MS - 60_000, to_ms=NOW_MS, bars=7))
    assert sum(said["records"]) == 80
    assert len(said["edges"]) == 8


@pytest.mark.parametrize(("span", "bars"), [((10, 10), 5), ((20, 10), 5), ((0, 8 * 86_400_000), 5), ((0, 10), 0)])
def test_a_span_that_makes_no_sense_is_refused(span, bars):
    """With a sentence that says which."""
    with pytest.raises(ValueError, match="must be"):
        edges_of(*span, bars)


def ping(lat: float, lon: float) -> DriverPinged:
    """A ping at a place."""
    return DriverPinged(driver_id="d", at_ms=NOW_MS, lat=lat, lon=lon, status=DriverStatus.IDLE)


def test_records_belong_to_the_zone_they_name_or_lie_in():
    """A tick names it, a ping lies in it; one off the map or undecodable belongs nowhere."""
    entries = [entry(SURGE, tick()), entry(DRIVER_PINGS, ping(40.7580, -73.9855)), entry(DRIVER_PINGS, ping(99.0, 0.0))]
    assert counted([*entries, entry(SURGE, None)]) == {ZONE: 2}


def test_rates_of_zones_add_up_to_the_topic():
    """All records of the span, each in one zone."""
    pings = [entry(DRIVER_PINGS, ping(40.7580, -73.9855), n, NOW_MS - 10_000 + n) for n in range(60)]
    said = asyncio.run(carried(Topics(*pings), DRIVER_PINGS, at_ms=NOW_MS))
    assert (said["came"], said["looked_at"], said["rates"]) == (60, 60, {f"{ZONE:x}": 2.0})


def test_marks_tell_what_was_set_and_which_worker_began():
    """A policy by its record; a deployment by the start that telemetry tells, once however often it is told."""
    policy = entry(PRICING_POLICY, None, 3, NOW_MS - 50_000, key=b"nyc")
    told = [
        TelemetrySampled(
            service="supply",
            worker="supply-0",
            now_ms=NOW_MS - ago_ms,
            interval_ms=1000,
            gauges={"started_ms": NOW_MS - 40_000.0},
            versions={"faretide": "0.1.0"},
        )
        for ago_ms in (1_200, 200)
    ]
    held = Marks(Topics(policy))
    held.told(entry(TELEMETRY, one, at_ms=one.now_ms) for one in told)
    marks = asyncio.run(held.between(NOW_MS - 60_000, NOW_MS))
    assert [(mark["kind"], mark["name"]) for mark in marks] == [("policy", "nyc"), ("deploy", "supply")]
    assert marks[1]["runs"] == "faretide 0.1.0"


def test_what_cannot_be_decoded_is_shown_as_bytes_with_the_reason():
    """Nothing is hidden for being unreadable."""
    broken = Entry(
        topic=QUOTES,
        partition=0,
        offset=1,
        timestamp_ms=NOW_MS,
        key=None,
        headers=(),
        schema_id=None,
        record=None,
        problem="no magic byte",
        raw=b"not avro",
    )
    said = shown_entry(broken)
    assert said["raw"].startswith("0000  6e 6f 74 20 61 76 72 6f")
    assert said["problem"] == "no magic byte"
