"""When a PRICING worker begins to price after an assignment."""

from agents.pricing_desk import PricingDesk
from pricing.models.model_choice import ModelBook
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from tests.agents.test_model_swap import desk as in_new_york
from tests.agents.test_model_swap import shipped
from tests.unit.pricing.counts_log import supply
from topics.control import ForecastStateKept
from topics.counts import CountKind
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.hexagons import zone_of

NOON_MS = 1_793_620_800_000
LATER_MS = NOON_MS + 10_000
ZONE = 0x862A100D7FFFFFF
KEPT = ForecastStateKept(
    zone=ZONE, epoch_generation=1, epoch_started_ms=NOON_MS, now_ms=NOON_MS, through_ms=0, demand_offset=-1
)


def ticked(**changes):
    """A tick of the zone."""
    offsets = (
        "previous_offset supply_offset demand_offset city_offset policy_offset markets_offset models_offset "
        "forecast_offset"
    )
    return SurgeTicked(
        **{
            **dict.fromkeys(offsets.split(), -1),
            "zone": ZONE,
            "market": "nyc",
            "epoch_generation": 1,
            "epoch_started_ms": NOON_MS,
            "now_ms": NOON_MS,
            "model": "",
            "supply_complete": True,
            "demand_complete": True,
            "data_age_ms": 0,
            **changes,
        }
    )


def assigned():
    """A desk that was given its only partition."""
    desk = PricingDesk(markets=MarketBook(), policies=PolicyBook(), models=ModelBook(), zone_partitions=1)
    desk.assigned(Epoch(1, NOON_MS + 1), [PartitionState(0)])
    return desk


def test_nothing_is_due_before_the_newest_ticks_are_known():
    """A zone of which an older tick was read back waits for the newest, else its price would not follow the last."""
    desk = assigned()
    desk.remember_tick(ticked(), 0, NOON_MS)
    assert desk.due(LATER_MS) == []
    desk.remember_tick(ticked(now_ms=NOON_MS + 5_000), 1, NOON_MS)
    desk.read_back()
    assert desk.due(LATER_MS) == [ZONE]


def test_a_zone_is_due_when_its_last_worker_would_have_priced_it():
    """One that has been silent since its worker died goes first and at once; one just priced keeps its time."""
    silent, just_priced = ZONE, ZONE + 1
    desk = assigned()
    desk.remember_tick(ticked(), 0, LATER_MS)
    desk.remember_tick(ticked(zone=just_priced, now_ms=LATER_MS - 100), 1, LATER_MS)
    desk.read_back()
    assert desk.due(LATER_MS) == [silent]
    assert desk.due(LATER_MS + 4_899) == [silent]
    assert desk.due(LATER_MS + 4_900) == [silent, just_priced]


def test_a_tick_ahead_of_the_clock_holds_no_zone_back():
    """Its worker's clock was wrong, or this one's is."""
    desk = assigned()
    desk.remember_tick(ticked(now_ms=LATER_MS + 3_600_000), 0, LATER_MS)
    desk.read_back()
    assert desk.due(LATER_MS + 5_000) == [ZONE]


def test_of_one_epoch_the_last_tick_is_followed():
    """Also after its clock stepped back: riders were quoted from the last."""
    desk = assigned()
    desk.remember_tick(ticked(now_ms=NOON_MS + 3_600_000), 0, NOON_MS)
    desk.remember_tick(ticked(), 1, NOON_MS)
    desk.read_back()
    assert desk._zones[ZONE].tick_offset == 1


def test_zones_outside_every_market_are_not_kept():
    """Anybody can ping there; a desk that waits to price them prices nothing else in the end."""
    desk = assigned()
    nairobi = 0x887A6E42C1FFFFF
    for record, offset in (
        (supply(CountKind.SNAPSHOT_COMPLETE, sources=1), 0),
        (supply(zone=zone_of(nairobi), idle={nairobi: 1}), 1),
    ):
        desk.supply(0, record, offset, NOON_MS)
    assert zone_of(nairobi) in desk.partitions[0].zones
    assert zone_of(nairobi) not in desk._zones


def test_a_partition_is_priced_once_it_has_read_what_its_newest_ticks_had():
    """Until then a tick would be made of older counts than the one before it."""
    desk = assigned()
    desk.remember_tick(ticked(supply_offset=7), 0, NOON_MS)
    desk.read_back()
    assert desk.due(LATER_MS) == []
    desk.partitions[0].supply.applied_offset = 7
    assert desk.due(LATER_MS) == [ZONE]


def test_a_zone_lost_while_it_was_due_is_not_priced():
    """Zones are priced one after the other, and their partition may go in between."""
    desk = assigned()
    desk.remember_tick(ticked(), 0, NOON_MS)
    desk.read_back()
    assert desk.due(LATER_MS) == [ZONE]
    desk.revoked()
    assert desk.tick(ZONE, LATER_MS) is None


def test_what_is_read_back_of_a_lost_partition_is_passed_over():
    """The reading back goes on for a moment after the partition went, and memories are written all the time."""
    desk = in_new_york()
    desk.models.learn(shipped(), 0)
    desk.assigned(Epoch(1, NOON_MS), [PartitionState(0)])
    desk.revoked()
    desk.remember_tick(ticked(), 0, NOON_MS)
    desk.remember_memory(KEPT, 0, NOON_MS)
    desk.read_back()
    assert (desk.due(LATER_MS), desk.memories(LATER_MS)) == ([], [])


def test_a_desk_that_lost_its_partitions_has_read_nothing_back():
    """The next assignment begins with its own reading back."""
    desk = assigned()
    desk.read_back()
    desk.revoked()
    assert not desk._has_read_back
