"""The graph: what is measured, what is behind, and when a badge appears."""

import pytest

from lineage.audit import Audit
from lineage.badges import ServiceHealth, TopicHealth, badges_of_service, badges_of_topic
from lineage.ends import Ends
from lineage.flows import SOURCE_CHARACTERS, SOURCES_KEPT, Flows, Newest
from lineage.lasting import Lasting
from topics.catalogue import DRIVER_PINGS, EVERY_TOPIC, SUPPLY_CELLS
from topics.ledger import PartitionCount, TelemetrySampled

START_MS = 1_700_000_000_000


def sample(second: int, *, offset: int, records: int, worker: str = "supply-0") -> TelemetrySampled:
    """What supply tells once a second about partition 0 of the pings."""
    return TelemetrySampled(
        service="supply",
        worker=worker,
        now_ms=START_MS + second * 1000,
        interval_ms=1000,
        read=[PartitionCount(topic=DRIVER_PINGS.name, partition=0, records=records, bytes=records * 50, offset=offset)],
        written=[PartitionCount(topic=SUPPLY_CELLS.name, partition=0, records=2, bytes=80, offset=second)],
        gauges={"busy_share": 0.25},
    )


def run(seconds: int, *, rate: int, read_until: int) -> Flows:
    """A topic that grows by `rate` a second, and a worker that takes in everything until it stops reading."""
    flows = Flows(began_ms=START_MS)
    for second in range(seconds + 1):
        flows.ends.looked(START_MS + second * 1000, {(DRIVER_PINGS.name, 0): second * rate})
        at = min(second, read_until)
        flows.samples.told(sample(second, offset=at * rate - 1, records=rate if 0 < second <= read_until else 0))
        flows.values(START_MS + second * 1000)
    return flows


def test_rates_are_what_was_appended_and_what_was_taken_in():
    """Topic, edges and service agree with the log."""
    values = run(20, rate=100, read_until=20).values(START_MS + 20_000)
    assert values["node/driver-pings.v1"]["rate"] == 100
    assert values["edge/driver-pings.v1>supply"]["rate"] == 100
    assert values["edge/driver-pings.v1>supply"]["bytes_rate"] == 5_000
    assert values["edge/supply>supply-cells.v1"]["rate"] == 2
    assert values["node/supply"]["busy"] == 0.25
    assert not values["node/supply"]["badges"]


def test_a_service_that_stops_reading_is_behind_by_the_time_since():
    """Lag in seconds is the age of the first record not taken in, whatever the rate; the badge comes when it lasts."""
    assert not run(24, rate=10, read_until=18).values(START_MS + 24_000)["node/supply"]["badges"]
    values = run(36, rate=10, read_until=18).values(START_MS + 36_000)
    assert values["node/supply"]["behind_ms"] == 18_000
    assert values["node/supply"]["behind"] == 180
    assert [badge["code"] for badge in values["node/supply"]["badges"]] == ["growing lag"]


def test_a_service_that_falls_silent_is_stopped_and_before_its_first_word_is_not():
    """Silence is judged from the last word, or from when watching began."""
    flows = run(62, rate=10, read_until=62)
    assert [badge["code"] for badge in flows.values(START_MS + 62_000)["node/pricing"]["badges"]] == ["stopped"]
    assert not run(50, rate=10, read_until=50).values(START_MS + 50_000)["node/pricing"]["badges"]
    assert flows.values(START_MS + 90_000)["node/supply"]["badges"][0]["code"] == "stopped"


def test_nobody_is_called_stopped_while_everything_stands_still():
    """A machine too busy to run anyone has no service that stopped; after twenty seconds they all did."""
    flows = run(5, rate=10, read_until=5)
    assert not flows.values(START_MS + 20_000)["node/supply"]["badges"]
    assert flows.values(START_MS + 26_000)["node/supply"]["badges"][0]["code"] == "stopped"


def test_a_fault_is_shown_once_it_lasts_and_kept_while_it_flickers():
    """One slow second is no badge, fifteen are; and what was raised stays in the journal."""
    slow = {"code": "slow", "severity": "warning", "sentence": "slow"}
    held = Lasting()
    worn = [bool(held.worn("pricing", [slow] if second % 3 == 0 else [], second * 1000)) for second in range(20)]
    assert worn == [False] * 15 + [True] * 5
    assert held.raised == [(15_000, "pricing", "slow", "slow")]
    assert held.worn("pricing", [], 22_000) == []


@pytest.mark.parametrize(("late", "share", "codes"), [(5, 1.0, []), (600, 0.02, []), (600, 0.5, ["late"])])
def test_late_events_are_a_fault_when_they_are_many(late, share, codes):
    """A stuttering app sends a few late; a badge says that much of what comes counts nowhere."""
    health = TopicHealth(
        exists=True,
        outside=True,
        ever=True,
        silent_ms=0,
        refused=0,
        late=late,
        late_share=share,
        dead_letters=False,
        recent_rate=1.0,
    )
    assert [badge["code"] for badge in badges_of_topic(health)] == codes


def test_every_declared_writer_and_reader_is_an_edge():
    """The graph is the catalogue's: no topic is missing, and no edge that the catalogue declares."""
    values = Flows().values(START_MS)
    for topic in EVERY_TOPIC:
        assert f"node/{topic.name}" in values
        for reader in topic.readers:
            assert f"edge/{topic.name}>{reader}" in values
        if topic.writer != "every service":
            assert all(f"edge/{writer}>{topic.name}" in values for writer in topic.writer.split(", "))


