"""`python -m replay FILE DIRECTORY`: run a recording with the code that stands here and leave the outputs there.

How one checkout runs the rules of another: it starts this in a process of its own, with that checkout's path first.
"""

import sys
from pathlib import Path

from replay.run import Order, run

if __name__ == "__main__":
    run(Order(file=Path(sys.argv[1]), outputs=Path(sys.argv[2]), is_compared=False))
