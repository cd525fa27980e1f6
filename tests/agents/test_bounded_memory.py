"""What SUPPLY and DEMAND remember of products and partitions ends with its use."""

import asyncio
from types import SimpleNamespace

import numpy as np

from agents import supply
from agents.demand import MOST_NAMES
from agents.runtime.contracts import Contracts
from agents.runtime.telemetry import Meter
from tests.agents.test_demand_clock import a_partition as demand_partition
from tests.agents.test_supply_repeats import START_MS, a_partition, ping, told
from topics.catalogue import DRIVER_PINGS, EVERY_TOPIC, SUPPLY_CELLS
from topics.schemas import schema_of


class Named:
    """Columns of one field, products, by their hashes."""

    def __init__(self, *hashes):
        self._hashes = np.array(hashes)

    def hashes(self, _name):
        """Of each row."""
        return self._hashes

    def texts(self, _name, rows):
        """A product of its own for each hash."""
        return [f"product-{self._hashes[row]}" for row in rows]

    def lists(self, name, rows):
        """A list of that product."""
        return [[product] for product in self.texts(name, rows)]


def test_lists_of_products_without_end_are_not_all_remembered():
    """Once the axis is full more lists come; the bits of those that fit stay the same."""
    partition, rows = a_partition(), np.arange(100)
    first = partition._product_masks(Named(*rows), rows)
    for batch in range(1, supply.MOST_LISTS // 50):
        partition._product_masks(Named(*(rows + 100 * batch)), rows)
        assert len(partition._masks) <= supply.MOST_LISTS + rows.size
    assert np.array_equal(partition._product_masks(Named(*rows), rows), first)


def test_products_without_end_are_not_all_remembered():
    """The same of requests, whose products beyond the axis are others."""
    partition, rows = demand_partition(lambda _topic: True), np.arange(100)
    first = partition._product_indexes(Named(*rows), rows)
    for batch in range(1, MOST_NAMES // 50):
        partition._product_indexes(Named(*(rows + 100 * batch)), rows)
        assert len(partition._products) <= MOST_NAMES + rows.size
    assert np.array_equal(partition._product_indexes(Named(*rows), rows), first)


class App:
    """Keeps who wants to be told that partitions are lost."""

    def __init__(self):
        self.lost = []
        self.on_lost = self.lost.append

    def agent(self, *_arguments, **_options):
        """No agent runs."""
        return lambda function: function

    def _nothing(self, *_arguments, **_options):
        return None

    on_began = on_drain = task = batched_topic = _nothing


def test_drivers_of_a_lost_partition_are_told_of_no_more():
    """They are another worker's to tell; added up over the workers they would count twice."""
    meter = Meter(service="supply", worker="w")
    worker = SimpleNamespace(
        service="supply",
        meter=meter,
        flush_every_ms=250,
        partitions={topic.name: 1 for topic in EVERY_TOPIC},
        contracts=Contracts({SUPPLY_CELLS.subject: 1}, {1: schema_of(SUPPLY_CELLS), 2: schema_of(DRIVER_PINGS)}),
        reading=lambda *_arguments, **_options: None,
    )
    app = App()
    supply.register(app, worker)
    partition = a_partition()
    partition._meter = meter
    meter.gauge("shed_level", 0)
    ping(partition, START_MS)
    told(partition, START_MS)
    assert meter.totals().values["drivers.0"] == 3
    for listener in app.lost:
        asyncio.run(listener(set()))
    assert meter.totals().values == {"shed_level": 0}
