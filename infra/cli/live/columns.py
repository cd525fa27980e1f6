"""What each pane shows of its rows: titles, values to sort by, texts. Data, so that every drawing says the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from infra.cli.live import wording
from infra.cli.live.rows import CellRow, Hearing, QuoteRow, ServiceRow, Sight, TopicRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: `value` sorts, `text` shows. `wide` ones appear only where there is room."""

    title: str
    value: Callable[[Any], Any]
    text: Callable[[Any], str]
    right: bool = False
    wide: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """One kind of rows. `key` names a row over time; `old` says that its figures are no longer current."""

    name: str
    title: str
    rows: Callable[[Sight], Sequence[Any]]
    key: Callable[[Any], str]
    columns: tuple[Column, ...]
    old: Callable[[Any], bool] = lambda _row: False
    nothing: str = "nothing yet"

    def shown(self, *, wide: bool) -> tuple[Column, ...]:
        """Columns there is room for."""
        return tuple(column for column in self.columns if wide or not column.wide)


def _number(
    title: str, value: Callable[[Any], Any], text: Callable[[Any], str] = "{:,}".format, *, wide: bool = False
) -> Column:
    return Column(title=title, value=value, text=lambda row: text(value(row)), right=True, wide=wide)


def _words(title: str, value: Callable[[Any], str], *, wide: bool = False) -> Column:
    return Column(title=title, value=value, text=value, wide=wide)


def _clock(row: QuoteRow) -> str:
    return datetime.fromtimestamp(row.at_ms / 1000, UTC).strftime("%H:%M:%S")


def _price(row: QuoteRow) -> str:
    return wording.money(row.amount_minor, row.currency) if row.outcome == "priced" else row.outcome


def _multiplier(row: QuoteRow) -> str:
    return wording.times(row.multiplier_hundredths) if row.outcome == "priced" else "-"


def _reasons(row: QuoteRow | CellRow) -> str:
    return ", ".join(row.reasons)


def _lag(row: TopicRow) -> str:
    return "  ".join(f"{service} {behind:,}" for service, behind in sorted(row.lag.items()))


def _heard(row: ServiceRow) -> str:
    if row.hearing is Hearing.LIVE:
        return "live"
    return row.hearing.value if row.age_ms is None else f"{row.hearing.value} {wording.age(row.age_ms)}"


def _workers(row: ServiceRow) -> str:
    return f"{row.workers} (-{row.workers_gone})" if row.workers_gone else str(row.workers)


TOPIC_PANE = Pane(
    name="topics",
    title="Topics",
    rows=lambda sight: sight.topics,
    key=lambda row: row.topic,
    columns=(
        _words("topic", lambda row: row.topic),
        _number("msg/s", lambda row: row.messages_per_s, wording.rate),
        Column(
            title="bytes/s",
            value=lambda row: row.bytes_per_s or 0.0,
            text=lambda row: wording.size(row.bytes_per_s),
            right=True,
        ),
        _number("records", lambda row: row.messages),
        Column(
            title="trend", value=lambda row: row.messages_per_s, text=lambda row: wording.bars(row.history), wide=True
        ),
        Column(title="lag by service", value=lambda row: sum(row.lag.values()), text=_lag),
    ),
)

QUOTE_PANE = Pane(
    name="quotes",
    title="Quotes",
    rows=lambda sight: sight.quotes,
    key=lambda row: row.quote_id,
    columns=(
        Column(title="time", value=lambda row: row.at_ms, text=_clock),
        _words("cell", lambda row: wording.hexagon(row.cell)),
        _words("pickup near", lambda row: row.place, wide=True),
        _words("product", lambda row: row.product),
        Column(title="price", value=lambda row: row.amount_minor, text=_price, right=True),
        Column(title="mult", value=lambda row: row.multiplier_hundredths, text=_multiplier, right=True),
        _number("ms", lambda row: row.answered_ms, wide=True),
        _words("reasons", _reasons),
    ),
    nothing="no quotes yet; ask for one with `faretide quote`",
)

CELL_PANE = Pane(
    name="cells",
    title="Hottest cells",
    rows=lambda sight: sight.cells,
    key=lambda row: f"{row.cell}/{row.product}",
    columns=(
        _words("cell", lambda row: wording.hexagon(row.cell)),
        _words("near", lambda row: row.place, wide=True),
        _words("product", lambda row: row.product),
        _number("mult", lambda row: row.multiplier_hundredths, wording.times),
        _number("riders", lambda row: row.riders_milli, lambda milli: f"{milli / 1000:.1f}"),
        _number("cars", lambda row: row.cars_milli, lambda milli: f"{milli / 1000:.1f}"),
        _number("wait", lambda row: row.eta_s, lambda wait_s: f"{wait_s}s"),
        _number("age", lambda row: row.age_ms, wording.age),
        _words("reasons", _reasons),
    ),
    old=lambda row: row.age_ms > 15_000,
    nothing="every cell is at 1.0×",
)

SERVICE_PANE = Pane(
    name="services",
    title="Services",
    rows=lambda sight: sight.services,
    key=lambda row: row.service,
    columns=(
        _words("service", lambda row: row.service),
        Column(title="state", value=lambda row: row.age_ms if row.age_ms is not None else 1 << 62, text=_heard),
        Column(title="workers", value=lambda row: row.workers, text=_workers, right=True),
        _number("busy", lambda row: row.busy_share, lambda busy: f"{busy * 100:.0f} %"),
        _number("read/s", lambda row: row.read_per_s, wording.rate),
        _number("lag", lambda row: row.lag),
        _number("restarts", lambda row: row.restarts),
        _number("dead", lambda row: row.dead_letters),
        _number("late", lambda row: row.late_events),
    ),
    old=lambda row: row.hearing is not Hearing.LIVE,
)

PANES: Mapping[str, Pane] = {pane.name: pane for pane in (QUOTE_PANE, TOPIC_PANE, CELL_PANE, SERVICE_PANE)}


def headline(sight: Sight) -> list[str]:
    """The three lines above every pane; each fits 78 columns."""
    rates = "  ".join(f"{name} {wording.rate(per_s)}/s" for name, per_s in sight.rates_per_s.items())
    faults = f"dead letters {sight.dead_letters:,}  late events {sight.late_events:,}"
    fallen = f"fallback quotes {sum(sight.fallback_quotes.values()):,}  conflicts {sight.conflicting_quotes:,}"
    return [
        f"{rates}  lag {sight.lag:,}",
        f"quote {wording.spread(sight.quote_latency_ms)}  fresh {wording.spread(sight.freshness_ms)}",
        f"{faults}  {fallen}  by model {wording.share(sight.share_of_ticks_with_model)}",
    ]
