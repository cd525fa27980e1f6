"""A few faults of each kind that matter most: everything is exact all the same. `make faults` inflicts hundreds."""

import shutil
import tempfile
from pathlib import Path

import pytest

from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.services_load import Size
from tests.faults.mutants import MUTANTS
from tests.faults.plan import POINTS, Fault, Kind, plan
from tests.faults.run import run
from topics.roles import SERVICES

FAULTS = [
    Fault(kind=Kind.KILL, hit="demand", wait_s=0.3, lasts_s=0.0, steady=False),
    Fault(kind=Kind.POINT, hit="quotes", wait_s=0.5, lasts_s=0.0, steady=True, point="flushed", nth=7),
    Fault(kind=Kind.POINT, hit="pricing", wait_s=0.2, lasts_s=0.0, steady=False, point="table-flushed", nth=1),
    Fault(kind=Kind.KILL, hit="supply", wait_s=0.9, lasts_s=0.0, steady=False),
    Fault(kind=Kind.KILL, hit="recorder", wait_s=0.1, lasts_s=0.0, steady=False),
    Fault(kind=Kind.BROKER, hit="kafka", wait_s=0.4, lasts_s=0.5, steady=False),
]


@pytest.fixture
def stack():
    """Servers of this test's own, since they are killed."""
    directory = Path(tempfile.mkdtemp(prefix="faretide-faults-"))
    directory.chmod(0o711)
    with EmbeddedStack(directory / "stack", cache_dir=kafka.ROOT / ".faretide" / "cache") as servers:
        yield servers
    shutil.rmtree(directory)


@pytest.mark.broker
@pytest.mark.alone
@pytest.mark.timeout(300)
async def test_kills_under_load_leave_no_trace(stack, tmp_path):
    """After kills of every service and of the broker all counts, quotes, decisions, panes and rows are exact."""
    done = await run(stack, tmp_path, FAULTS, seed=1, size=Size())
    assert {name: why for name, why in done.claims.items() if why} == {}
    assert done.counted["conflicting_answers"] == 0
    assert [fault["said"] for fault in done.faults] == [""] * len(FAULTS)


def test_a_seed_says_what_happens():
    """The same seed gives the same faults; a longer run of it begins like a shorter one."""
    assert plan(7, 40) == plan(7, 40)
    assert plan(7, 40)[:12] == plan(7, 12)
    assert plan(7, 12) != plan(8, 12)


def test_a_long_run_meets_every_kind_service_and_point():
    """Decks leave nothing to chance: 100 faults kill every service, and each at all of its points."""
    faults = plan(3, 100)
    assert {fault.kind for fault in faults} == set(Kind)
    assert {fault.hit for fault in faults if fault.kind is Kind.KILL} == set(SERVICES)
    points = {(fault.hit, fault.point) for fault in faults if fault.kind is Kind.POINT}
    assert points == {(service, point) for service in POINTS for point in POINTS[service]}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_takes_out_a_rule_that_is_there(mutant):
    """Else the long run of `make mutants` would fail at its start, or prove nothing."""
    for name, old, new in mutant.edits:
        assert old in (kafka.ROOT / name).read_text(), f"{name} must hold {old!r}"
        assert old != new
