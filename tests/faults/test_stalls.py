"""For how long nothing was written after a fault: of the slowest partition, by the broker's clock."""

from types import SimpleNamespace

import pytest

from tests.faults.inflict import Inflicted
from tests.faults.plan import Fault, Kind
from tests.faults.stalls import silences_ms, zone_stalls_ms


def inflicted(kind=Kind.KILL, hit="supply", at_ms=10_000, until_ms=10_000, back_ms=0):
    fault = Fault(kind=kind, hit=hit, wait_s=0.0, lasts_s=0.0, steady=True)
    return Inflicted(fault, at_ms, until_ms, back_ms)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({0: [9_900, 12_000], 1: [9_800, 13_500]}, [3_500]),  #   the partition that waits longest
        ({0: [9_900, 10_005, 12_000]}, [2_000]),  #              what was on its way at the kill is no recovery
        ({0: [9_900, 12_000], 1: [3_000, 60_000]}, [2_000]),  #   one that was silent before does not count
        ({0: [9_900]}, None),  #                                  never again: the run is over
        ({}, None),
    ],
)
def test_a_service_is_back_when_all_its_partitions_speak(times, expected):
    """Until the last of those that spoke in the five seconds before speaks again."""
    assert silences_ms([inflicted()], {"supply": times}).get("kill -9: supply") == expected


def test_after_a_server_all_services_are_measured_from_its_return():
    """How long the server itself took is told apart."""
    broker = inflicted(Kind.BROKER, "kafka", at_ms=10_000, until_ms=16_000, back_ms=4_500)
    history = {"supply": {0: [9_900, 17_000]}, "quotes": {0: [9_950, 16_500]}}
    assert silences_ms([broker], history) == {
        "broker kill -9: it is back": [4_500],
        "broker kill -9: supply": [1_000],
        "broker kill -9: quotes": [500],
    }


def test_zones_are_affected_only_while_pricing_or_a_server_is_hit():
    """A gap that a fault of another service falls into is one of an unaffected zone."""
    ticks = [
        SimpleNamespace(record=SimpleNamespace(zone=zone), timestamp_ms=at_ms)
        for zone, times in {1: (0, 4_000, 9_000), 2: (0, 3_000, 20_000)}.items()
        for at_ms in times
    ]
    assert zone_stalls_ms(ticks, [inflicted(at_ms=5_000)]) == {"affected": 0, "unaffected": 17_000}
    hit = inflicted(hit="pricing", at_ms=10_000, until_ms=10_000)
    assert zone_stalls_ms(ticks, [hit]) == {"affected": 17_000, "unaffected": 5_000}
