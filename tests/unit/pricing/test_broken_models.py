"""Demand models that are broken: whatever is wrong with one, it is refused by name and nothing else ends.

bytes      no zip, torn, of terabytes            model-unreadable
parts      no numbers, of another shape          model-unreadable
trees      that lead out of their arrays         model-unreadable
values     none, or beyond what can be           model-implausible
"""

import hashlib
import io
import json
import zipfile

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.cli.exits import CommandError, ExitCode
from infra.cli.models import announce_command
from pricing.models.artefact import MOST_BYTES, BrokenModelError, unpacked
from pricing.models.demand_features import FEATURES
from pricing.models.demand_model import DemandModel, model_of
from pricing.models.model_choice import choice_of
from tests.unit.pricing.trained_model import SHIPPED, announced, resealed, sealed, trained

BROKEN = {
    "model-format-unknown": lambda: {"format": "faretide-demand/1"},
    "model-hash-mismatch": lambda: {"artefact": trained().artefact[:-1] + b"?"},
    "model-unreadable": lambda: {"artefact": b"junk", "sha256": hashlib.sha256(b"junk").hexdigest()},
    "model-features-differ": lambda: resealed(lambda parts: {"meta": parts.meta | {"features": ["moon"]}}),
}


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_model_is_refused_by_name(code):
    """Format, hash, content and features are checked; the code is what a tick says it fell back for."""
    with pytest.raises(BrokenModelError) as refused:
        model_of(announced(**BROKEN[code]()))
    assert refused.value.code == code