def test_an_edge_nobody_declared_is_drawn_as_such():
    """What telemetry tells and the catalogue does not is shown, not hidden."""
    flows = Flows()
    stray = PartitionCount(topic=DRIVER_PINGS.name, partition=0, records=1, bytes=1, offset=1)
    told = sample(0, offset=0, records=0)
    flows.samples.told(
        TelemetrySampled(service="recorder", worker="r", now_ms=told.now_ms, interval_ms=1000, read=[stray])
    )
    values = flows.values(START_MS)
    assert values["edge/driver-pings.v1>recorder"]["declared"] is False
    assert values["edge/driver-pings.v1>supply"]["declared"] is True


@pytest.mark.parametrize(
    ("silent_s", "longest_s", "growths", "codes"),
    [(14, 1, 100, []), (16, 1, 100, ["stale"]), (150, 100, 100, []), (201, 100, 100, ["stale"]), (600, 1, 4, [])],
)
def test_a_topic_is_stale_when_it_is_silent_for_longer_than_it_ever_was(silent_s, longest_s, growths, codes):
    """A topic that comes in bursts may pause; one that flows may not; one hardly seen is not judged."""
    health = TopicHealth(
        exists=True,
        outside=True,
        ever=True,
        silent_ms=silent_s * 1000,
        refused=0,
        late=0,
        late_share=0.0,
        dead_letters=False,
        recent_rate=1.0,
        growths=growths,
        longest_pause_ms=longest_s * 1000,
    )
    assert [badge["code"] for badge in badges_of_topic(health)] == codes


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"busy_share": 0.95}, ["busy"]),
        ({"latency_ms": {"tick_ms": [10.0, 1000.0]}}, ["slow"]),
        ({"latency_ms": {"tick_ms": [10.0, -1.0]}}, ["slow"]),
        ({"behind_ms": [9_000] * 20}, ["behind"]),
        ({"behind_ms": list(range(0, 20_000, 1_000))}, ["growing lag"]),
        ({"refused": 3}, ["refusing"]),
        ({"late": 30, "late_share": 0.3}, ["late"]),
        ({"silent_ms": 13_000}, ["stopped"]),
        ({"heard": False, "silent_ms": 13_000}, []),
        ({"heard": False, "silent_ms": 61_000}, ["stopped"]),
    ],
)
def test_a_service_wears_the_badge_of_its_fault(changes, codes):
    """Each fault has its own badge, and health has none."""
    health = {"heard": True, "silent_ms": 500, "behind_ms": [0], "busy_share": 0.1, "latency_ms": {}}
    health |= {"refused": 0, "late": 0, "late_share": 0.0}
    assert [badge["code"] for badge in badges_of_service(ServiceHealth(**(health | changes)))] == codes


def test_behind_counts_from_when_the_end_passed_the_reader():
    """A reader at the end is not behind, however long nothing came."""
    ends = Ends()
    for second, end in enumerate((10, 10, 20, 20, 20)):
        ends.looked(second * 1000, {("t", 0): end})
    assert ends.behind_ms("t", 0, next_offset=20, now_ms=4000) == 0
    assert ends.behind_ms("t", 0, next_offset=10, now_ms=4000) == 3000


@pytest.mark.parametrize(("taken", "missing"), [([10, 10, 10], 0), ([10, 4, 10], 6), ([10, 13, 10], -3)])
def test_the_books_show_every_record_lost_or_counted_twice(taken, missing):
    """Moved past and taken in must be equal; the difference is shown, never made up."""
    audit = Audit()
    audit.told(sample(0, offset=99, records=7))
    for second, records in enumerate(taken, start=1):
        audit.told(sample(second, offset=99 + second * 10, records=records))
    row = audit.rows(Ends())["audit/supply/driver-pings.v1"]
    assert (row["moved"], row["missing"]) == (30, missing)


def test_a_producer_with_a_new_name_at_every_record_takes_no_room():
    """The newest names are kept, and not the whole of a long one."""
    flows = Flows()
    for number in range(1000):
        flows.saw(DRIVER_PINGS.name, Newest(at_ms=1, appended_ms=number, source=f"device-{number}" + "x" * 1000))
        flows.saw(DRIVER_PINGS.name, Newest(at_ms=1, appended_ms=number, source="app"))
    sources = flows.values(START_MS)["node/driver-pings.v1"]["sources"]
    assert len(sources) == SOURCES_KEPT
    assert {"app", ("device-999" + "x" * 1000)[:SOURCE_CHARACTERS]} <= set(sources)


def test_a_dead_letter_among_many_costs_no_copy_of_the_others():
    """While a producer is broken there are thousands a minute; those of the last minute count."""
    flows = Flows()
    flows.troubled(DRIVER_PINGS.name, "refused", START_MS)
    held = flows.problems[DRIVER_PINGS.name, "refused"]
    for at_ms in (START_MS + 30_000, START_MS + 59_999, START_MS + 60_000):
        flows.troubled(DRIVER_PINGS.name, "refused", at_ms)
    assert flows.problems[DRIVER_PINGS.name, "refused"] is held
    assert list(held) == [START_MS + 30_000, START_MS + 59_999, START_MS + 60_000]
