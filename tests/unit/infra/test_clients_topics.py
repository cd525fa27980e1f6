"""What a topic must look like on the broker, and how a difference is said."""

import pytest

from infra.clients.admin import differences
from infra.clients.envelopes import event_of, key_of
from infra.clients.topic_settings import settings_of
from infra.settings import Settings
from topics.catalogue import (
    DEAD_LETTERS,
    DRIVER_PINGS,
    EVERY_TOPIC,
    HOUR_MS,
    MARKETS,
    MODELS,
    QUOTE_REQUESTS,
    QUOTES,
    SUPPLY_CELLS,
    TOPICS,
    PartitionGroup,
    dead_letters_of,
)
from topics.counts import CountKind, SupplyCellsCounted
from topics.events import QuoteRequested
from topics.ledger import DeadLettered

SETTINGS = Settings(driver_partitions=3, rider_partitions=5, zone_partitions=7, replication_factor=3)


@pytest.mark.parametrize("topic", EVERY_TOPIC, ids=lambda topic: topic.name)
def test_every_topic_has_its_groups_partitions_and_append_times(topic):
    """Equal groups have equal counts; the broker's time is the record's time everywhere."""
    wanted = settings_of(topic, SETTINGS)
    counts = {PartitionGroup.DRIVER: 3, PartitionGroup.RIDER: 5, PartitionGroup.ZONE: 7, PartitionGroup.ONE: 1}
    assert wanted.partitions == counts[topic.group]
    assert wanted.configs["message.timestamp.type"] == "LogAppendTime"
    assert (wanted.replication_factor, wanted.configs["min.insync.replicas"]) == (3, "2")