def _with_entry(name, body, compression=zipfile.ZIP_DEFLATED):
    """The artefact with an entry put to other bytes, as a zip that is whole."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(trained().artefact)) as old, zipfile.ZipFile(buffer, "w", compression) as new:
        for entry in old.namelist():
            new.writestr(entry, body if entry == name else old.read(entry))
    return buffer.getvalue()


def _claiming(shape):
    """An array of cells of which the header alone is there."""
    body = io.BytesIO()
    np.lib.format.write_array_header_1_0(body, {"descr": "<i8", "fortran_order": False, "shape": shape})
    return body.getvalue()


def _npz():
    body = io.BytesIO()
    np.savez(body, cells=np.arange(3))
    return body.getvalue()


def _torn():
    """The artefact with the packed bytes of its first entry overwritten."""
    artefact = bytearray(trained().artefact)
    artefact[60:90] = bytes(30)
    return bytes(artefact)


UNREADABLE = {
    "a list for the meta data": lambda: _with_entry("meta.json", b"[]"),
    "meta data nested without end": lambda: _with_entry("meta.json", b"[" * 200_000),
    "a torn stream": _torn,
    "an array of 728 TiB": lambda: _with_entry("cells.npy", _claiming((100_000_000_000_000,))),
    "a shape of less than nothing": lambda: _with_entry("cells.npy", _claiming((-1, -1))),
    "an archive for an array": lambda: _with_entry("cells.npy", _npz()),
    "objects for an array": lambda: _with_entry("cells.npy", _claiming((0,)).replace(b"<i8", b"|O ")),
    "a header that is no Python": lambda: _with_entry("cells.npy", _claiming((1,)).replace(b"(1,)", b"((((")),
    "more than a model is": lambda: _with_entry("trees.ubj", bytes(MOST_BYTES + 1)),
    "another way of packing": lambda: _with_entry("trees.ubj", b"", zipfile.ZIP_LZMA),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_bytes_that_are_no_model_are_refused_by_name(what):
    """A service reads every announcement at each start: whatever is in one, it falls back and goes on."""
    choice = choice_of(sealed(UNREADABLE[what]()), 4)
    assert (choice.model, choice.fallback) == (None, "model-unreadable")


def _damaged(body, flips, length):
    """The bytes cut to a part of their length, some of them put to others."""
    damaged = bytearray(body[: round(len(body) * length)])
    for at, value in flips if damaged else ():
        damaged[round(at * (len(damaged) - 1))] = value
    return bytes(damaged)


FLIPS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4)
LENGTHS = st.one_of(st.just(1.0), st.floats(0, 1))


@settings(max_examples=60, deadline=None)
@given(FLIPS, LENGTHS)
def test_damaged_bytes_are_a_model_or_are_refused_by_name(flips, length):
    """The shipped artefact with bytes flipped or cut off, under the hash of what is left."""
    artefact = _damaged((SHIPPED / "demand-2.faretide").read_bytes(), flips, length)
    choice = choice_of(sealed(artefact), 4)
    assert isinstance(choice.model, DemandModel) != bool(choice.fallback)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["meta.json", "cells.npy", "city_memory.npy", "coefficients.npy", "trees.ubj"]), FLIPS, LENGTHS)
def test_a_damaged_entry_is_a_model_or_is_refused_by_name(name, flips, length):
    """The same in one entry of an archive that is whole, where no checksum tells."""
    with zipfile.ZipFile(io.BytesIO(trained().artefact)) as archive:
        body = _damaged(archive.read(name), flips, length)
    choice = choice_of(sealed(_with_entry(name, body)), 4)
    assert isinstance(choice.model, DemandModel) != bool(choice.fallback)


def test_broken_trees_are_refused_by_name():
    """Trees XGBoost cannot read are an unreadable model, not a crash."""
    with pytest.raises(BrokenModelError, match="model-unreadable"):
        model_of(announced(**resealed(lambda _: {"trees": b"{broken"})))


def _number_put(body, name, value):
    """The first number of the first array of that name put to another: its count is eight bytes, so is its length."""
    at = body.index(b"L" + len(name).to_bytes(8, "big") + name + b"[$l#L") + 9 + len(name) + 5 + 8
    return body[:at] + value.to_bytes(4, "big", signed=True) + body[at + 4 :]


FATAL = {
    "a node that is not there": lambda body: _number_put(body, b"left_children", 1_000_000),
    "a feature that is not there": lambda body: _number_put(body, b"split_indices", 1_000_000),
    "a node above the first": lambda body: _number_put(body, b"parents", 1_000_000),
    "a text beyond the bytes": lambda body: body.replace(b"S" + b"L" + bytes(7) + b"\x01", b"SL" + b"\x7f" * 8, 1),
    "an array beyond the bytes": lambda body: body.replace(b"[$l#L" + bytes(7), b"[$l#L" + b"\x7f" * 7, 1),
    "half of them": lambda body: body[: len(body) // 2],
    "something more": lambda body: body + b"{}",
}


@pytest.mark.parametrize("what", FATAL)
def test_trees_that_would_end_the_process_are_refused_by_name(what):
    """XGBoost trusts lengths and node numbers: what it would read is not its own memory."""
    body = FATAL[what](unpacked(trained().artefact, trained().sha256).trees)
    choice = choice_of(sealed(_with_entry("trees.ubj", body)), 4)
    assert (choice.model, choice.fallback) == (None, "model-unreadable")


def test_trees_of_other_features_are_refused_by_name():
    """Trees that look at a column which no tick has would read beyond its row."""
    rng = np.random.default_rng(1)
    data = xgboost.DMatrix(rng.normal(size=(400, len(FEATURES) + 1)), label=rng.poisson(2.0, 400), nthread=1)
    trees = xgboost.train({"objective": "count:poisson", "nthread": 1}, data, num_boost_round=2)
    changed = {"trees": bytes(trees.save_raw("ubj"))}
    with pytest.raises(BrokenModelError, match=rf"model-unreadable.*look at {len(FEATURES)} features"):
        model_of(announced(**resealed(lambda _: changed)))


CELLS = {
    "out of order": lambda cells: cells[::-1].copy(),
    "twice the same": lambda cells: np.concatenate([cells[:1], cells[:-1]]),
    "of another kind": lambda cells: cells.astype(np.float64),
    "in a square": lambda cells: cells[: cells.size // 2 * 2].reshape(2, -1),
}


@pytest.mark.parametrize("how", CELLS)
def test_cells_that_cannot_be_looked_up_are_refused_by_name(how):
    """Shares are found by halving: cells out of order would price by those of another."""
    changed = resealed(lambda parts: {"arrays": parts.arrays | {"cells": CELLS[how](parts.arrays["cells"])}})
    with pytest.raises(BrokenModelError, match=r"model-unreadable.*cells must be int64"):
        model_of(announced(**changed))


@pytest.mark.parametrize("named", ["America/New_Yurk", "America", "../etc/passwd", "", 5, None])
def test_a_model_of_no_time_zone_is_refused_by_name(named):
    """The usual week is read off the local clock at every tick."""
    with pytest.raises(BrokenModelError, match=r"model-unreadable.*time_zone must be"):
        model_of(announced(**resealed(lambda parts: {"meta": parts.meta | {"time_zone": named}})))


def _with(name, at, value):
    """The artefact with one value of an array, or all if `at` is everywhere, put to another."""

    def change(parts):
        array = parts.arrays[name].astype(np.float64)
        array[at] = value
        return {"arrays": parts.arrays | {name: array}}

    return lambda: resealed(change)


def _with_leaf(value):
    """The artefact with the last node of its first tree, a leaf, put to another value."""

    def change(parts):
        trees = xgboost.Booster()
        trees.load_model(bytearray(parts.trees))
        document = json.loads(bytes(trees.save_raw("json")))
        document["learner"]["gradient_booster"]["model"]["trees"][0]["split_conditions"][-1] = value
        changed = xgboost.Booster()
        changed.load_model(bytearray(json.dumps(document).encode()))
        return {"trees": bytes(changed.save_raw("ubj"))}

    return resealed(change)


IMPLAUSIBLE = {
    "a coefficient that is no number": _with("coefficients", (0, 3), np.nan),
    "a constant of 50": _with("coefficients", (0, 0), 50.0),
    "a quarter of an hour that is no number": _with("city_per_min", 5, np.nan),
    "a week without a rider": _with("city_per_min", ..., 0.0),
    "a cell without a share": _with("share", (1, 0, 7), 0.0),
    "a cell of many cities": _with("share", (1, 0, 7), 50.0),
    "a memory without end": _with("memory", (0, 2, 1), np.inf),
    "a memory of less than nothing": _with("city_memory", (1, 0), -1.0),
    "a leaf that is no number": lambda: _with_leaf(float("nan")),
    "a leaf of e to the fifty": lambda: _with_leaf(50.0),
    "training until before there were clocks": lambda: resealed(
        lambda parts: {"meta": parts.meta | {"memory_through_ms": -(10**30)}}
    ),
    "training until the end of time": lambda: resealed(
        lambda parts: {"meta": parts.meta | {"memory_through_ms": 10**16}}
    ),
    "no share elsewhere": lambda: resealed(lambda parts: {"meta": parts.meta | {"share_elsewhere": 0.0}}),
    "a share elsewhere that is no number": lambda: resealed(
        lambda parts: {"meta": parts.meta | {"share_elsewhere": float("nan")}}
    ),
}


@pytest.mark.parametrize("what", IMPLAUSIBLE)
def test_a_model_with_a_value_that_cannot_be_is_not_applied(what):
    """Whole, of the right shape and hash: still no price may rest on it, and ticks say why."""
    choice = choice_of(announced(**IMPLAUSIBLE[what]()), 4)
    assert (choice.model, choice.offset, choice.fallback) == (None, 4, "model-implausible")


def test_a_model_with_a_value_that_cannot_be_is_not_announced(tmp_path):
    """`faretide models announce` checks as the services do, before it asks any broker."""
    file = tmp_path / "mine.faretide"
    file.write_bytes(_with("coefficients", (0, 3), np.nan)()["artefact"])
    with pytest.raises(CommandError, match="coefficients must be from -3 to 3, got nan"):
        announce_command(file, "demand@3")


@pytest.mark.parametrize("label", ["demnd@3", "etta@1", "Demand@2"])
def test_a_model_of_a_name_nobody_asks_for_is_not_announced(label, tmp_path):
    """A misspelt name would be announced and price nothing, and nobody would be told."""
    file = tmp_path / "mine.faretide"
    file.write_bytes(trained().artefact)
    with pytest.raises(CommandError, match="named one of demand, eta, acceptance, supply, got") as refused:
        announce_command(file, label)
    assert refused.value.code == ExitCode.USAGE


def test_a_model_learnt_to_no_instant_is_refused_by_name():
    """An instant without end fits no number of milliseconds."""
    meta = {"memory_through_ms": float("inf")}
    with pytest.raises(BrokenModelError, match="model-unreadable"):
        model_of(announced(**resealed(lambda parts: {"meta": parts.meta | meta})))


@pytest.mark.parametrize("name", ["coefficients", "memory", "share"])
def test_an_array_of_another_shape_is_refused(name):
    """A model whose parts do not fit together is unreadable."""
    with pytest.raises(BrokenModelError, match=f"{name} must have shape"):
        model_of(announced(**resealed(lambda parts: {"arrays": parts.arrays | {name: np.ones(3)}})))
