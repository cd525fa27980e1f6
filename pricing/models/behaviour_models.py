"""Fitted behaviour as artefacts: `eta`, `acceptance` and `supply`, a handful of numbers each, as canonical JSON.

    {"format": "faretide-eta/1", "market": "nyc", "parameters": {"match_s": 41.2, "s_per_root": 166.0}}

The hash is checked before anything is read, and every parameter against its bounds: they are what keeps waits falling
in idle density and acceptance falling in price and wait, whatever was fitted. A model prices the market it was fitted
in, and no other. One of supply may also say how many cars will stand idle later, under `idle`; no price rests on it.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pricing.models.acceptance import Acceptance
from pricing.models.artefact import BrokenModelError
from pricing.models.behaviour import ASSUMED as ASSUMED_BEHAVIOUR
from pricing.models.behaviour import Behaviour
from pricing.models.eta import Waits
from pricing.models.idle_artefact import idle_document, idle_of
from pricing.models.supply_forecast import SupplyShares
from topics.control import ModelAnnounced
from topics.prices import ModelUse

ETA, ACCEPTANCE, SUPPLY = "eta", "acceptance", "supply"
NONE_ANNOUNCED = "no-model"
OTHER_MARKET = "model-of-another-market"
Fitted = Waits | Acceptance | SupplyShares


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of small model: its format, what its parameters make, and the lowest and highest of each."""

    format: str
    make: Callable[..., Fitted]
    bounds: Mapping[str, tuple[float, float]]


KINDS: Mapping[str, Kind] = {
    ETA: Kind("faretide-eta/1", Waits, {"match_s": (0.0, 900.0), "s_per_root": (1.0, 3_600.0)}),
    ACCEPTANCE: Kind(
        "faretide-acceptance/1",
        Acceptance,
        {
            "at_usual": (-10.0, 10.0),
            "price_slope": (0.0, 20.0),
            "wait_slope_per_min": (0.0, 5.0),
            "usual_wait_s": (0.0, 1_800.0),
        },
    ),
    SUPPLY: Kind("faretide-supply/1", SupplyShares, {"soon_free": (0.0, 1.0), "other_busy": (0.0, 1.0)}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallChoice:
    """A small model and the offset of its announcement, or none and the code of the reason."""

    name: str
    fallback: str
    label: str = ""
    offset: int = -1
    market: str = ""
    value: Fitted | None = None

    def usable_in(self, market: str) -> "SmallChoice":
        """Itself if it may price that market, else none with the reason."""
        if self.value is None or self.market == market:
            return self
        return SmallChoice(name=self.name, fallback=OTHER_MARKET)

    @property
    def use(self) -> ModelUse:
        """What a tick says of it."""
        return ModelUse(name=self.name, model=self.label, offset=self.offset, fallback=self.fallback)


@dataclass(frozen=True, slots=True)
class BehaviourChoice:
    """What a tick weighs prices by, and where it comes from; no choices for a tick of before there were any."""

    choices: tuple[SmallChoice, ...] = ()

    @property
    def behaviour(self) -> Behaviour:
        """The fitted parts, and assumptions for the others."""
        made = ASSUMED_BEHAVIOUR
        for one in self.choices:
            if isinstance(one.value, Waits):
                made = replace(made, waits=one.value)
            elif isinstance(one.value, Acceptance):
                made = replace(made, acceptance=one.value)
            elif one.value is not None:
                made = replace(made, supply=one.value)
        return made

    @property
    def uses(self) -> list[ModelUse]:
        """One per kind, in the order of `KINDS`."""
        return [one.use for one in self.choices]

    def as_named(self, uses: Sequence[ModelUse]) -> "BehaviourChoice":
        """The same with the reasons a tick gave where it applied none; none at all if the tick named none."""
        reasons = {use.name: use.fallback for use in uses}
        named = (
            replace(one, fallback=reasons[one.name]) if one.value is None else one
            for one in self.choices
            if one.name in reasons
        )
        return BehaviourChoice(tuple(named))


def none_of(name: str, fallback: str = NONE_ANNOUNCED) -> SmallChoice:
    """No model of that kind, and why."""
    return SmallChoice(name=name, fallback=fallback)


ASSUMED = BehaviourChoice(tuple(none_of(name) for name in KINDS))


def packed(name: str, market: str, value: Fitted) -> bytes:
    """The artefact of a fitted value; equal values give equal bytes."""
    parameters = {field: getattr(value, field) for field in KINDS[name].bounds}
    document: dict[str, Any] = {"format": KINDS[name].format, "market": market, "parameters": parameters}
    if isinstance(value, SupplyShares) and value.idle is not None:
        document["idle"] = idle_document(value.idle)
    return (json.dumps(document, sort_keys=True, indent=1) + "\n").encode()


def name_in(artefact: bytes) -> str | None:
    """Which of `KINDS` the bytes say they are; None for anything else.

    >>> name_in(b'{"format": "faretide-eta/1"}'), name_in(b"PK")
    ('eta', None)
    """
    try:
        said = json.loads(artefact)["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return next((name for name, kind in KINDS.items() if kind.format == said), None)


def small_choice(announced: ModelAnnounced, offset: int) -> SmallChoice:
    """The small model announced at `offset` of `models.v1`, or why it cannot be used."""
    try:
        market, value = small_model(announced)
    except BrokenModelError as error:
        return none_of(announced.name, error.code)
    label = f"{announced.name}@{announced.version}"
    return SmallChoice(name=announced.name, fallback="", label=label, offset=offset, market=market, value=value)


def small_model(announced: ModelAnnounced) -> tuple[str, Fitted]:
    """Market and value of a model of one of `KINDS`.

    Raises BrokenModelError, whose `code` says what is wrong: `model-format-unknown`, `model-hash-mismatch`,
    `model-unreadable`, `model-implausible`.
    """
    kind = KINDS[announced.name]
    if announced.format != kind.format:
        raise BrokenModelError("model-format-unknown", f"format must be {kind.format}, got {announced.format!r}")
    found = hashlib.sha256(announced.artefact).hexdigest()
    if found != announced.sha256:
        raise BrokenModelError("model-hash-mismatch", f"artefact hashes to {found}, announced was {announced.sha256}")
    try:
        document = json.loads(announced.artefact)
        market, parameters = str(document["market"]), document["parameters"]
        made = partial(kind.make, **{name: float(parameters[name]) for name in kind.bounds})
        if kind.make is SupplyShares and "idle" in document:
            made = partial(made, idle=idle_of(document["idle"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise BrokenModelError("model-unreadable", f"{type(error).__name__}: {error}") from error
    _refuse_implausible(kind, parameters)
    return market, made()


def _refuse_implausible(kind: Kind, parameters: Mapping[str, Any]) -> None:
    for name, (low, high) in kind.bounds.items():
        value = float(parameters[name])
        if not (math.isfinite(value) and low <= value <= high):
            raise BrokenModelError("model-implausible", f"{name} must be from {low:g} to {high:g}, got {value}")
