"""The logger: writes all readings of an experiment to a file, and knows nothing else about it."""

import csv
import sys
from pathlib import Path

from pyrolike.api import Proxy


def main(path: Path) -> None:
    """Log one experiment."""
    with Proxy("PYRONAME:lab.oven") as oven, path.open("w", encoding="utf-8", newline="") as file:
        readings = oven.watch()
        print("waiting for an experiment", flush=True)
        rows = csv.writer(file)
        rows.writerow(["second", "temperature", "power"])
        highest = 0.0
        count = 0
        for second, temperature, power in readings:
            rows.writerow([second, temperature, power])
            highest, count = max(highest, temperature), count + 1
    print(f"{count} readings in {path.name}, the highest is {highest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
