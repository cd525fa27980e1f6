"""The schedule is the recorded days, moved to today with their local clock time."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simulation.history import (
    MINUTE_MS,
    Pickups,
    expected_per_s,
    pickups_in_minute,
    read_history,
    scale_at,
    schedule,
)
from simulation.plan import CityPlan
from tests.unit.simulation.cities import NEW_YORK, history, local, minute_of, ms, recorded

ONE_DAY = CityPlan(scale=1.0)
WEDNESDAY = {"2014-05-14T08:30": 3, "2014-05-14T08:31": 1, "2014-05-14T17:00": 2}


def same(one: Pickups, other: Pickups) -> bool:
    """Whether two schedules are equal to the bit."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in ("at_ms", "x", "y"))


def test_a_plain_day_is_the_recorded_one_at_the_same_local_minutes() -> None:
    """At scale 1 every recorded pickup comes once, in its recorded local minute, with seconds inside that minute."""
    made = schedule(history(WEDNESDAY), ONE_DAY, start_ms=ms("2026-11-17T05:00"), end_ms=ms("2026-11-18T05:00"))
    assert [f"{local(at):%H:%M}" for at in made.at_ms] == ["08:30"] * 3 + ["08:31"] + ["17:00"] * 2
    assert np.unique(made.at_ms % MINUTE_MS).size == 6


@pytest.mark.parametrize(
    ("day", "hour_utc"),
    [("2026-07-14", 12), ("2026-11-17", 13)],
    ids=["summer: UTC-4", "winter: UTC-5"],
)
def test_the_local_hour_is_kept_in_summer_and_winter(day: str, hour_utc: int) -> None:
    """08:30 in New York is 12:30 UTC in July and 13:30 UTC in November."""
    start_ms = ms(f"{day}T{hour_utc}:00")
    made = schedule(history(WEDNESDAY), ONE_DAY, start_ms=start_ms, end_ms=start_ms + 3_600_000)
    assert made.at_ms.size == 4


@pytest.mark.parametrize(
    ("start", "end", "times"),
    [("2026-03-08T05:00", "2026-03-09T04:00", 0), ("2026-11-01T04:00", "2026-11-02T05:00", 2)],
    ids=["spring: 02:30 is skipped", "autumn: 01:30 comes twice"],
)
def test_a_skipped_hour_never_comes_and_a_repeated_one_comes_twice(start: str, end: str, times: int) -> None:
    """On the days the clocks change, the schedule follows what they show."""
    recorded_at = {"2014-05-11T02:30": 5} if times == 0 else {"2014-05-11T01:30": 5}
    made = schedule(history(recorded_at | {"2014-05-11T12:00": 1}), ONE_DAY, start_ms=ms(start), end_ms=ms(end))
    night = [at for at in made.at_ms if local(at).hour < 12]
    assert len(night) == 5 * times
    assert made.at_ms.size == 5 * times + 1


def test_a_day_stands_for_days_of_its_class_only() -> None:
    """A recorded Wednesday plays on a Tuesday, not on a Saturday when a Saturday was recorded."""
    both = history({"2014-05-14T08:30": 3, "2014-05-17T08:30": 7})
    counts = [
        schedule(both, ONE_DAY, start_ms=ms(f"{day}T13:00"), end_ms=ms(f"{day}T14:00")).at_ms.size
        for day in ("2026-11-17", "2026-11-21")
    ]
    assert counts == [3, 7]


@pytest.mark.parametrize("scale", [0.25, 1.0, 6.5, 40.0, 300.0])
def test_volume_is_scale_times_the_mean_recorded_day(scale: float) -> None:
    """Over a whole weekday the count is within 6 % of scale × mean recorded weekday; a quarter of a day within 25 %."""
    plan, start_ms = CityPlan(scale=scale), ms("2026-11-17T05:00")
    made = schedule(recorded(), plan, start_ms=start_ms, end_ms=start_ms + 24 * 3_600_000)
    mean = recorded().per_min[0].sum()
    tolerance = 0.06 if scale > 5 else 0.35
    assert made.at_ms.size == pytest.approx(scale * mean, rel=tolerance)


