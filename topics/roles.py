"""Who reads and writes which topic: the contract of each service and of each kind of client, as data.

A service is started with the schemas and the partition counts of its role's topics and of no others, so what it says
here is what it can do; the rights it needs on secured brokers are derived from the same place. The words in the
catalogue (`writer`, `readers`) say it for people, and a test keeps the two equal.
"""

from dataclasses import dataclass
from functools import cached_property

from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEAD_LETTERS,
    DEMAND_CELLS,
    DRIVER_PINGS,
    EVERY_TOPIC,
    FORECAST_STATE,
    LATE_EVENTS,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    TELEMETRY,
    Topic,
    dead_letters_of,
)

GROUP_PREFIX = "faretide-"


@dataclass(frozen=True, kw_only=True)
class Role:
    """What one service or one kind of client does with the topics.

    `shares` are read in the consumer group `group`, `follows` are read whole outside any. `refuses` are those inputs
    whose bad records it dead-letters. `tables` are Faust tables, each with a changelog. `creates` says whether it makes
    the catalogue's topics. `group` is a prefix for a client, who may have several groups.
    """

    name: str
    about: str
    is_service: bool = False
    shares: tuple[Topic, ...] = ()
    follows: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    refuses: tuple[Topic, ...] = ()
    tables: tuple[str, ...] = ()
    group: str = ""
    creates: bool = False

    @cached_property
    def reads(self) -> tuple[Topic, ...]:
        """Every topic it reads, each once."""
        return tuple({topic.name: topic for topic in (*self.shares, *self.follows)}.values())

    @cached_property
    def publishes(self) -> tuple[Topic, ...]:
        """Every topic it writes, dead letters included."""
        return (*self.writes, *(dead_letters_of(topic) for topic in self.refuses))

    @cached_property
    def topics(self) -> tuple[Topic, ...]:
        """Every topic it has to do with, each once."""
        return tuple({topic.name: topic for topic in (*self.reads, *self.publishes)}.values())

    @property
    def changelogs(self) -> tuple[str, ...]:
        """Names of its tables' changelogs, as Faust makes them."""
        return tuple(f"{self.group}-{table}-changelog" for table in self.tables)


SUPPLY = Role(
    name="supply",
    about="counts cars",
    is_service=True,
    group=f"{GROUP_PREFIX}supply",
    shares=(DRIVER_PINGS,),
    writes=(SUPPLY_CELLS, LATE_EVENTS, TELEMETRY),
    refuses=(DRIVER_PINGS,),
)
DEMAND = Role(
    name="demand",
    about="counts riders",
    is_service=True,
    group=f"{GROUP_PREFIX}demand",
    shares=(QUOTE_REQUESTS, BOOKING_DECISIONS),
    writes=(DEMAND_CELLS, CITY_DEMAND, LATE_EVENTS, TELEMETRY),
    refuses=(QUOTE_REQUESTS, BOOKING_DECISIONS),
)
PRICING = Role(
    name="pricing",
    about="publishes ticks",
    is_service=True,
    group=f"{GROUP_PREFIX}pricing",
    shares=(SUPPLY_CELLS, DEMAND_CELLS),
    follows=(CITY_DEMAND, PRICING_POLICY, MARKETS, MODELS, SURGE, FORECAST_STATE),
    writes=(SURGE, FORECAST_STATE, TELEMETRY),
    refuses=(SUPPLY_CELLS, DEMAND_CELLS, PRICING_POLICY, MARKETS, MODELS),
    tables=("panes",),
)
QUOTING = Role(
    name="quotes",
    about="answers requests, judges acceptances",
    is_service=True,
    group=f"{GROUP_PREFIX}quotes",
    shares=(QUOTE_REQUESTS, RIDE_EVENTS),
    follows=(SURGE, PRICING_POLICY, MARKETS, QUOTES, BOOKING_DECISIONS),
    writes=(QUOTES, BOOKING_DECISIONS, TELEMETRY),
    refuses=(RIDE_EVENTS, PRICING_POLICY, MARKETS),
)
RECORDER = Role(
    name="recorder",
    about="keeps records in the database",
    is_service=True,
    group=f"{GROUP_PREFIX}recorder",
    shares=(QUOTES, SURGE, BOOKING_DECISIONS, RIDE_EVENTS, *DEAD_LETTERS),
    writes=(TELEMETRY,),
)
DRIVER_APP = Role(name="driver-app", about="tells where drivers are", writes=(DRIVER_PINGS,))
RIDER_APP = Role(
    name="rider-app",
    about="asks for quotes, accepts them, reads the answers",
    group="rider-app",
    follows=(QUOTES, BOOKING_DECISIONS),
    writes=(QUOTE_REQUESTS, RIDE_EVENTS),
)
DISPATCH_APP = Role(name="dispatch-app", about="tells how rides go on", writes=(RIDE_EVENTS,))
TRAINING = Role(name="training", about="announces models", follows=(MODELS,), writes=(MODELS,))
OPERATOR = Role(
    name="operator",
    about="creates topics, governs prices, looks at everything",
    group=GROUP_PREFIX,
    follows=EVERY_TOPIC,
    writes=(PRICING_POLICY, MARKETS, MODELS),
    creates=True,
)

ROLES: tuple[Role, ...] = (
    SUPPLY,
    DEMAND,
    PRICING,
    QUOTING,
    RECORDER,
    DRIVER_APP,
    RIDER_APP,
    DISPATCH_APP,
    TRAINING,
    OPERATOR,
)
SERVICES = tuple(role.name for role in ROLES if role.is_service)
"""Each is a module of `agents`."""
PRICING_CHAIN = tuple(role.name for role in (SUPPLY, DEMAND, PRICING, QUOTING))
"""What it takes to answer a request: every service but the recorder, which is of use only beside a database."""


def role_named(name: str) -> Role:
    """The role of that name. Raises ValueError naming the known ones if there is none.

    >>> role_named("supply").changelogs, role_named("pricing").changelogs
    ((), ('faretide-pricing-panes-changelog',))
    """
    for role in ROLES:
        if role.name == name:
            return role
    raise ValueError(f"role must be one of {', '.join(role.name for role in ROLES)}, got {name!r}")
