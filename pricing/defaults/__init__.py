"""The market and policy of New York as shipped: data, read as the first records of their topics.

`nyc-market.json` and `nyc-policy.json` hold records of `markets.v1` and `pricing-policy.v1` field for field; `about`
in each says where its numbers come from.
"""

import json
from importlib.resources import files
from typing import Any

from topics.control import (
    CellOverride,
    Jurisdiction,
    JurisdictionCap,
    LatLon,
    MarketDefined,
    PricingPolicySet,
    Product,
)


def new_york_market() -> MarketDefined:
    """New York as shipped."""
    return market_from_json(_shipped("nyc-market.json"))


def new_york_policy() -> PricingPolicySet:
    """The policy of New York as shipped."""
    return policy_from_json(_shipped("nyc-policy.json"))


def _shipped(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def market_from_json(text: str) -> MarketDefined:
    """A market from JSON with the fields of its record; points are [lat, lon]; `about` is for people.

    Raises ValueError if a field is missing, unknown or of the wrong shape.
    """
    fields = _fields(text)
    try:
        areas = [
            Jurisdiction(jurisdiction=area["jurisdiction"], boundary=_points(area["boundary"]))
            for area in fields.pop("jurisdictions", [])
        ]
        products = [Product(**product) for product in fields.pop("products", [])]
        boundary = _points(fields.pop("boundary"))
        return MarketDefined(**fields, boundary=boundary, jurisdictions=areas, products=products)
    except (KeyError, TypeError) as error:
        raise ValueError(f"market must have the fields of markets.v1: {error}") from error


def policy_from_json(text: str) -> PricingPolicySet:
    """A policy from JSON with the fields of its record; `about` is for people.

    Raises ValueError if a field is missing, unknown or of the wrong shape.
    """
    fields = _fields(text)
    try:
        caps = [JurisdictionCap(**cap) for cap in fields.pop("caps", [])]
        overrides = [CellOverride(**one) for one in fields.pop("overrides", [])]
        return PricingPolicySet(**fields, caps=caps, overrides=overrides)
    except (KeyError, TypeError) as error:
        raise ValueError(f"policy must have the fields of pricing-policy.v1: {error}") from error


def _fields(text: str) -> dict[str, Any]:
    fields = json.loads(text)
    if not isinstance(fields, dict):
        raise ValueError(f"JSON must be an object, got {type(fields).__name__}")  # noqa: TRY004 - bad data, not a bad call
    fields.pop("about", None)
    return fields


def _points(pairs: list[list[float]]) -> list[LatLon]:
    return [LatLon(lat=float(lat), lon=float(lon)) for lat, lon in pairs]
