"""The bytes a model travels in: `faretide-demand/2`.

A zip of stored entries with a fixed date, so equal content gives equal bytes: `meta.json`, one `.npy` per array,
`trees.ubj`. Its hash is checked before anything of it is read.
"""

import hashlib
import io
import json
import math
import tokenize
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "faretide-demand/2"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ARRAYS = ("city_per_min", "cells", "share", "coefficients", "memory", "city_memory")
# Of one entry, unpacked: fifty times the largest shipped. A megabyte of zeros packed a thousand times over is refused.
MOST_BYTES = 8 << 20
# What reading bytes that anybody may have written can end with; of the runtime's errors, nesting without end.
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    ArithmeticError,
    EOFError,
    OSError,
    RuntimeError,
    MemoryError,
)


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
            meta = json.loads(_entry(archive, "meta.json"))
            if not isinstance(meta, dict):
                raise TypeError(f"meta.json must hold an object, got {type(meta).__name__}")
            arrays = {name: _array(name, _entry(archive, f"{name}.npy")) for name in _ARRAYS}
            trees = _entry(archive, "trees.ubj")
    except UNREADABLE as error:
        raise unreadable(error) from error
    return Parts(meta=meta, arrays=arrays, trees=trees)


def unreadable(error: BaseException) -> BrokenModelError:
    """What is said of bytes that cannot be read for that reason."""
    return BrokenModelError("model-unreadable", f"{type(error).__name__}: {error}")


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of an entry.

    Raises ValueError if they are more than `MOST_BYTES`, whatever the archive says of their number, or are packed in
    another way than `packed` does.
    """
    entry = archive.getinfo(name)
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ValueError(f"{name} must be stored or deflated, got compression {entry.compress_type}")
    with archive.open(entry) as file:
        body = file.read(MOST_BYTES + 1)
    if len(body) > MOST_BYTES:
        raise ValueError(f"{name} must have at most {MOST_BYTES} bytes")
    return body


def _array(name: str, body: bytes) -> NDArray[Any]:
    """The array of an `.npy`, of numbers.

    Its shape is held against the bytes that are there before anything is made of it: a header may claim any size.
    """
    file = io.BytesIO(body)
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError(f"{name}.npy must be of version 1.0")
    shape, columns_first, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.kind not in "fi":
        raise ValueError(f"{name}.npy must hold numbers, got {dtype}")
    there = len(body) - file.tell()
    if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != there:
        raise ValueError(f"{name}.npy must hold {shape} of {dtype}, got {there} bytes")
    values: NDArray[Any] = np.ndarray(
        shape, dtype, buffer=body, offset=file.tell(), order="F" if columns_first else "C"
    ).copy()
    return values
