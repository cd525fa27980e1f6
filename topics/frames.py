"""Which schemas the framed values of a chunk name: one compiled pass. The frame itself is that of `topics.wire`."""

import numpy as np
from numba import njit

from topics.arrays import Bytes, Int64s

NO_ID = -(2**31) - 1  # below every schema id


@njit(cache=True, nogil=True)
def frame_ids(buf: Bytes, starts: Int64s, ends: Int64s) -> Int64s:
    """Schema id of each framed value in buf[starts:ends]; NO_ID where there is no frame."""
    ids = np.empty(starts.size, np.int64)
    for r in range(starts.size):
        p = starts[r]
        if ends[r] - p < 5 or buf[p] != 0:
            ids[r] = NO_ID
        else:
            unsigned = (
                np.int64(buf[p + 1]) << 24
                | np.int64(buf[p + 2]) << 16
                | np.int64(buf[p + 3]) << 8
                | np.int64(buf[p + 4])
            )
            ids[r] = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
    return ids
