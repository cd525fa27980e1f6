"""Forecast and train commands say what is wrong with a file before they work for minutes."""

import gzip
import json
from pathlib import Path

import pytest

from infra.cli.cars import read_cars
from infra.cli.exits import CommandError, ExitCode
from infra.cli.forecast import backtest_command, read_pickups
from infra.cli.offers import DAY_MS, read_offers, since
from infra.cli.trained_files import keep

HEADER = "pickup_local,lat,lon,base\n"
ROW = "2014-06-01T00:04,40.7555,-73.9833,B02512\n"
REFUSED = {
    "no such file": ({"history": "nowhere.csv"}, "nowhere.csv cannot be read: No such file"),
    "a header alone": ({"history": HEADER}, "no pickups"),
    "a line that is none": ({"history": HEADER + ROW + "June,40,-73,x\n"}, "line 3 must be pickup_local"),
    "a bin nobody forecasts": ({"bin_minutes": 7}, "--bin must be one of 5, 15, 30, 60"),
    "a place that is none": ({"output": "no/such/place.csv"}, "must be a file in a directory that exists"),
    "a directory for a file": ({"output": "."}, "must be a file in a directory that exists"),
}


def torn():
    """A packed file whose bytes were overwritten in the middle."""
    body = bytearray(gzip.compress((HEADER + 500 * ROW).encode(), mtime=0))
    body[20:40] = b"\xff" * 20
    return bytes(body)


@pytest.mark.parametrize("read", [read_cars, read_offers, read_pickups])
def test_a_torn_file_is_named(read, tmp_path):
    """What unpacking says of it is no sentence of ours; the file's name is."""
    file = tmp_path / "mine.csv.gz"
    file.write_bytes(torn())
    with pytest.raises(CommandError, match=r"mine\.csv\.gz cannot be read: ") as refused:
        read(file)
    assert refused.value.code == ExitCode.USAGE


@pytest.mark.parametrize("read", [read_cars, read_offers])
def test_a_cell_of_a_file_without_end_is_named(read, tmp_path):
    """The CSV reader refuses what is longer than any value."""
    file = tmp_path / "mine.csv"
    file.write_text("x" * 200_000, encoding="utf-8")
    with pytest.raises(CommandError, match=r"mine\.csv: field larger") as refused:
        read(file)
    assert refused.value.code == ExitCode.USAGE


def test_no_broker_is_asked_for_what_was_before_1970():
    """The longest spans the options take reach back further than epoch milliseconds do."""
    assert since("--days", 36_500.0, DAY_MS) == since("--hours", 876_000.0, 3_600_000) == 0
    with pytest.raises(CommandError, match="--hours must be a finite number, got nan"):
        since("--hours", float("nan"), 3_600_000)


def test_a_share_that_is_no_number_is_refused(tmp_path):
    """It is neither above nor below the least there may be."""
    file = written(tmp_path, None)
    for option in ("least_per_day", "scored_per_day"):
        with pytest.raises(CommandError, match="-per-day must be a finite number, got nan"):
            backtest_command(history=file, test=file, **{option: float("nan")})


def written(tmp_path: Path, said: str | None) -> Path:
    """A file with these lines; a name alone is a file that is not there."""
    text = HEADER + ROW if said is None else said
    if "\n" in text:
        (tmp_path / "pickups.csv").write_text(text, encoding="utf-8")
        return tmp_path / "pickups.csv"
    return tmp_path / text


@pytest.mark.parametrize("what", REFUSED)
def test_a_backtest_that_cannot_end_well_does_not_begin(what, tmp_path):
    """A usage error with the file and the line, or the option."""
    changes, said = REFUSED[what]
    given = {"bin_minutes": 15} | changes
    output = given.get("output")
    with pytest.raises(CommandError, match=said) as refused:
        backtest_command(
            history=written(tmp_path, given.get("history")),
            test=written(tmp_path, None) if "history" not in given else tmp_path / "unread.csv",
            bin_minutes=given["bin_minutes"],
            output=tmp_path / output if output else None,
        )
    assert refused.value.code == ExitCode.USAGE


def test_a_backtest_of_the_past_names_the_days_of_both_files(tmp_path):
    """Who swapped the two files sees it."""
    file = written(tmp_path, HEADER + 5 * ROW)
    with pytest.raises(CommandError, match=r"2014-06-01 to 2014-06-01.*after the last of the history"):
        backtest_command(history=file, test=file)


def test_a_check_says_what_differs(tmp_path):
    """The artefact by its hash, the card by the first place that is not the same; nothing is written."""
    target = tmp_path / "supply-1"
    with pytest.raises(CommandError, match="cannot be read"):
        keep(target, b"model", "{}", check=True)
    keep(target, b"model", json.dumps({"scored": {"rmse": 1.0}, "seed": 1}), check=False)
    keep(target, b"model", json.dumps({"seed": 1, "scored": {"rmse": 1.0}}), check=True)
    with pytest.raises(CommandError, match=r"supply-1\.faretide is not what training gives here: sha256"):
        keep(target, b"other", "{}", check=True)
    with pytest.raises(CommandError, match=r"its card is not: scored\.rmse is 1\.0 in the file and 1\.5 here"):
        keep(target, b"model", json.dumps({"scored": {"rmse": 1.5}, "seed": 1}), check=True)
    assert target.with_suffix(".faretide").read_bytes() == b"model"
