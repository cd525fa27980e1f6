"""Markets, policies and models of a recording, as ticks and quotes name them: by offset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pricing.models.behaviour_models import KINDS, BehaviourChoice, SmallChoice, none_of, small_choice
from pricing.models.model_choice import Choice, choice_of
from pricing.models.model_coverage import usable_in
from pricing.rules.markets import Market, market_of
from pricing.rules.policy import BUILT_IN_OFFSET, Policy, built_in_policy, policy_of
from replay.archive import Archive
from replay.change import UNCHANGED, Change
from replay.contracts import Contracts
from topics.catalogue import MARKETS, MODELS, PRICING_POLICY, Topic
from topics.control import ModelAnnounced
from topics.prices import ModelUse
from windows.hexagons import zone_of

K = TypeVar("K")
V = TypeVar("V")
R = TypeVar("R")


class NotHeldError(Exception):
    """An output names a record that the recording does not hold; says which.

    `is_older` says that it lies before all that is held: no recording of that span has it, and nothing is amiss.
    """

    def __init__(self, sentence: str, *, is_older: bool = False) -> None:
        super().__init__(sentence)
        self.is_older = is_older


@dataclass(slots=True)
class ControlHistory:
    """All versions there are; each is compiled on first use, and as `change` would have it."""

    archive: Archive
    contracts: Contracts
    change: Change = UNCHANGED
    _records: dict[str, dict[int, Any]] = field(default_factory=dict)
    _markets: dict[int, Market] = field(default_factory=dict)
    _policies: dict[tuple[str, int], Policy] = field(default_factory=dict)
    _models: dict[int, Choice] = field(default_factory=dict)
    _small: dict[int, SmallChoice] = field(default_factory=dict)
    _zones: dict[int, frozenset[int]] = field(default_factory=dict)
    _behaviours: dict[tuple[Any, ...], BehaviourChoice] = field(default_factory=dict)

    def market(self, offset: int) -> Market:
        """The market at that offset. Raises NotHeldError."""
        return _once(self._markets, offset, lambda: _made(MARKETS, offset, market_of, self._record(MARKETS, offset)))

    def zones(self, market: Market) -> frozenset[int]:
        """Zones in which the market has cells: those whose riders are the city's."""
        return _once(self._zones, market.offset, lambda: frozenset(zone_of(cell) for cell in market.jurisdiction_of))

    def policy(self, market: str, offset: int) -> Policy:
        """The policy at that offset, -1 for the built-in one. Raises NotHeldError."""
        return _once(self._policies, (market, offset), lambda: self._policy(market, offset))

    def choice(self, offset: int, fallback: str, market: Market) -> Choice:
        """The model at that offset if it is usable in the market; at -1 none, for the recorded reason.

        Another model takes the place of whatever was applied. Raises NotHeldError.
        """
        model = self.change.model
        if model is not None and model.name not in KINDS:
            return usable_in(_once(self._models, -1, lambda: choice_of(model, offset)), market)
        if offset < 0:
            return Choice(None, -1, fallback)
        return usable_in(_once(self._models, offset, lambda: choice_of(self._record(MODELS, offset), offset)), market)

    def behaviour(self, uses: Sequence[ModelUse], market: Market) -> BehaviourChoice:
        """How cars and riders answered by the models a tick names; another model takes the place of that name.

        Where a tick applied none, its reason stands. Remembered: made anew it took a twentieth of a tick.

        Raises NotHeldError.
        """
        key = market.name, *((use.name, use.offset, use.fallback) for use in uses)
        return _once(self._behaviours, key, lambda: self._behaviour(uses, market))

    def _behaviour(self, uses: Sequence[ModelUse], market: Market) -> BehaviourChoice:
        return BehaviourChoice(tuple(self._small_choice(use).usable_in(market.name) for use in uses)).as_named(uses)

    def _small_choice(self, use: ModelUse) -> SmallChoice:
        model = self.change.model
        if model is not None and model.name == use.name:
            return _once(self._small, -1, lambda: small_choice(model, use.offset))
        if use.offset < 0:
            return none_of(use.name, use.fallback)
        return _once(self._small, use.offset, lambda: small_choice(self._record(MODELS, use.offset), use.offset))

    @property
    def market_names(self) -> list[str]:
        """Markets of which a version is held."""
        return sorted({record.market for record in self._log(MARKETS).values()})

    def announced(self, label: str) -> ModelAnnounced:
        """The model NAME@VERSION, as last announced. Raises NotHeldError naming those there are."""
        models: list[ModelAnnounced] = list(self._log(MODELS).values())
        found = [one for one in models if f"{one.name}@{one.version}" == label]
        if not found:
            known = ", ".join(sorted({f"{one.name}@{one.version}" for one in models})) or "none"
            raise NotHeldError(f"no model {label} was announced; there is {known}")
        return found[-1]

    def _policy(self, market: str, offset: int) -> Policy:
        rules = built_in_policy(market).rules if offset == BUILT_IN_OFFSET else self._record(PRICING_POLICY, offset)
        applied = self.change.rules(rules)
        if applied is not rules:
            return policy_of(applied, offset)
        return _made(PRICING_POLICY, offset, policy_of, rules)

    def _record(self, topic: Topic, offset: int) -> Any:  # noqa: ANN401  the topic's record class
        try:
            return self._log(topic)[offset]
        except KeyError:
            raise NotHeldError(f"{topic.name} 0@{offset} is named and not in the recording") from None

    def _log(self, topic: Topic) -> dict[int, Any]:
        def read() -> dict[int, Any]:
            decoded = ((raw.offset, self.contracts.decode(topic, raw.value)) for raw in self.archive.log(topic.name, 0))
            return {offset: record for offset, record in decoded if record is not None}

        return _once(self._records, topic.name, read)


def _once(known: dict[K, V], key: K, make: Callable[[], V]) -> V:
    if key not in known:
        known[key] = make()
    return known[key]


def _made(topic: Topic, offset: int, make: Callable[[R, int], V], record: R) -> V:
    """What `make` makes of the record; services refuse one that makes no sense, so no output of theirs names it."""
    try:
        return make(record, offset)
    except ValueError as error:
        raise NotHeldError(f"{topic.name} 0@{offset} is named and makes no sense: {error}") from None
