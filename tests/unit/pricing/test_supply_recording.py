"""Recorded minutes as a file, and what is fitted and scored on them: by span, by name, and nothing without a row."""

from dataclasses import replace

import numpy as np
import pytest

from infra.cli.exits import CommandError
from infra.cli.train_supply import supply_command
from pricing.learning.supply_fits import fitted_supply, usual_counts
from pricing.learning.supply_scores import idle_scored
from pricing.models.supply_recording import COLUMNS, COUNTS, csv_rows, cut, spans_of_csv
from tests.unit.pricing.recorded_minutes import LAYOUT, drawn


def test_a_minute_without_a_car_is_no_minute_without_a_record():
    """One car in every tenth of 200 minutes: one span of them all, in which a tenth of a car usually stands."""
    span = drawn(200)
    rare = replace(span, **{kind: np.zeros_like(getattr(span, kind)) for kind in COUNTS})
    rare.idle[::10, 3] = 1
    [again] = spans_of_csv(",".join(row) for row in csv_rows([rare]))
    assert again.at_ms.tolist() == rare.at_ms.tolist()
    assert usual_counts([again]) == {int(span.cells[3]): 0.1}


def test_a_file_gives_back_what_was_written():
    """Two spans of the same instants, and a break that makes two of one."""
    first, broken = drawn(4), drawn(9, seed=2)
    kept = np.arange(9) != 4
    broken = replace(broken, name="broken", at_ms=broken.at_ms[kept], **{k: getattr(broken, k)[kept] for k in COUNTS})
    again = spans_of_csv(",".join(row) for row in csv_rows([first, broken]))
    assert [(span.name, span.at_ms.size) for span in again] == [("drawn", 4), ("broken", 4), ("broken", 4)]
    for kind in COUNTS:
        shown = getattr(first, kind)[:, np.isin(first.cells, again[0].cells)]
        assert getattr(again[0], kind).tolist() == shown.tolist()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["at_ms,cell"], "must have the columns span,at_ms"),
        ([], "got none"),
        ([",".join(COLUMNS), "a,60000,882a100d67fffff,1,many,0,0"], "line 2 must hold a span, whole numbers"),
        ([",".join(COLUMNS), "a,60001,882a100d67fffff,1,1,0,0"], "line 2 must hold 4 counts at a whole minute"),
        ([",".join(COLUMNS), "a,60000,882a100d67fffff,1,1,-1,0"], "line 2 must hold 4 counts"),
        ([",".join(COLUMNS), "a,60000,882a100d67fffff,1,1,99999999999999999999,0"], "line 2 must hold at_ms to"),
        ([",".join(COLUMNS), "a,60000,ff,1,1,1,0"], "line 2 must hold at_ms to .* an H3 cell"),
    ],
)
def test_a_bad_file_is_refused_by_line(lines, said):
    """What is missing, or where."""
    with pytest.raises(ValueError, match=said):
        spans_of_csv(lines)


def test_the_last_third_of_each_span_is_kept_for_scoring():
    """What comes later is what a model must be good on."""
    early, late = cut([drawn(30)])
    assert (early[0].at_ms.size, late[0].at_ms.size) == (20, 10)
    assert early[0].at_ms.max() < late[0].at_ms.min()
    assert [len(part) for part in cut([drawn(1)])] == [0, 1]


def test_evenings_are_scored_by_name_and_none_without_a_row():
    """Two spans of one name are one evening; one of ten minutes has no half hour before a row, and no score."""
    history = [drawn(150, seed=seed) for seed in (1, 2)]
    test = [drawn(110, seed=3), drawn(120, seed=4), replace(drawn(10), name="short")]
    scored = idle_scored(fitted_supply(history), history, test)
    for horizon_min, found in scored.items():
        assert found.rows == LAYOUT.cells.size * sum(minutes - 32 - horizon_min for minutes in (110, 120))
        assert found.by_span == {"drawn": found.scores}
        assert found.covered_by_span == {"drawn": found.covered}


def test_a_test_too_short_to_score_on_is_named(tmp_path):
    """Who is told of the file that is at fault need not look at the other."""
    files = {name: tmp_path / f"{name}.csv" for name in ("history", "test")}
    for name, minutes in (("history", 240), ("test", 40)):
        rows = csv_rows([drawn(minutes)])
        files[name].write_text("".join(f"{','.join(row)}\n" for row in rows), encoding="utf-8")
    with pytest.raises(CommandError, match=r"test\.csv cannot be scored on: .*record longer"):
        supply_command(cars=files["history"], test=files["test"], output=tmp_path)
    with pytest.raises(CommandError, match=r"the last third of each span of .*history\.csv cannot be scored on"):
        supply_command(cars=files["history"], output=tmp_path)


def test_where_hardly_a_car_is_expected_the_spread_is_still_that_of_the_counts():
    """A fifth of a car in each cell, its variance 0.2 + 0.9 x 0.2 ** 1.5: the search has nothing to go by."""
    model = fitted_supply([drawn(240, level=0.2)])
    assert [at.spread for at in model.idle.horizons] == pytest.approx([0.9] * 4, abs=0.4)
