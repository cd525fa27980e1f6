"""The versions of Faust and aiokafka this room was written for.

It overrides private parts of both. A version that changed one of them would not fail loudly but lose records or hang,
so a worker refuses to start with any other. After an upgrade: read the new source of everything named here, run
`tests/broker`, then change the versions.
"""

import inspect
from collections.abc import Callable
from importlib import metadata
from typing import Any

import faust
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.transport import consumer
from faust.transport.drivers import aiokafka

VERSIONS = {"faust-streaming": "0.15.3", "aiokafka": "0.14.0"}

_SELF_ONLY = ("self",)
OVERRIDDEN: dict[Callable[..., Any], tuple[str, ...]] = {
    consumer.Consumer.getmany: ("self", "timeout"),
    consumer.Consumer._wait_next_records: ("self", "timeout"),
    consumer.Consumer._drain_messages: ("self", "fetcher"),
    consumer.Consumer.perform_seek: _SELF_ONLY,
    consumer.Consumer.ack: ("self", "message"),
    consumer.Consumer._new_offset: ("self", "tp"),
    consumer.Consumer._should_commit: ("self", "tp", "offset"),
    consumer.Consumer._filter_tps_with_pending_acks: ("self", "topics"),
    consumer.Consumer._add_gap: ("self", "tp", "offset_from", "offset_to"),
    consumer.Consumer._commit_offsets: ("self", "offsets", "start_new_transaction"),
    consumer.Consumer.on_partitions_revoked: ("self", "revoked"),
    aiokafka.AIOKafkaConsumerThread.call_thread: ("self", "fun", "args", "kwargs"),
    aiokafka.AIOKafkaConsumerThread._gather_remaining_tasks: _SELF_ONLY,
    aiokafka.AIOKafkaConsumerThread._serve: _SELF_ONLY,
    aiokafka.AIOKafkaConsumerThread._create_worker_consumer: ("self", "transport"),
    aiokafka.AIOKafkaConsumerThread._fetch_records: (
        "self", "consumer", "active_partitions", "timeout", "max_records",
    ),
    aiokafka.Producer._settings_extra: _SELF_ONLY,
    aiokafka.Producer.flush: _SELF_ONLY,
    faust.Table.apply_changelog_batch: ("self", "batch"),
    faust.App._consumer_wait_empty: ("self", "consumer", "logger"),
    faust.App.on_rebalance_end: _SELF_ONLY,
    faust.App._crash: ("self", "reason"),
    faust.App._new_transport: _SELF_ONLY,
    faust.App._new_producer_transport: _SELF_ONLY,
    PartitionRecords.__init__: (
        "self", "tp", "records", "aborted_transactions", "fetch_offset", "key_deserializer", "value_deserializer",
        "check_crcs", "isolation_level",
    ),
    PartitionRecords._unpack_records: _SELF_ONLY,
    PartitionRecords._consumer_record: ("self", "tp", "record"),
    FetchResult.getall: ("self", "max_records"),
    Fetcher.fetched_records: ("self", "partitions", "timeout", "max_records"),
    GroupCoordinator._do_heartbeat: _SELF_ONLY,
    GroupCoordinator.reset_generation: _SELF_ONLY,
    GroupCoordinator.fetch_committed_offsets: ("self", "partitions"),
    GroupCoordinator._send_req: ("self", "request"),
}  # fmt: skip


class UnsupportedVersionError(RuntimeError):
    """Faust or aiokafka is not what this room was written for."""


def check(
    versions: Callable[[str], str] = metadata.version,
    overridden: dict[Callable[..., Any], tuple[str, ...]] | None = None,
) -> None:
    """Raise UnsupportedVersionError unless versions and signatures are the ones this room relies on."""
    for name, wanted in VERSIONS.items():
        if (found := versions(name)) != wanted:
            raise UnsupportedVersionError(f"{name} must be {wanted}, found {found}: install from requirements.lock")
    for function, names in (OVERRIDDEN if overridden is None else overridden).items():
        if tuple(inspect.signature(function).parameters) != names:
            raise UnsupportedVersionError(f"{function.__qualname__} must take {names}: another build is installed")
