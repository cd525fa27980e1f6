"""Types of array elements and arrays, by their names in the domain of this room."""

import numpy as np
import numpy.typing as npt

# Compiled code has 64-bit numbers only; to Python they are of either kind.
Int64 = int | np.int64
UInt64 = int | np.uint64

Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
