"""What PRICING does with an assignment that ends before it has begun."""

from faust.types import TP

from agents.pricing import Pricing
from tests.agents.test_pricing_save import Log
from topics.catalogue import SUPPLY_CELLS
from windows.epochs import Epoch

EPOCH = Epoch(1, 1)
PARTITION = TP(SUPPLY_CELLS.name, 0)


class Reader:
    """A reader that is ready at once; before the last `wait_ready` of an assignment `meanwhile` happens."""

    def __init__(self, meanwhile=None):
        self.meanwhile, self.waits = meanwhile, 0

    def follow(self, _starts):
        """Nothing is read."""

    async def wait_ready(self):
        """The second one waits for what was read back."""
        self.waits += 1
        if self.meanwhile and self.waits == 2:
            await self.meanwhile()


async def test_partitions_that_go_while_ticks_are_read_back_leave_nothing_to_price():
    """Another worker joins meanwhile: what was read back is of no zone of this one's."""
    log = Log()
    log.epoch = EPOCH
    service = Pricing(log, log)

    async def another_joins():
        log.epoch = None
        await service.lost({PARTITION})

    service._control = service._city = Reader()
    service._back = Reader(another_joins)
    await service.began(EPOCH, {PARTITION: None})
    assert service._back.waits == 2
    assert not service._desk._has_read_back


async def test_ticks_read_back_let_zones_be_priced():
    """Nothing comes between."""
    log = Log()
    log.epoch = EPOCH
    service = Pricing(log, log)
    service._control = service._city = service._back = Reader()
    await service.began(EPOCH, {PARTITION: None})
    assert service._desk._has_read_back
