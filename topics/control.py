"""What governs prices: policy, markets, models, and the memory of forecasts.

One class per record of `avro/`, field for field; the meaning and unit of each field stand there.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastStateKept:
    """Long memory of observed and expected requests per cell of one zone; ratios continue from it."""

    zone: int
    epoch_generation: int
    epoch_started_ms: int
    now_ms: int
    through_ms: int
    demand_offset: int
    half_lives_ms: list[int] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    observed_micro: list[int] = field(default_factory=list)
    expected_micro: list[int] = field(default_factory=list)
    city_observed_micro: list[int] = field(default_factory=list)
    city_expected_micro: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class JurisdictionCap:
    """Bounds of the multiplier in one jurisdiction."""

    jurisdiction: str
    floor_hundredths: int
    cap_hundredths: int
    driver_minimum_share_hundredths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOverride:
    """A multiplier set by hand."""

    cell: int
    product: str
    multiplier_hundredths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PricingPolicySet:
    """The rules that bound prices in one market from an instant on."""

    policy_id: str
    market: str
    effective_from_ms: int
    author: str
    reason: str
    wait_target_s: int
    max_rise_hundredths_per_min: int
    max_fall_hundredths_per_min: int
    hysteresis_hundredths: int
    max_step_between_neighbours_hundredths: int
    caps: list[JurisdictionCap] = field(default_factory=list)
    emergency_cap_hundredths: int | None = None
    freeze: bool = False
    overrides: list[CellOverride] = field(default_factory=list)
    rounding_salt: str = ""
    lock_ms: int = 120000
    stale_hold_ms: int = 15000
    driver_share_hundredths: int = 75
    based_on_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatLon:
    """A point on the WGS 84 ellipsoid."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """An area with rules of its own."""

    jurisdiction: str
    boundary: list[LatLon] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What can be ridden and its base fare."""

    product: str
    name: str
    base_minor: int
    per_km_minor: int
    per_min_minor: int
    booking_fee_minor: int
    minimum_minor: int
    demand_share_hundredths: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDefined:
    """One market: where it is, its clock and money, and what it sells."""

    market: str
    name: str
    effective_from_ms: int
    time_zone: str
    currency: str
    boundary: list[LatLon] = field(default_factory=list)
    jurisdictions: list[Jurisdiction] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)
    km_per_h_by_hour: list[int] = field(default_factory=list)
    usual_ride_m: int = 0
    usual_ride_s: int = 0
    author: str = ""
    reason: str = ""
    based_on_offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnnounced:
    """A model version is available; the alias says what it is for."""

    name: str
    version: int
    alias: str = "champion"
    format: str
    sha256: str
    artefact: bytes
    card: str
    announced_ms: int
