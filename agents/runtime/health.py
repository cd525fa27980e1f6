"""Whether a worker lives and whether it does all its work: rules over one look at it.

    live     no: start it again, waiting would not help     an agent died · the loop is stuck · reading stopped
    ready    no: it may come by itself                      starting · nothing assigned · restoring · reading again
                                                            · broker away · stopping · not live

Not live implies not ready. Lag alone is neither: a worker that works off a backlog does what it should.
"""

from dataclasses import dataclass

from agents.runtime.supervision import Stall


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """After how many seconds silence is a fault. The process's own watchdog ends it only after a minute."""

    loop_s: float = 10.0
    reading_s: float = 30.0
    broker_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One look at a worker.

    `loop_silent_s` are seconds since the event loop last took a turn, `broker_silent_s` since the group last accepted a
    heartbeat; None before the first. `epoch_begun` says that the agents know of their partitions; `replaying` are
    assigned partitions that are read again up to their commits.
    `unread` are records of assigned partitions, held ones aside, which no agent has acknowledged; `batches` is the
    number of batches acknowledged so far.
    """

    started: bool = False
    stopping: bool = False
    dead_agents: tuple[str, ...] = ()
    loop_silent_s: float | None = None
    broker_silent_s: float | None = None
    assigned: int = 0
    restoring_tables: bool = False
    epoch_begun: bool = False
    replaying: int = 0
    unread: int = 0
    batches: int = 0
    limits: Limits = Limits()

    def acknowledged(self) -> int:
        """Number of batches acknowledged so far."""
        return self.batches

    def behind(self) -> bool:
        """Whether there is something to do."""
        return self.unread > 0

    def connected(self) -> bool:
        """Whether the broker answers: an outage is no reason to start a worker again."""
        return _within(self.broker_silent_s, self.limits.broker_s)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, one sentence each; nothing if all is well."""

    reasons: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether there is nothing to complain of."""
        return not self.reasons


@dataclass(slots=True)
class Health:
    """Looks at a worker again and again; only that it stopped reading takes more than one look to see."""

    limits: Limits
    _stall: Stall
    _stalled: bool

    def __init__(self, limits: Limits) -> None:
        self.limits, self._stall, self._stalled = limits, Stall(limits.reading_s), False

    def observe(self, view: View, now_s: float) -> None:
        """Take one look at `now_s` (any monotonic clock)."""
        self._stalled = self._stall.observe(view, now_s)

    def live(self, view: View) -> Verdict:
        """Whether the worker should go on.

        >>> Health(Limits()).live(View(started=True, dead_agents=("supply.driver-pings.v1",))).reasons
        ('the agent supply.driver-pings.v1 died',)
        """
        reasons = [f"the agent {name} died" for name in view.dead_agents if not view.stopping]
        if not view.stopping and not _within(view.loop_silent_s, self.limits.loop_s):
            reasons.append(f"the event loop has been stuck for {view.loop_silent_s:.0f} s")
        if self._stalled:
            reasons.append(
                f"reading stopped: no batch done for {self.limits.reading_s:.0f} s, {view.unread} records wait"
            )
        return Verdict(tuple(reasons))

    def ready(self, view: View) -> Verdict:
        """Whether the worker does all its work.

        >>> Health(Limits()).ready(View(started=True, assigned=4, epoch_begun=True, replaying=2)).reasons
        ('2 of 4 partitions are read again up to where they were committed',)
        """
        reasons = [*self.live(view).reasons, *_unready(view)]
        if not view.connected():
            reasons.append(f"the group has accepted no heartbeat for {view.broker_silent_s:.0f} s")
        return Verdict(tuple(reasons))


def _unready(view: View) -> list[str]:
    """The first thing that stands between this worker and its work, in the order in which they pass."""
    obstacles = (
        (view.stopping, "it stops"),
        (not view.started, "it starts"),
        (view.restoring_tables, "its tables are restored"),
        (not view.assigned, "no partition is assigned"),
        (not view.epoch_begun, "what it knew of its partitions is read back"),
        (
            view.replaying > 0,
            f"{view.replaying} of {view.assigned} partitions are read again up to where they were committed",
        ),
    )
    return [sentence for stands, sentence in obstacles if stands][:1]


def _within(silent_s: float | None, limit_s: float) -> bool:
    return silent_s is None or silent_s < limit_s
