"""Models of pickup time, acceptance and supply as announced, for tests."""

import hashlib

from pricing.models.acceptance import Acceptance
from pricing.models.behaviour_models import KINDS, packed
from pricing.models.eta import Waits
from pricing.models.supply_forecast import SupplyShares
from topics.control import ModelAnnounced

VALUES = {
    "eta": Waits(match_s=30.0, s_per_root=180.0),
    "acceptance": Acceptance(at_usual=0.4, price_slope=1.2, wait_slope_per_min=0.03, usual_wait_s=200.0),
    "supply": SupplyShares(soon_free=0.8, other_busy=0.1),
}


def artefact_of(name, market="nyc"):
    """The bytes of the value of that name."""
    return packed(name, market, VALUES[name])


def announced(name, version=1, market="nyc", alias="champion"):
    """The announcement of that model."""
    artefact = artefact_of(name, market)
    return ModelAnnounced(
        name=name,
        version=version,
        alias=alias,
        format=KINDS[name].format,
        sha256=hashlib.sha256(artefact).hexdigest(),
        artefact=artefact,
        card="{}",
        announced_ms=0,
    )
