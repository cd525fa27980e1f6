"""What PRICING writes when it saves, and in which order."""

from types import SimpleNamespace

from aiokafka import ConsumerRecord

from agents.pricing import Pricing
from agents.runtime.contracts import Contracts
from agents.runtime.telemetry import Meter
from pricing.zones.zone_join import PartitionState
from topics.catalogue import EVERY_TOPIC, SUPPLY_CELLS, dead_letters_of
from topics.schemas import schema_of
from windows.epochs import Epoch


class Log:
    """An app and a worker without servers: what was asked of them, in order."""

    def __init__(self):
        self.done = []
        self.publisher = self
        self.partitions = {topic.name: 1 for topic in EVERY_TOPIC}
        self.contracts = Contracts({SUPPLY_CELLS.subject: 1}, {1: schema_of(SUPPLY_CELLS)})
        self.schema_ids = SimpleNamespace(known=lambda _schema: True)
        self.name, self.bootstrap, self.security = "pricing-0", "127.0.0.1:1", {}
        self.meter = Meter(service="pricing", worker=self.name)

    def alongside(self, _work):
        """Nothing runs."""

    def Table(self, *_arguments, **_options):  # noqa: N802  Faust's name
        """A table that is empty."""
        return SimpleNamespace(data={}, changelog_topic=SimpleNamespace(get_topic_name=lambda: "changelog"))

    async def confirm_member(self):
        """Sure of its place in the group."""
        self.done.append("confirmed")

    async def publish(self, _app, outgoing):
        """To topics."""
        self.done += [one.topic.name for one in outgoing]

    async def send(self, records):
        """To the log of the table."""
        self.done += [record.topic for record in records]


async def test_letters_go_before_the_confirmation_that_rows_carry():
    """The broker refuses rows whose confirmation is old: thousands of letters between the two would end the worker."""
    log = Log()
    service = Pricing(log, log)
    state = PartitionState(0)
    state.changed = True
    service._desk.assigned(Epoch(1, 1), [state])
    refused = ConsumerRecord(SUPPLY_CELLS.name, 0, 0, 1_000, 1, b"k", b"no record", None, 0, 0, ())
    batch = SimpleNamespace(topic=SUPPLY_CELLS.name, partition=0, records=[refused], count=1, last_offset=0)
    service.take(batch, lambda: log.done.append("acknowledged"))
    await service.save_now()
    assert log.done == [dead_letters_of(SUPPLY_CELLS).name, "confirmed", "changelog", "acknowledged"]
