"""The world in which policies are compared: New York as shipped, other people in it, models beside the shipped ones."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from infra.cli.exits import CommandError, ExitCode

if TYPE_CHECKING:
    from simulation.lockstep.trials import World
    from topics.control import ModelAnnounced


def world_of(drivers: int) -> "World":
    """New York as shipped, with so many drivers."""
    from infra.cli.seeding import shipped_model
    from pricing.defaults import new_york_market, new_york_policy
    from simulation.lockstep.assumptions import Assumptions
    from simulation.lockstep.ground import new_york
    from simulation.lockstep.trials import World

    return World(
        ground=new_york(),
        market=new_york_market(),
        policy=new_york_policy(),
        model=shipped_model(0),
        assumed=Assumptions(drivers=drivers),
    )


def world_of_people(people: str, drivers: int, further: Sequence[Path]) -> "World":
    """New York as shipped but for its people, and with the models of these files for the policy faretide to price by.

    Raises CommandError for people nobody described, or a file that is no model of this city.
    """
    from simulation.lockstep.people import PEOPLE, world_with

    if people not in PEOPLE:
        raise CommandError(f"--people must be one of {', '.join(PEOPLE)}, got {people!r}", ExitCode.USAGE)
    usual = world_of(drivers)
    return world_with(people, replace(usual, further=tuple(_further(file, usual) for file in further)))


def _further(file: Path, world: "World") -> "ModelAnnounced":
    """The model in the file. Raises CommandError if it is none, or not one of the city's market."""
    from infra.cli.replaying.otherwise import model_in
    from pricing.models.behaviour_models import KINDS, small_choice
    from pricing.models.demand_model import model_of
    from pricing.models.model_choice import Choice
    from pricing.models.model_coverage import usable_in

    if not file.is_file():
        raise CommandError(f"--model must be a file that `faretide train` wrote, {file} is none", ExitCode.USAGE)
    made, market = model_in(file, 0), world.compiled
    if made.name in KINDS:
        fallback = small_choice(made, 0).usable_in(market.name).fallback
    else:
        fallback = usable_in(Choice(model_of(made), 0, ""), market).fallback
    if fallback:
        raise CommandError(f"--model {file} cannot price {market.name}: {fallback}", ExitCode.USAGE)
    return made
