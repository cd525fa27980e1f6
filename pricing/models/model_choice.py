"""Which announced model a tick applies, or why it applies none."""

from dataclasses import dataclass

from pricing.models.artefact import BrokenModelError
from pricing.models.behaviour_models import KINDS, NONE_ANNOUNCED, BehaviourChoice, SmallChoice, none_of, small_choice
from pricing.models.demand_model import DemandModel, model_of
from topics.control import ModelAnnounced

CHAMPION, CHALLENGER = "champion", "challenger"
DEMAND = "demand"


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A model and the offset of its announcement, or no model and the code of the reason."""

    model: DemandModel | None
    offset: int
    fallback: str


def choice_of(announced: ModelAnnounced, offset: int) -> Choice:
    """The model announced at `offset` of `models.v1`, or why it cannot be used."""
    try:
        return Choice(model_of(announced), offset, "")
    except BrokenModelError as error:
        return Choice(None, offset, error.code)


class ModelBook:
    """The champions by name: the newest announcement under that alias, broken or not.

    A broken newest one is not replaced by an older one in silence: ticks fall back and say why.
    """

    __slots__ = ("_behaviours", "_champions", "_small")

    def __init__(self) -> None:
        self._champions: dict[str, Choice] = {}
        self._small: dict[str, SmallChoice] = {name: none_of(name) for name in KINDS}
        self._behaviours: dict[str, BehaviourChoice] = {}

    def learn(self, announced: ModelAnnounced, offset: int) -> None:
        """Take in an announcement read from `models.v1`."""
        if announced.alias != CHAMPION:
            return
        if announced.name in KINDS:
            self._small[announced.name] = small_choice(announced, offset)
            self._behaviours.clear()
            return
        self._champions[announced.name] = choice_of(announced, offset)

    def champion(self, name: str = DEMAND) -> Choice:
        """The model to apply.

        >>> ModelBook().champion().fallback
        'no-model'
        """
        return self._champions.get(name, Choice(None, -1, NONE_ANNOUNCED))

    def behaviour(self, market: str) -> BehaviourChoice:
        """How cars and riders of the market answer: its fitted models, and why none where there is none."""
        if market not in self._behaviours:
            self._behaviours[market] = BehaviourChoice(tuple(one.usable_in(market) for one in self._small.values()))
        return self._behaviours[market]
