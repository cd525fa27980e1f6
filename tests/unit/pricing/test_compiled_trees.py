"""Trees as arrays give the margins XGBoost gives, to the bit."""

import json

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.models.compiled_trees import DEEPEST, compiled

COLUMNS = 5


def fitted(seed, *, depth, rounds, rows=400):
    """Trees fitted on noise, and features to ask them about, some of them exactly on a threshold."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(rows, COLUMNS)).round(1).astype(np.float32)
    data = xgboost.DMatrix(features, label=rng.poisson(np.exp(features[:, 0])), nthread=1)
    wanted = {"objective": "count:poisson", "max_depth": depth, "nthread": 1, "seed": seed, "max_bin": 16}
    return xgboost.train(wanted, data, num_boost_round=rounds), features


def of_xgboost(trees, features):
    """The oracle: margins from a base margin of zero."""
    return trees.inplace_predict(features, base_margin=np.zeros(len(features), np.float32), predict_type="margin")


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.integers(1, 6), st.integers(1, 40), st.integers(1, 60))
def test_margins_are_those_of_xgboost(seed, depth, rounds, rows):
    """Any depth, number of trees and number of rows, one row included: the same float32."""
    trees, features = fitted(seed, depth=depth, rounds=rounds)
    assert compiled(trees).margins(features[:rows]).tolist() == of_xgboost(trees, features[:rows]).tolist()


def test_a_value_on_the_threshold_goes_right():
    """What equals the threshold of a split takes the same side as in XGBoost."""
    trees, _ = fitted(3, depth=3, rounds=10)
    ready = compiled(trees)
    at = np.unique(np.concatenate([level.reshape(-1) for level in ready.thresholds]))
    rows = np.repeat(at[:, None], COLUMNS, axis=1)
    assert ready.margins(rows).tolist() == of_xgboost(trees, rows).tolist()


def test_trees_that_never_split_are_a_constant():
    """A model that found nothing to split by still has a margin."""
    trees, features = fitted(1, depth=2, rounds=3, rows=1)
    assert compiled(trees).margins(features).tolist() == of_xgboost(trees, features).tolist()


def test_trees_too_deep_or_missing_are_refused():
    """Arrays that would grow out of hand, and a model without trees, are said to be what they are."""
    with pytest.raises(ValueError, match=f"at most {DEEPEST} deep"):
        compiled(fitted(1, depth=DEEPEST + 4, rounds=2, rows=20_000)[0])
    with pytest.raises(ValueError, match="from one to"):
        compiled(fitted(1, depth=2, rounds=0)[0])


BENT = {
    "a feature that is not there": ("split_indices", COLUMNS, "one of 5 features, got feature 5"),
    "a node that is not there": ("left_children", 10_000, "must have two nodes below it"),
    "a circle": ("left_children", 0, "must have two nodes below it"),
}


@pytest.mark.parametrize("what", BENT)
def test_trees_that_lead_out_of_their_arrays_are_refused(what):
    """The compiled walk has no bounds: it would read what happens to stand in memory there."""
    name, value, said = BENT[what]
    trees, _ = fitted(3, depth=2, rounds=3)

    class Bent:
        """Trees whose first node was changed."""

        num_features = trees.num_features

        def save_raw(self, form):
            """The trees as XGBoost writes them, with that one change."""
            document = json.loads(bytes(trees.save_raw(form)))
            document["learner"]["gradient_booster"]["model"]["trees"][0][name][0] = value
            return json.dumps(document).encode()

    with pytest.raises(ValueError, match=said):
        compiled(Bent())
