"""The last ping of every driver of one source partition, and the cars it puts into each cell.

Supply is a state: of each driver the ping with the latest event time counts, wherever it stood in the log; of two with
the same event time the later record. A driver is alive until 30 s after that ping by the worker's clock, then silent
drivers count nowhere.

Everything is rebuilt from the log after a restart, from one expiry and one grace before the append time of the last
record committed. Nothing that counts can be missing, as the committed record was appended before `now_ms`:

    rewind start          oldest ping alive at now     last committed record       now
    ├───── 15 s or more ──┼─── at_ms ≥ now − 30 s ─────┼───────────────────────────┼──>
    stamp − 50 s          its append time is at least    stamp ≤ now (clocks within 15 s)
                          at_ms − 5 s (else refused)
"""

import numpy as np
from numpy.typing import NDArray

from supply.counts import CellCounts
from supply.drivers import ROW, DriverTable
from windows.panes import GRACE_MS

PING_EXPIRY_MS = 30_000
SOON_FREE_MS = 300_000

# Below this many slots, expired drivers cost less than taking them out.
_FEW = 1_024


def rewind_start(stamp_ms: int) -> int:
    """Append time to read pings again from, given that of the last record committed."""
    return stamp_ms - PING_EXPIRY_MS - GRACE_MS


class Fleet:
    """Last pings of the drivers of one source partition.

    Drivers are told apart by a 64-bit hash of their id: among 100,000 drivers two share one with probability 3e-10, and
    would count as one car. Memory holds at most twice the drivers alive at the last count, plus those seen since.
    """

    def __init__(self) -> None:
        self._drivers = DriverTable()

    def __len__(self) -> int:
        """Drivers remembered, expired ones included until their room is needed."""
        return self._drivers.size

    def observe(
        self,
        *,
        driver: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        cell: NDArray[np.int64],
        status: NDArray[np.int8],
        products: NDArray[np.uint64],
        free_at_ms: NDArray[np.int64],
    ) -> None:
        """Take pings in the order of the log; all arrays have one length, disorder and duplicates are welcome.

        `driver` id hashes, `at_ms` event time, `cell` H3 indexes, `status` codes in the order of `DriverStatus`,
        `products` bits on the product axis, `free_at_ms` -1 where not known. Pings from the future were refused before.

        Raises ValueError if the lengths differ.
        """
        columns: dict[str, NDArray[np.generic]] = {
            "at_ms": at_ms,
            "cell": cell,
            "status": status,
            "products": products,
            "free_at_ms": free_at_ms,
        }
        pings = np.empty(driver.size, ROW)
        pings["driver"] = driver
        for name, column in columns.items():
            if column.shape != driver.shape:
                raise ValueError(f"{name} must be as long as driver, {driver.size}, got {column.size}")
            pings[name] = column
        self._drivers.put(pings)

    def counts(self, now_ms: int) -> CellCounts:
        """Cars per cell of the drivers alive at `now_ms`.

        Soon free is a busy car that expects to be free within five minutes of `now_ms`, or should be already. Expired
        drivers make room; `now_ms` of one writer never goes back, so none of them could come alive again.
        """
        drivers = self._drivers
        alive, cells, table = drivers.count(since_ms=now_ms - PING_EXPIRY_MS, free_by_ms=now_ms + SOON_FREE_MS)
        if drivers.size > max(_FEW, 2 * alive):
            drivers.drop_before(now_ms - PING_EXPIRY_MS)
        idle, busy, soon_free = table[:, 0], table[:, 1], table[:, 2]
        return CellCounts(
            now_ms=now_ms, cells=cells, idle=idle, busy=busy, soon_free=soon_free, idle_by_product=table[:, 3:]
        )
