"""Fitted trees as arrays, for the few dozen rows of a zone: the margins of XGBoost, to the bit, without its call.

Every tree is filled up to the depth of the deepest, so that level d holds 2^d splits. All splits of all trees are
compared at once, then each level halves what is left, from the leaves to the roots:

    leaves   a b   c d       right? picks one of each pair
    level 1   b     c
    level 0      b           the tree's part of the row's margin

XGBoost takes about 0.1 ms before the first row, more than these rows cost; on thousands of rows it is the quicker one.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

# Twice the arrays with each level; deeper trees are better left to XGBoost.
DEEPEST = 8
_LEAF = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledTrees:
    """T trees of D levels.

    `features` int64[2^d, T] and `thresholds` float32[2^d, T, 1] of each level d; `leaves` float32[2^D, T, 1].
    """

    features: tuple[NDArray[np.int64], ...]
    thresholds: tuple[NDArray[np.float32], ...]
    leaves: NDArray[np.float32]

    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of the trees' leaves per row, float32[n], tree after tree: a row depends on no other row.

        `rows` float32[n, F] without gaps: a NaN goes right, wherever XGBoost learned to send it.
        """
        columns = np.ascontiguousarray(rows.T)
        left = self.leaves
        for features, thresholds in zip(reversed(self.features), reversed(self.thresholds), strict=True):
            goes_left = columns[features] < thresholds
            left = np.where(goes_left, left[0::2], left[1::2])
        # Added one by one, as XGBoost does; numpy's sum would add in pairs where there is one row only.
        total: NDArray[np.float32] = np.add.accumulate(np.broadcast_to(left[0], (left.shape[1], len(rows))), axis=0)[-1]
        return total


def compiled(trees: xgboost.Booster) -> CompiledTrees:
    """The trees of a fitted model.

    Raises ValueError for a model without trees, for trees deeper than `DEEPEST` and for splits by category.
    """
    model = json.loads(bytes(trees.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    if not model or any(any(tree["split_type"]) for tree in model):
        raise ValueError(f"trees must be one or more, without categories, got {len(model)}")
    depth = max(_depth(tree, 0) for tree in model)
    if depth > DEEPEST:
        raise ValueError(f"trees must be at most {DEEPEST} deep, got {depth}")
    features = [np.zeros((1 << level, len(model)), np.int64) for level in range(depth)]
    thresholds = [np.zeros((1 << level, len(model), 1), np.float32) for level in range(depth)]
    leaves = np.zeros((1 << depth, len(model), 1), np.float32)
    for place, tree in enumerate(model):
        nodes = [0]
        for level in range(depth):
            for at, node in enumerate(nodes):
                if tree["left_children"][node] != _LEAF:
                    features[level][at, place] = tree["split_indices"][node]
                    thresholds[level][at, place] = tree["split_conditions"][node]
            nodes = [child for node in nodes for child in _children(tree, node)]
        leaves[:, place, 0] = [tree["split_conditions"][node] for node in nodes]
    return CompiledTrees(features=tuple(features), thresholds=tuple(thresholds), leaves=leaves)


def _children(tree: dict[str, Any], node: int) -> tuple[int, int]:
    """Left and right; a leaf stands for both of its own, so that every path has the same length."""
    if tree["left_children"][node] == _LEAF:
        return node, node
    return tree["left_children"][node], tree["right_children"][node]


def _depth(tree: dict[str, Any], node: int) -> int:
    if tree["left_children"][node] == _LEAF:
        return 0
    return 1 + max(_depth(tree, child) for child in _children(tree, node))
