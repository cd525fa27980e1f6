"""How the broker is to keep each topic: partitions, retention, timestamps, sizes; nothing here talks to it."""

from dataclasses import dataclass

from infra.settings import Settings
from topics.catalogue import DAY_MS, FOR_EVER, HOUR_MS, MODELS, PartitionGroup, Topic, dead_letters_of
from topics.ledger import DeadLettered

# A record with its headers and batch; Kafka's own default. Models carry their artefact.
RECORD_BYTES = 1_048_588
MODEL_BYTES = 16 * 2**20
# What a dead letter says beyond the record it holds.
DEAD_LETTER_BYTES = 64 * 2**10
DEAD_LETTERS_SHARE = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSettings:
    """What a topic must look like on the broker; `configs` are Kafka's names and values."""

    partitions: int
    replication_factor: int
    configs: dict[str, str]


def partitions_of(topic: Topic, settings: Settings) -> int:
    """How many partitions `topic` has: one number per group, so that equal partition numbers belong together."""
    counts = {
        PartitionGroup.DRIVER: settings.driver_partitions,
        PartitionGroup.RIDER: settings.rider_partitions,
        PartitionGroup.ZONE: settings.zone_partitions,
        PartitionGroup.ONE: 1,
    }
    return counts[topic.group]


def largest_record_bytes(topic: Topic) -> int:
    """The largest record batch the broker takes; a dead letter holds a whole record of its source and says why.

    >>> largest_record_bytes(dead_letters_of(MODELS)) > largest_record_bytes(MODELS)
    True
    """
    if topic.record is DeadLettered:
        of_model = topic.name == dead_letters_of(MODELS).name
        return (MODEL_BYTES if of_model else RECORD_BYTES) + DEAD_LETTER_BYTES
    return MODEL_BYTES if topic is MODELS else RECORD_BYTES


def segment_ms(topic: Topic) -> int:
    """After how long a file is closed: a sixth of retention, an hour to a day, since only closed ones can go."""
    if topic.retention_ms == FOR_EVER:
        return 7 * DAY_MS
    return min(max(topic.retention_ms // 6, HOUR_MS), DAY_MS)


def retention_bytes(topic: Topic, settings: Settings) -> int:
    """Bytes a partition may take before its oldest file goes, -1 if only time counts; dead letters take an eighth."""
    if topic.retention_ms == FOR_EVER or not settings.bytes_per_topic:
        return -1
    share = DEAD_LETTERS_SHARE if topic.record is DeadLettered else 1
    return settings.bytes_per_topic // share // partitions_of(topic, settings)


def settings_of(topic: Topic, settings: Settings) -> TopicSettings:
    """What `topic` must look like on the broker.

    Everything is said here, so that a broker's defaults decide nothing: an embedded or managed broker bounds bytes, for
    one, and would drop a policy that is to be kept for ever.
    """
    return TopicSettings(
        partitions=partitions_of(topic, settings),
        replication_factor=settings.replication_factor,
        configs={
            "cleanup.policy": "delete",
            "max.message.bytes": str(largest_record_bytes(topic)),
            # Lateness is judged by the time the broker got a record, the same for every reader.
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(settings.in_sync_replicas),
            "retention.bytes": str(retention_bytes(topic, settings)),
            "retention.ms": str(topic.retention_ms),
            "segment.ms": str(segment_ms(topic)),
            "unclean.leader.election.enable": "false",
        },
    )