def test_a_larger_scale_only_adds_layers() -> None:
    """Whole layers of a smaller scale are all in the larger one: the same places, shuffled by seconds."""
    minute = minute_of("2026-11-17T22:00")
    few = pickups_in_minute(recorded(), CityPlan(scale=20.0), minute)
    many = pickups_in_minute(recorded(), CityPlan(scale=60.0), minute)
    assert set(few.x) <= set(many.x)
    assert few.x.size < many.x.size


def test_a_day_used_again_is_shifted_and_scattered() -> None:
    """With one recorded day and scale 200, pickups move by at most the stated minutes and about the stated metres."""
    plan = CityPlan(scale=200.0)
    made = schedule(
        history({"2014-05-14T08:30": 1}), plan, start_ms=ms("2026-11-17T13:00"), end_ms=ms("2026-11-17T14:00")
    )
    off_min = [abs((local(at).hour - 8) * 60 + local(at).minute - 30) for at in made.at_ms]
    assert made.at_ms.size == 200
    assert max(off_min) == plan.reuse_shift_min
    assert made.x.std() == pytest.approx(plan.reuse_spread_m, rel=0.2)
    assert made.y.std() == pytest.approx(plan.reuse_spread_m, rel=0.2)


def test_seed_and_span_decide_everything() -> None:
    """The same seed gives the same schedule however the span is cut; another seed gives another."""
    start_ms, end_ms = ms("2026-11-17T22:00"), ms("2026-11-17T22:10")
    cut_ms = start_ms + 137_123
    whole = schedule(recorded(), CityPlan(), start_ms=start_ms, end_ms=end_ms)
    head = schedule(recorded(), CityPlan(), start_ms=start_ms, end_ms=cut_ms)
    tail = schedule(recorded(), CityPlan(), start_ms=cut_ms, end_ms=end_ms)
    joined = Pickups(
        at_ms=np.concatenate([head.at_ms, tail.at_ms]),
        x=np.concatenate([head.x, tail.x]),
        y=np.concatenate([head.y, tail.y]),
    )
    assert same(whole, joined)
    assert (np.diff(whole.at_ms) >= 0).all()
    assert not same(whole, schedule(recorded(), CityPlan(seed=2), start_ms=start_ms, end_ms=end_ms))


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_the_default_city_is_busy_at_any_hour(hour: int) -> None:
    """Whatever the local hour, between 6.5 and 15.5 riders a second ask, as the plan expects."""
    start_ms = ms("2026-11-17T05:00") + hour * 3_600_000
    made = schedule(recorded(), CityPlan(), start_ms=start_ms, end_ms=start_ms + 20 * 60_000)
    per_s = made.at_ms.size / 1_200
    assert 6.5 < per_s < 15.5
    assert per_s == pytest.approx(expected_per_s(recorded(), CityPlan(), start_ms // MINUTE_MS + 10), rel=0.15)


def test_an_explicit_scale_is_taken_as_it_is() -> None:
    """A plan with a scale uses it at every minute."""
    assert scale_at(recorded(), replace(CityPlan(), scale=3.5), minute_of("2026-11-17T08:00")) == 3.5


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("when,lat\n", "must begin with pickup_local,lat,lon,base"),
        ("pickup_local,lat,lon,base\n2014-04-01T00:11,here,-73.9,B\n", "x.csv.gz line 2 must be"),
        ("pickup_local,lat,lon,base\n2014-04-01T00:11,51.5,0.1,B\n", "must hold a pickup inside the box"),
    ],
)
def test_a_file_that_cannot_be_played_is_refused_by_name(tmp_path: Path, text: str, sentence: str) -> None:
    """Wrong columns, an unreadable row, and no pickup inside the box are said with file and line."""
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(ValueError, match=sentence):
        read_history(path, box=CityPlan().box, time_zone=NEW_YORK.key)
