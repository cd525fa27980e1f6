"""Where compiled code is kept if neither the code's own directory nor the home can be written.

numba keeps what it has compiled beside the source or in the user's cache and refuses to begin where it can do neither:
in a container with a read-only file system, for a user without a home.
"""

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"
CODE = Path(__file__).resolve().parents[2] / "pricing"
"""One of the packages that are compiled; the others lie beside it."""


def give_compiled_code_a_place(code: Path = CODE) -> None:
    """Name a directory for numba where it would find none: private, shared with our children, removed at the end.

    Where no temporary directory can be made either, nothing is named, and whoever compiles says so.
    """
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))  # noqa: PTH111  Path's raises where there is no home
    if os.environ.get(VARIABLE) or _is_writable(code / "__pycache__") or _is_writable(user_cache):
        return
    with contextlib.suppress(OSError):
        place = tempfile.mkdtemp(prefix="faretide-compiled-")
        os.environ[VARIABLE] = place
        atexit.register(lambda: shutil.rmtree(place, ignore_errors=True))


def _is_writable(place: Path) -> bool:
    """Whether files can be made in `place`, or in what is there of the way to it; in no place that is relative."""
    way = (place, *place.parents) if place.is_absolute() else ()
    there = next((each for each in way if os.path.exists(each)), None)  # noqa: PTH110  Path's raises where one may not look
    return there is not None and os.access(there, os.W_OK | os.X_OK)
