"""`make flames`: flame graphs of the services under load and of the tick, docs/results/flame-*.svg.

python -m infra.cli.flames [--report DIR]
"""

import argparse
import sys
from pathlib import Path

from bench.flames import draw
from infra.cli.seeding import seed
from infra.settings import read_settings


def main() -> int:
    """Draw them all; exit with 1 and a sentence if one cannot be drawn."""
    parser = argparse.ArgumentParser(prog="make flames", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--report", type=Path, default=Path("docs/results"))
    asked = parser.parse_args()
    try:
        drawn = draw(read_settings().state_dir.resolve() / "cache", seed, asked.report)
    except RuntimeError as error:
        sys.stderr.write(f"flames: {error}\n")
        return 1
    sys.stdout.write("".join(f"{picture}\n" for picture in drawn))
    return 0


if __name__ == "__main__":
    sys.exit(main())
