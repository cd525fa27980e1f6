"""The bytes a model travels in: `faretide-demand/2`.

A zip of stored entries with a fixed date, so equal content gives equal bytes: `meta.json`, one `.npy` per array,
`trees.ubj`. Its hash is checked before anything of it is read.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "faretide-demand/2"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ARRAYS = ("city_per_min", "cells", "share", "coefficients", "memory", "city_memory")


class BrokenModelError(Exception):
    """The artefact cannot be used: the caller falls back to the closed form and says `code` in its ticks."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parts:
    """What an artefact holds: `meta` JSON, named arrays, and the trees in XGBoost's binary form (empty: none)."""

    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]
    trees: bytes


def packed(parts: Parts) -> bytes:
    """The artefact of the parts; equal parts give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        _add(archive, "meta.json", json.dumps(parts.meta, sort_keys=True, indent=1).encode())
        for name in _ARRAYS:
            body = io.BytesIO()
            np.lib.format.write_array(body, parts.arrays[name], version=(1, 0), allow_pickle=False)
            _add(archive, f"{name}.npy", body.getvalue())
        _add(archive, "trees.ubj", parts.trees)
    return buffer.getvalue()


def _add(archive: zipfile.ZipFile, name: str, body: bytes) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, body, compresslevel=9)


def unpacked(artefact: bytes, sha256: str) -> Parts:
    """The parts of an artefact whose hash is `sha256`.

    Raises BrokenModelError with code `model-hash-mismatch` or `model-unreadable`.
    """
    found = hashlib.sha256(artefact).hexdigest()
    if found != sha256:
        raise BrokenModelError("model-hash-mismatch", f"artefact hashes to {found}, announced was {sha256}")
    try:
        with zipfile.ZipFile(io.BytesIO(artefact)) as archive:
            meta = json.loads(archive.read("meta.json"))
            arrays = {name: np.load(io.BytesIO(archive.read(f"{name}.npy")), allow_pickle=False) for name in _ARRAYS}
            trees = archive.read("trees.ubj")
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BrokenModelError("model-unreadable", str(error)) from error
    return Parts(meta=meta, arrays=arrays, trees=trees)
