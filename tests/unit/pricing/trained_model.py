"""A small demand model of made-up days, as trained and as announced, for tests."""

import hashlib
from dataclasses import replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from pricing.learning.local_pickups import LocalPickups
from pricing.learning.train import TrainingPlan, train
from pricing.models.artefact import packed, unpacked

SHIPPED = Path(__file__).parents[3] / "models"
FIRST_DAY = date(2014, 4, 1).toordinal()
PLAN = TrainingPlan(
    time_zone="America/New_York",
    start_day=FIRST_DAY,
    end_day=FIRST_DAY + 12,
    known_from=20,
)


@lru_cache(1)
def pickups():
    """Made-up days around Times Square, busier at noon and in some places."""
    rng = np.random.default_rng(7)
    minutes = rng.integers(0, 12 * 1440, 7_000)
    kept = np.sort(minutes[rng.random(minutes.size) < 0.6 + 0.4 * np.sin(minutes / 1440 * 2 * np.pi)])
    at = rng.choice(4, kept.size, p=[0.5, 0.3, 0.15, 0.05])
    return LocalPickups(minutes=FIRST_DAY * 1440 + kept, lat=40.758 - 0.012 * at, lon=np.full(kept.size, -73.9855))


@lru_cache(1)
def trained():
    """The model of those days."""
    return train(pickups(), PLAN)


def announced(**changes):
    """Its announcement with these changes."""
    return replace(trained().announced(name="demand", version=3, announced_ms=5), **changes)


def resealed(change):
    """The artefact with its meta changed and its hash made right again."""
    parts = unpacked(trained().artefact, trained().sha256)
    artefact = packed(replace(parts, **change(parts)))
    return {"artefact": artefact, "sha256": hashlib.sha256(artefact).hexdigest()}


def sealed(artefact):
    """An announcement of those bytes under their own hash."""
    return announced(artefact=artefact, sha256=hashlib.sha256(artefact).hexdigest())
