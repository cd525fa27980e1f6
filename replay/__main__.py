"""`python -m replay FILE DIRECTORY [ORDER]`: run a recording with the code that stands here.

How one checkout runs the rules of another: it starts this in a process of its own, with that checkout's path first.
Outputs are left in DIRECTORY. ORDER is a JSON object: `from_events`, `processes`, and `anew`,
epochs by zone partition as the other run found them.
"""

import json
import sys
from pathlib import Path

from replay.run import Order, run
from windows.epochs import Epoch

if __name__ == "__main__":
    said = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    run(
        Order(
            file=Path(sys.argv[1]),
            outputs=Path(sys.argv[2]),
            is_compared=False,
            from_events=bool(said.get("from_events")),
            known_anew={int(n): frozenset(Epoch(*one) for one in found) for n, found in said.get("anew", {}).items()}
            or None,
        ),
        processes=int(said.get("processes", 0)),
    )
