"""Whether a model may price a market: only one that was trained there knows its usual week.

A model knows a market if it has the market's time zone and at least one of its cells. Elsewhere it would put the shape
of one city's week, and the smallest share it knows, on another: its forecasts would be wrong by the size of the city.
A market without a model of its own is priced by the closed form on a week without shape, and its ticks say why.
"""

from functools import lru_cache

from pricing.models.demand_model import DemandModel
from pricing.models.model_choice import Choice
from pricing.rules.markets import Market

OTHER_MARKET = "model-of-another-market"


def usable_in(choice: Choice, market: Market) -> Choice:
    """The choice if its model knows the market, else none with the reason; one that fell back stays as it is."""
    if choice.model is None or knows(choice.model, market):
        return choice
    return Choice(None, choice.offset, OTHER_MARKET)


@lru_cache(256)
def knows(model: DemandModel, market: Market) -> bool:
    """Whether the model was trained in the market; remembered per version of both."""
    same_clock = model.base.time_zone == market.time_zone
    return same_clock and any(cell in market.jurisdiction_of for cell in model.base.cells.tolist())
