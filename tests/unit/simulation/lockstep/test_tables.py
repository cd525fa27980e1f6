"""Tables of simulated cities: kept runs are not played again, ratio rules are climbed to, reports become text."""

from dataclasses import asdict
from pathlib import Path

import orjson
import pytest

from simulation.lockstep import facts, misfits
from simulation.lockstep.fitted import RATIO_START, RatioRule
from simulation.lockstep.kept_runs import kept_or_played
from simulation.lockstep.outcome import Outcome
from simulation.lockstep.people import OTHERS
from simulation.lockstep.tuning import climbed

OUTCOME = Outcome(**dict.fromkeys(Outcome.__dataclass_fields__, 1.5))  # type: ignore[arg-type]  # whole numbers, too


def test_a_kept_run_is_not_played_again(tmp_path):
    """The first call plays and keeps, the second reads; without a directory every call plays."""
    played = []

    def play():
        played.append(1)
        return OUTCOME

    assert kept_or_played(tmp_path / "runs", "a-1", play) == OUTCOME
    assert kept_or_played(tmp_path / "runs", "a-1", play) == OUTCOME
    assert len(played) == 1
    kept_or_played(None, "a-1", play)
    assert len(played) == 2


@pytest.mark.parametrize("text", ["", "{}", '{"welfare": 1}', "[1]"])
def test_a_file_that_is_no_run_of_this_version_is_refused_by_name(tmp_path, text):
    """The sentence names the file and what to do."""
    (tmp_path / "a-1.json").write_text(text)
    with pytest.raises(ValueError, match=r"a-1\.json must hold the outcome .* delete it"):
        kept_or_played(tmp_path, "a-1", lambda: OUTCOME)


@pytest.mark.parametrize(("free", "slope"), [(0.5, 1.0), (4.0, 0.0625), (1.5, 0.25)])
def test_a_ratio_rule_is_climbed_to_wherever_on_the_grid_it_is(free, slope):
    """Of a worth with one summit the summit is found, without playing the whole grid."""
    asked = []

    def worth(rule):
        asked.append(rule)
        return -abs(rule.free - free) - abs(rule.slope - slope)

    assert climbed(RATIO_START, worth) == RatioRule(free=free, slope=slope)
    assert len(asked) == len(set(asked)) < 35


def difference(other, measure):
    return {"policy": "faretide", "other": other, "measure": measure, "mean": 1.0, "low": -2.0, "high": 4.0}


def test_reports_become_tables_with_a_row_for_each_rival_and_each_fact(tmp_path: Path):
    """Nothing is retyped between a report and the page."""
    measures = ("welfare", "p90_wait_s", "completed")
    found = {
        "policies": {"none": {}, "faretide": {}},
        "differences": [difference("none", measure) for measure in measures],
    }
    document = {"people": {people: dict.fromkeys(misfits.PLAYED, found) for people in OTHERS}}
    (tmp_path / misfits.FILE).write_bytes(orjson.dumps(document))
    rows = misfits.misfits_table(tmp_path).splitlines()
    assert len(rows) == 2 + len(OTHERS) * len(misfits.PLAYED)
    assert rows[2] == "| elasticity-half | stadium | none | " + " | ".join(["+1 (-2 to +4)"] * 3) + " |"
    fact = facts.Fact(use="tested", fact="a wait", source="somebody", published="2", here="3", agrees=False)
    (tmp_path / facts.FILE).write_bytes(orjson.dumps({"facts": [asdict(fact)]}))
    assert facts.facts_table(tmp_path).splitlines()[2] == "| tested | a wait | 2 (somebody) | 3 | **no** |"
