"""XGBoost's binary form of trees, read before XGBoost reads it: that one trusts lengths and node numbers.

The form is UBJSON (Draft 12) as XGBoost writes it: numbers big-endian, keys and counts as `L`, arrays with a count. A
length beyond the bytes or a node beyond its tree would end the process, not the call.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = {b"i": ">i1", b"U": ">u1", b"I": ">i2", b"l": ">i4", b"L": ">i8", b"d": ">f4", b"D": ">f8"}
_NO_PARENT = 2**31 - 1
_WORDS = {b"T": True, b"F": False, b"Z": None}
_BY_NODE = {
    **dict.fromkeys(("parents", "left_children", "right_children", "split_indices"), ">i4"),
    **dict.fromkeys(("split_conditions", "base_weights", "loss_changes", "sum_hessian"), ">f4"),
    **dict.fromkeys(("split_type", "default_left"), ">u1"),
}


def refuse_unsound(body: bytes, features: int) -> None:
    """Raise ValueError unless the bytes are one model of trees whose nodes and features are all there.

    KeyError or TypeError for what is missing or of another kind.
    """
    reader = _Reader(body)
    document = reader.value()
    if reader.at != len(body):
        raise ValueError(f"trees must end with their object, got {len(body) - reader.at} bytes more")
    booster = document["learner"]["gradient_booster"]
    model = booster["model"]
    trees = model["trees"]
    said = model["gbtree_model_param"]
    if booster["name"] != "gbtree" or (int(said["num_trees"]), int(said["num_parallel_tree"])) != (len(trees), 1):
        raise ValueError("trees must be of the booster gbtree, and as many as they say")
    if list(model["tree_info"]) != [0] * len(trees) or list(model["iteration_indptr"]) != [*range(len(trees) + 1)]:
        raise ValueError("trees must be one of each round, of one output")
    for number, tree in enumerate(trees):
        _refuse_unsound_tree(tree, number, features)


def _refuse_unsound_tree(tree: dict[str, Any], number: int, features: int) -> None:
    size, nodes = int(tree["tree_param"]["num_nodes"]), {name: np.asarray(tree[name]) for name in _BY_NODE}
    if (
        tree["id"] != number
        or size < 1
        or any((nodes[name].shape, nodes[name].dtype) != ((size,), np.dtype(kind)) for name, kind in _BY_NODE.items())
    ):
        raise ValueError(f"tree {number} must have its own number and one value of each kind per node")
    categories = ("categories", "categories_nodes", "categories_segments", "categories_sizes")
    if nodes["split_type"].any() or any(len(tree[name]) for name in categories):
        raise ValueError(f"tree {number} must not split by category")
    if int(tree["tree_param"]["size_leaf_vector"]) > 1 or int(tree["tree_param"]["num_feature"]) != features:
        raise ValueError(f"tree {number} must have one value per leaf and look at {features} features")
    children = np.concatenate([nodes["left_children"], nodes["right_children"]])
    # Of the first node, which has none, XGBoost names the largest int32 as its parent.
    parents, split = nodes["parents"][1:], nodes["split_indices"]
    if _outside(children, -1, size) or (children == 0).any() or _outside(parents, 0, size):
        raise ValueError(f"tree {number} must lead to its own nodes")
    if nodes["parents"][0] != _NO_PARENT or _outside(split, 0, features):
        raise ValueError(f"tree {number} must begin with its first node and split by {features} features")


def _outside(values: NDArray[Any], low: int, end: int) -> bool:
    return bool(((values < low) | (values >= end)).any())


class _Reader:
    """The next value of the bytes, and where it ended."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def value(self) -> Any:  # noqa: ANN401  as JSON
        """The value that begins here."""
        kind = self._take(1)
        if kind in _WORDS:
            return _WORDS[kind]
        if kind in _NUMBERS:
            return self._numbers(kind, 1)[0].item()
        if kind == b"S":
            return self._text()
        if kind == b"[":
            return self._array()
        if kind == b"{":
            return self._object()
        raise ValueError(f"trees must be UBJSON, got {kind!r} at byte {self.at - 1}")

    def _object(self) -> dict[str, Any]:
        found = {}
        while self.body[self.at : self.at + 1] != b"}":
            name = self._text()
            found[name] = self.value()
        self.at += 1
        return found

    def _array(self) -> Any:  # noqa: ANN401  a list, or numbers of one kind
        kind = self._take(1)
        if kind == b"$":
            kind = self._take(1)
            self._take(1, must=b"#")
            return self._numbers(kind, self._length())
        if kind != b"#":
            raise ValueError(f"an array must begin with its kind or count, got {kind!r} at byte {self.at - 1}")
        return [self.value() for _ in range(self._length())]

    def _numbers(self, kind: bytes, count: int) -> Any:  # noqa: ANN401  an array of that kind
        dtype = np.dtype(_NUMBERS[kind])
        return np.frombuffer(self._take(count * dtype.itemsize), dtype)

    def _text(self) -> str:
        return self._take(self._length()).decode()

    def _length(self) -> int:
        self._take(1, must=b"L")
        (length,) = struct.unpack(">q", self._take(8))
        return int(length)

    def _take(self, size: int, must: bytes | None = None) -> bytes:
        taken = self.body[self.at : self.at + size] if size >= 0 else b""
        if len(taken) != size or must not in {None, taken}:
            raise ValueError(f"trees must go on with {must or size!r} at byte {self.at}, got {taken[:8]!r}")
        self.at += size
        return taken
