"""Fitted trees as arrays walked by a compiled loop: the margins of XGBoost, to the bit, without its call.

Every tree is filled up to the depth of the deepest, so that no node needs to name its children: below node k, from 1
at the top, stand nodes 2k, left, and 2k + 1.

XGBoost takes about 0.2 ms before the first row, more than the dozens of rows of a zone cost here; `faretide bench
inference` compares both, and smaller trees.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numba import njit
from numpy.typing import NDArray

# Twice the arrays with each level; deeper trees are better left to XGBoost.
DEEPEST = 8
# Each is walked by every tick.
MOST_TREES = 1_000
_LEAF = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompiledTrees:
    """T trees of D levels.

    `features` int64[T, 2^D] and `thresholds` float32[T, 2^D], by node, the first of no meaning; `leaves`
    float32[T, 2^D].
    """

    depth: int
    features: NDArray[np.int64]
    thresholds: NDArray[np.float32]
    leaves: NDArray[np.float32]

    def margins(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of the trees' leaves per row, float32[n], tree after tree: a row depends on no other row.

        `rows` float32[n, F] without gaps: a NaN goes right, wherever XGBoost learned to send it.
        """
        found: NDArray[np.float32] = _walked(rows, self.features, self.thresholds, self.leaves, self.depth)
        return found


@njit(cache=True, nogil=True)
def _walked(rows, features, thresholds, leaves, depth):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Margin of each row, float32[n]: leaves are added one by one in single precision, as XGBoost does.

    All rows walk a tree level by level together, in half the time of one row after the other.
    """
    found, node = np.zeros(rows.shape[0], np.float32), np.empty(rows.shape[0], np.int64)
    for tree in range(leaves.shape[0]):
        node[:] = 1
        for _ in range(depth):
            for row in range(rows.shape[0]):
                at = node[row]
                goes_left = rows[row, features[tree, at]] < thresholds[tree, at]
                node[row] = 2 * at + (0 if goes_left else 1)
        for row in range(rows.shape[0]):
            found[row] += leaves[tree, node[row] - leaves.shape[1]]
    return found


def compiled(trees: xgboost.Booster) -> CompiledTrees:
    """The trees of a fitted model.

    Raises ValueError for a model without trees or of more than `MOST_TREES`, for trees deeper than `DEEPEST`, for
    splits by category, and for nodes or features that are not there: the compiled walk asks for no bounds.
    """
    model = json.loads(bytes(trees.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    if not 0 < len(model) <= MOST_TREES or any(any(tree["split_type"]) for tree in model):
        raise ValueError(f"trees must be from one to {MOST_TREES}, without categories, got {len(model)}")
    depth = max(_depth(tree, 0, DEEPEST) for tree in model)
    columns = trees.num_features()
    features = np.zeros((len(model), 1 << depth), np.int64)
    thresholds, leaves = np.zeros(features.shape, np.float32), np.zeros(features.shape, np.float32)
    for place, tree in enumerate(model):
        nodes = [0]
        for level in range(depth):
            for at, node in enumerate(nodes):
                if tree["left_children"][node] != _LEAF:
                    features[place, (1 << level) + at] = tree["split_indices"][node]
                    thresholds[place, (1 << level) + at] = tree["split_conditions"][node]
            nodes = [child for node in nodes for child in _children(tree, node)]
        leaves[place] = [tree["split_conditions"][node] for node in nodes]
    if ((features < 0) | (features >= columns)).any():
        raise ValueError(f"trees must split by one of {columns} features, got feature {features.max()}")
    return CompiledTrees(depth=depth, features=features, thresholds=thresholds, leaves=leaves)


def _children(tree: dict[str, Any], node: int) -> tuple[int, int]:
    """Left and right; a leaf stands for both of its own, so that every path has the same length."""
    left, right = tree["left_children"][node], tree["right_children"][node]
    if left == _LEAF:
        return node, node
    if min(left, right) <= 0 or max(left, right) >= len(tree["left_children"]):
        raise ValueError(f"node {node} must have two nodes below it, got {left} and {right}")
    return left, right


def _depth(tree: dict[str, Any], node: int, most: int) -> int:
    """Levels below the node; refused beyond `most`, so that a circle is no walk without end."""
    if tree["left_children"][node] == _LEAF:
        return 0
    if not most:
        raise ValueError(f"trees must be at most {DEEPEST} deep")
    return 1 + max(_depth(tree, child, most - 1) for child in _children(tree, node))
