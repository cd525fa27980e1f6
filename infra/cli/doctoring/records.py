"""What recent records tell of clocks and of partitioners, by the client that wrote them."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.runtime import raw_fetch
from infra.cli.doctoring.findings import Patient, Told, fail, ok, skip, warn
from infra.clients.connection import kafka_consumer
from infra.clients.consumer import places_of
from infra.clients.kafka_errors import kafka_errors
from infra.clients.starting import start
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, TELEMETRY, Topic
from topics.partitioner_mixture import PartitionerMixture
from topics.partitioners import partitioner_of
from topics.wire import client_of, event_of
from windows.panes import GRACE_MS

OUTSIDE = (DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS)
PER_PARTITION = 100
READ_WITHIN_S = 8.0
LISTEN_S = 3.0
AHEAD_MS = 1_000
"""A record cannot happen after it arrived: beyond rounding, its producer's clock is ahead."""
SKEW_WARN_MS, SKEW_FAIL_MS = 1_000, 5_000


@dataclass(slots=True)
class Sample:
    """Recent records of one topic and the number of its partitions."""

    topic: Topic
    partitions: int
    records: list[ConsumerRecord]


async def check_producers(patient: Patient) -> Sequence[Told]:
    """Clocks and partitioners of those who publish from outside."""
    samples = await _sampled(patient)
    if not any(sample.records for sample in samples):
        return [skip("nothing was published yet: ask again when producers run")]
    faults = [*clock_faults(record for sample in samples for record in sample.records), *mixtures(samples)]
    count = sum(len(sample.records) for sample in samples)
    return faults or [ok(f"{count} recent records: producers' clocks agree with the brokers', keys follow one rule")]


def clock_faults(records: Iterable[ConsumerRecord]) -> list[Told]:
    """Clients whose events happen, by their own `ce_time`, after they arrived, or mostly too late to count."""
    delays: dict[str, list[int]] = {}
    for record in records:
        event = event_of(record.headers)
        if event is not None and event.time_ms is not None:
            delays.setdefault(client_of(record.headers), []).append(record.timestamp - event.time_ms)
    faults = []
    for client, delayed_ms in sorted(delays.items()):
        middle_ms = median(delayed_ms)
        if middle_ms < -AHEAD_MS:
            faults.append(warn(f"the clock of {client} is {-middle_ms / 1000:.1f} s ahead: synchronise it (NTP)"))
        elif middle_ms > GRACE_MS:
            faults.append(
                warn(
                    f"records of {client} arrive {middle_ms / 1000:.0f} s after they happened, too late to count: "
                    "synchronise its clock (NTP), or publish sooner"
                )
            )
    return faults


def mixtures(samples: Iterable[Sample]) -> list[Told]:
    """Topics whose producers place keys by different rules."""
    faults = []
    for sample in samples:
        seen, alert = PartitionerMixture(), None
        for record in sample.records:
            rules = partitioner_of(record.key, record.partition, sample.partitions)
            alert = seen.observe(client_of(record.headers), rules) or alert
        if alert:
            faults.append(fail(f"{sample.topic.name}: {alert}"))
    return faults


async def check_clock(patient: Patient) -> Sequence[Told]:
    """This machine's clock beside the brokers', by the next record that any worker writes."""
    consumer = await _consumer(patient)
    try:
        consumer.assign([TopicPartition(TELEMETRY.name, 0)])
        await consumer.seek_to_end()
        await consumer.position(TopicPartition(TELEMETRY.name, 0))
        try:
            async with asyncio.timeout(LISTEN_S):
                record = await consumer.getone()
        except TimeoutError:
            return [skip("no worker writes, so that clocks cannot be compared: ask again when workers run")]
        return [skew_finding(patient.now_ms() - record.timestamp)]
    finally:
        await consumer.stop()


def skew_finding(ahead_ms: int) -> Told:
    """What it means that this machine's clock shows `ahead_ms` more than the append time of a record just read."""
    if abs(ahead_ms) < SKEW_WARN_MS:
        return ok(f"this machine and the brokers agree within {SKEW_WARN_MS / 1000:.0f} s")
    how = "ahead of" if ahead_ms > 0 else "behind"
    said = f"this machine's clock is {abs(ahead_ms) / 1000:.1f} s {how} the brokers': synchronise both (NTP)"
    return fail(said) if abs(ahead_ms) >= SKEW_FAIL_MS else warn(said)


async def _sampled(patient: Patient) -> list[Sample]:
    consumer = await _consumer(patient)
    try:
        with kafka_errors(patient.connect().endpoints.bootstrap, "sampling records"):
            places = await places_of(consumer, OUTSIDE)
            samples = {topic.name: Sample(topic, len(places[topic]), []) for topic in OUTSIDE}
            tps = [tp for topic in OUTSIDE for tp in places[topic]]
            consumer.assign(tps)
            first, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
            for tp in tps:
                await consumer.position(tp)  # else the client's own first positioning may come after the seek
                consumer.seek(tp, max(first[tp], ends[tp] - PER_PARTITION))
            await _read_to(consumer, ends, samples)
            return list(samples.values())
    finally:
        await consumer.stop()


async def _read_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int], samples: dict[str, Sample]) -> None:
    """Read up to `ends`, or for as long as it may take: a part of a sample is a sample.

    Raises TimeoutError if there are records and none of them came.
    """
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    samples[tp.topic].records += records
    except TimeoutError:
        if not any(sample.records for sample in samples.values()):
            raise


async def _consumer(patient: Patient) -> AIOKafkaConsumer:
    connection = patient.connect()
    raw_fetch.install()  # anybody can write a record that aiokafka alone would meet again for ever
    consumer = kafka_consumer(connection.kafka(), request_timeout_ms=5_000, enable_auto_commit=False)
    try:
        await start(consumer, connection)
    except BaseException:
        await consumer.stop()
        raise
    return consumer
