"""The rules of the live view: what figures mean, which rows are shown, how values read. No terminal, no broker."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from infra.cli.live.choosing import Filter, Order, chosen
from infra.cli.live.columns import CELL_PANE, PANES, QUOTE_PANE, SERVICE_PANE, headline
from infra.cli.live.notices import Notices
from infra.cli.live.plain import snapshot
from infra.cli.live.recent import Budget, Ends, RecentValues, Spread
from infra.cli.live.rows import Hearing
from infra.cli.live.seen import Seen
from infra.cli.live.sight import cell_rows, lag_by_topic, quote_row, service_rows
from infra.cli.output import to_json
from tests.unit.infra.live_looks import NOW_MS, QUOTE, TICK, entry, sample, seen_city, sight
from topics.catalogue import DRIVER_PINGS, QUOTES, SURGE, TELEMETRY
from topics.events import DriverPinged

GOLDEN = Path(__file__).with_name("live_snapshot.txt")


def test_the_plain_snapshot_is_golden():
    """What a pipe gets changes only on purpose."""
    assert "\n".join(snapshot(sight())) == GOLDEN.read_text().rstrip("\n")


def test_a_snapshot_is_plain_and_a_look_is_json():
    """No control characters, no trailing space, about 100 columns; every look can be said in JSON."""
    lines = snapshot(sight())
    assert all(line.isprintable() and line == line.rstrip() and len(line) <= 110 for line in lines)
    whole = json.loads(to_json(sight()))
    assert whole["quote_latency_ms"]["p50_ms"] == 40
    assert [row["hearing"] for row in whole["services"]] == ["live", "never", "silent", "live"]


@pytest.mark.parametrize("pane", PANES.values(), ids=list(PANES))
def test_every_pane_fits_eighty_columns(pane):
    """Without the wide columns and with reasons cut, a pane of realistic rows needs 76 columns at most."""
    columns = pane.shown(wide=False)
    rows = pane.rows(sight())
    widths = [max(len(column.title), *(len(column.text(row)) for row in rows)) + 2 for column in columns]
    cut = widths[:-1] if columns[-1].title in {"reasons", "lag by service"} else widths
    assert sum(cut) <= 76


def test_the_headline_fits_eighty_columns_at_high_rates():
    """Also when a city of millions runs through it."""
    slow = Spread(p50_ms=1_234, p95_ms=2_345, p99_ms=3_456, samples=9)
    rates = dict.fromkeys(("pings", "requests", "quotes", "ticks"), 12_345.0)
    busy = replace(sight(), rates_per_s=rates, quote_latency_ms=slow, freshness_ms=slow)
    assert all(len(line) <= 78 for line in headline(busy))


def test_a_rate_is_of_the_last_seconds_only():
    """Ends of long ago do not dilute it, and one look alone gives none."""
    ends = Ends()
    ends.add({("t", 0): 0}, at_ms=0)
    assert ends.per_s("t", now_ms=0) == 0
    ends.add({("t", 0): 10, ("t", 1): 500}, at_ms=60_000)  # partition 1 was not known before: no growth
    ends.add({("t", 0): 110, ("t", 1): 700}, at_ms=62_000)
    assert ends.per_s("t", now_ms=62_000) == 150
    assert ends.history("t") == [10 * 1000 / 60_000, 150]


def test_lag_is_what_was_there_when_the_worker_reported():
    """Records that came after its sample are no lag; of two workers that name a partition the farther one counts."""
    ends = Ends()
    ends.add({("driver-pings.v1", 0): 100}, at_ms=NOW_MS - 500)
    ends.add({("driver-pings.v1", 0): 9_000}, at_ms=NOW_MS + 500)
    seen = Seen()
    seen.add(entry(TELEMETRY, sample("supply", read=79)))
    assert lag_by_topic(seen.workers.values(), ends) == {"driver-pings.v1": {"supply": 20}}
    seen.add(entry(TELEMETRY, sample("supply", worker="supply-1", read=94)))
    assert lag_by_topic(seen.workers.values(), ends) == {"driver-pings.v1": {"supply": 5}}


def test_figures_of_the_last_minute_forget():
    """A percentile speaks of the last minute, negative durations count as zero."""
    values = RecentValues()
    values.add(9_000, at_ms=0)
    values.add(-5, at_ms=50_000)
    assert values.spread(50_000).p99_ms == 9_000
    assert (values.spread(60_001).p99_ms, values.spread(60_001).samples) == (0, 1)


def test_a_budget_bounds_what_is_decoded_and_tells_the_share():
    """A flood of a second costs no more than the budget; afterwards all is seen again."""
    budget = Budget(per_s=100)
    assert sum(budget.take(1_000) for _ in range(10_000)) == 100
    assert budget.share == 0.01
    assert sum(budget.take(1_000 + ms) for ms in range(20, 2_020, 20)) == 100


def test_a_service_falls_silent_and_keeps_its_last_figures():
    """Late after five seconds, silent after fifteen; the last figures stay and age."""
    seen = Seen()
    seen.add(entry(TELEMETRY, sample("supply", lag=7)))
    for age_ms, heard in ((5_000, Hearing.LIVE), (5_001, Hearing.LATE), (15_001, Hearing.SILENT)):
        (row,) = service_rows(seen.workers.values(), now_ms=NOW_MS + age_ms, expected=("supply",), restarts={})
        assert (row.hearing, row.lag, row.workers, row.age_ms) == (heard, 7, 1, age_ms)
        assert SERVICE_PANE.old(row) == (heard is not Hearing.LIVE)


def test_a_dead_worker_beside_a_live_one_is_named_and_not_added():
    """Sums are of the live ones; the other is counted as gone."""
    seen = Seen()
    seen.add(entry(TELEMETRY, sample("supply", worker="a", lag=100), at_ms=NOW_MS - 30_000))
    seen.add(entry(TELEMETRY, sample("supply", worker="b", lag=1)))
    (row,) = service_rows(seen.workers.values(), now_ms=NOW_MS, expected=(), restarts={})
    assert (row.hearing, row.workers, row.workers_gone, row.lag) == (Hearing.LIVE, 1, 1, 1)


def test_a_restart_is_told_by_the_sample_unless_somebody_counts():
    """Another start under the same name is a restart; `up` knows better and is believed."""
    seen = Seen()
    for started_ms in (1.0, 1.0, 2.0):
        seen.add(entry(TELEMETRY, sample("supply", started_ms=started_ms)))
    (told,) = service_rows(seen.workers.values(), now_ms=NOW_MS, expected=(), restarts={})
    (counted,) = service_rows(seen.workers.values(), now_ms=NOW_MS, expected=(), restarts={"supply": 4})
    assert (told.restarts, counted.restarts) == (1, 4)


def test_hot_cells_are_highest_first_with_their_own_figures():
    """Cell-major arrays: product, forecast, wait and reasons go by position; 1.00 is not hot, nor is old news."""
    hottest, second = cell_rows([TICK], now_ms=NOW_MS)
    assert (hottest.product, hottest.multiplier_hundredths, hottest.riders_milli, hottest.eta_s) == (
        "xl",
        210,
        900,
        300,
    )
    assert hottest.reasons == ["demand-and-supply", "rate-limit"]
    assert (second.product, second.cell, second.reasons) == ("standard", "882a100d67fffff", ["demand-and-supply"])
    assert not cell_rows([replace(TICK, now_ms=NOW_MS - 120_001)], now_ms=NOW_MS)


def test_a_quote_row_names_every_rule_and_a_refusal_its_code():
    """A fallback stands among the reasons; a refusal shows as what it is."""
    assert quote_row(replace(QUOTE, fallback="stale-tick")).reasons == ["stale-tick", "rate-limit"]
    (refused, *_) = (row for row in sight().quotes if row.outcome == "refused")
    texts = [column.text(refused) for column in QUOTE_PANE.columns]
    assert (texts[4], texts[-1]) == ("refused", "too-far")


def test_outcomes_and_model_share_add_up():
    """Counts are by outcome; a tick without a model is counted under its reason."""
    seen = seen_city()
    seen.add(entry(SURGE, replace(TICK, model="", fallback="no-model")))
    assert (dict(seen.outcomes), dict(seen.refusals)) == ({"priced": 3, "refused": 1}, {"too-far": 1})
    assert (seen.ticks, seen.ticks_with_model, dict(seen.tick_fallbacks)) == (2, 1, {"no-model": 1})
    assert seen.surged == 3


def test_records_that_cannot_be_read_are_counted_not_fatal():
    """A tombstone is nothing, an undecodable record is counted by topic."""
    seen = Seen()
    seen.add(replace(entry(QUOTES, None), problem="no frame"))
    seen.add(entry(QUOTES, None))
    assert dict(seen.unreadable) == {"quotes.v1": 1}


@pytest.mark.parametrize("lat", [400.0, math.nan, math.inf])
def test_a_ping_from_no_place_ends_nothing(lat):
    """It can be decoded, and SUPPLY makes a dead letter of it; who only watches goes on."""
    ping = DriverPinged(driver_id="d", at_ms=NOW_MS, lat=lat, lon=0.0, status="IDLE", products=[], free_at_ms=None)
    seen = Seen()
    seen.add(entry(DRIVER_PINGS, ping))
    assert not seen.unreadable


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["q-4", "q-3", "q-2", "q-1"]),
        ("product:xl", ["q-2"]),
        ("product:x", []),
        ("zone:862A10", ["q-4", "q-3", "q-2", "q-1"]),
        ("zone:99", []),
        ("too-far", ["q-4"]),
        ("product:standard 9.90", ["q-3"]),
    ],
)
def test_a_filter_keeps_what_meets_all_of_it(text, found):
    """Zones by their beginning, products exactly, words anywhere in what is shown."""
    rows = chosen(QUOTE_PANE, sight().quotes, Filter.parse(text), Order())
    assert [row.quote_id for row in rows] == found


def test_rows_without_such_a_field_do_not_meet_it():
    """`product:` says nothing about services, so none is shown rather than all."""
    assert not chosen(SERVICE_PANE, sight().services, Filter.parse("product:xl"), Order())


def test_sorting_goes_through_the_columns_and_back_to_none():
    """By value, not by text: 9.90 is less than 23.10; equal rows stay as they came."""
    titles = [column.title for column in CELL_PANE.columns]
    order = Order()
    seen = [(order := order.next(titles)).column for _ in range(len(titles) + 1)]
    assert seen == [*titles, None]
    rows = chosen(QUOTE_PANE, sight().quotes, Filter.parse("usd"), Order("price").reversed())
    assert [row.amount_minor for row in rows] == [990, 2310, 4120]


def test_what_is_told_while_the_terminal_is_drawn_on_is_said_afterwards(monkeypatch):
    """Nothing is said inside, nothing is lost, log lines included."""
    import logging

    said: list[str] = []
    notices = Notices(say=said.append, clock_ms=lambda: NOW_MS)
    notices("before")
    handler = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    with notices.held():
        notices("supply ended with code 70")
        handler.emit(logging.LogRecord("x", logging.WARNING, "", 0, "a line of the log", None, None))
        assert said == ["before"]
    assert said == ["before", "supply ended with code 70", "a line of the log"]
    assert [notice.sentence for notice in notices.kept] == said