@pytest.mark.parametrize("topic", EVERY_TOPIC, ids=lambda topic: topic.name)
def test_files_close_well_before_they_have_to_go(topic):
    """A broker deletes closed files only: a file longer than retention would keep records for twice as long."""
    configs = settings_of(topic, SETTINGS).configs
    retention_ms, segment_ms = int(configs["retention.ms"]), int(configs["segment.ms"])
    assert segment_ms >= HOUR_MS
    assert retention_ms == -1 or segment_ms <= max(HOUR_MS, retention_ms // 6)


@pytest.mark.parametrize("topic", [MARKETS, MODELS], ids=lambda topic: topic.name)
def test_what_is_kept_for_ever_is_bounded_by_nothing(topic):
    """Neither time nor bytes nor compaction removes a policy or model."""
    configs = settings_of(topic, SETTINGS).configs
    assert (configs["retention.ms"], configs["retention.bytes"], configs["cleanup.policy"]) == ("-1", "-1", "delete")


@pytest.mark.parametrize("topic", EVERY_TOPIC, ids=lambda topic: topic.name)
def test_bytes_are_bounded_where_a_bound_is_set(topic):
    """On the embedded broker always, on others when asked to; shared by partitions, an eighth for dead letters."""
    share = 8 if topic.name.endswith(".dlq") else 1
    for settings, megabytes in (
        (Settings(), 256),
        (Settings(bootstrap="k:1", registry_url="http://r"), 0),
        (Settings(bootstrap="k:1", registry_url="http://r", topic_megabytes=100), 100),
    ):
        wanted = settings_of(topic, settings)
        governs = wanted.configs["retention.ms"] == "-1"
        bound = -1 if governs or not megabytes else megabytes * 10**6 // share // wanted.partitions
        assert wanted.configs["retention.bytes"] == str(bound)


def test_a_dead_letter_can_hold_the_largest_record_of_its_source():
    """What is refused is kept whole, models included."""
    for topic in TOPICS[: len(DEAD_LETTERS)]:
        largest = [
            int(settings_of(each, SETTINGS).configs["max.message.bytes"]) for each in (topic, dead_letters_of(topic))
        ]
        assert largest[1] > largest[0]


def test_a_topic_as_it_must_be_has_no_faults():
    """Equal partitions and values, more configs than we care for."""
    wanted = settings_of(DRIVER_PINGS, SETTINGS)
    assert differences(DRIVER_PINGS, wanted, 3, wanted.configs | {"flush.ms": "1"}) == ()


def test_bytes_are_the_operators_choice_but_for_what_governs_prices():
    """A bound of the broker's own is no fault of a topic, unless it could drop a policy."""
    bound = {"retention.bytes": "1000"}
    wanted = settings_of(DRIVER_PINGS, SETTINGS)
    assert differences(DRIVER_PINGS, wanted, 3, wanted.configs | bound) == ()
    wanted = settings_of(MARKETS, SETTINGS)
    (fault,) = differences(MARKETS, wanted, 1, wanted.configs | bound)
    assert fault.startswith("markets.v1 must have retention.bytes=-1, got 1000")


@pytest.mark.parametrize(
    ("partitions", "change", "said"),
    [
        (0, {}, "driver-pings.v1 does not exist: create it with `faretide topics create`"),
        (
            4,
            {},
            "driver-pings.v1 must have 3 partitions, got 4: set FARETIDE_DRIVER_PARTITIONS=4 or make a new version",
        ),
        (3, {"message.timestamp.type": "CreateTime"}, "driver-pings.v1 must have message.timestamp.type=LogAppendTime"),
        (3, {"retention.ms": None}, "driver-pings.v1 must have retention.ms=21600000, got None"),
    ],
)
def test_each_difference_is_a_sentence(partitions, change, said):
    """Topic, what must be, what is, what to do."""
    wanted = settings_of(DRIVER_PINGS, SETTINGS)
    (fault,) = differences(DRIVER_PINGS, wanted, partitions, wanted.configs | change)
    assert fault.startswith(said)


def test_broadcast_topics_have_one_partition_whatever_the_settings():
    """No setting is named that would not help."""
    wanted = settings_of(MARKETS, SETTINGS)
    (fault,) = differences(MARKETS, wanted, 2, wanted.configs)
    assert fault == "markets.v1 must have one partition, got 2: make a new version of the topic"


def test_keys_are_what_the_catalogue_says():
    """A rider's id, a zone in hexadecimal, a star for control records, the original key for dead letters."""
    request = QuoteRequested(
        request_id="q1",
        rider_id="ríder",
        at_ms=7,
        pickup_lat=0,
        pickup_lon=0,
        dropoff_lat=0,
        dropoff_lon=0,
        product="xl",
    )
    assert key_of(QUOTE_REQUESTS, request) == "ríder".encode()
    assert key_of(SUPPLY_CELLS, supply(CountKind.CELLS, 0x862A1072FFFFFFF)) == b"862a1072fffffff"
    assert key_of(SUPPLY_CELLS, supply(CountKind.ALIVE, 0)) == b"*"
    assert key_of(dead_letters_of(QUOTES), letter(key=b"r1")) == b"r1"
    assert key_of(dead_letters_of(QUOTES), letter(key=None)) is None


def test_event_ids_repeat_for_repeated_records_only():
    """The sender's own id where there is one, else who and when, else where it stood."""
    request = QuoteRequested(
        request_id="q1", rider_id="r", at_ms=7, pickup_lat=0, pickup_lon=0, dropoff_lat=0, dropoff_lon=0, product="xl"
    )
    assert event_of(QUOTE_REQUESTS, request, "app") == ("q1", "app", "QuoteRequested", 7)
    assert event_of(SUPPLY_CELLS, supply(CountKind.CELLS, 0xABC), "supply").id == "abc-5"
    assert event_of(dead_letters_of(QUOTES), letter(key=None), "quotes").id == "quotes.v1-2-30-1"


def supply(kind, zone):
    """A count with nothing in it."""
    return SupplyCellsCounted(
        kind=kind,
        source_partition=1,
        source_partitions=4,
        epoch_generation=1,
        epoch_started_ms=1,
        pings_offset=9,
        now_ms=5,
        zone=zone,
    )


def letter(key):
    """A refused quote."""
    return DeadLettered(
        topic=QUOTES.name,
        partition=2,
        offset=30,
        timestamp_ms=1,
        key=key,
        value=b"x",
        error_class="Undecodable",
        rule="confluent-frame",
        sentence="no frame",
        service="quotes",
        now_ms=8,
    )
