"""Seconds that ``import skts`` adds to importing torch, scikit-learn and skorch.

    python benchmarks/import_time.py [--repeats 11]

Each repeat starts two processes in sequence: the three libraries, and the libraries with skts.
Prints the median of the differences, and the medians of both times.
"""

import argparse
import statistics
import subprocess
import sys
import time

LIBRARIES = "import torch, sklearn.base, sklearn.pipeline, skorch"


def seconds(source):
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", source], check=True)
    return time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=11)
    repeats = parser.parse_args().repeats
    seconds(f"{LIBRARIES}, skts")  # fill the disk cache
    pairs = [(seconds(LIBRARIES), seconds(f"{LIBRARIES}, skts")) for _ in range(repeats)]
    without, with_skts = zip(*pairs, strict=True)
    added = statistics.median(b - a for a, b in pairs)
    print(
        f"import skts adds {added:.3f} s (medians of {repeats}: {statistics.median(without):.3f} s "
        f"without, {statistics.median(with_skts):.3f} s with)"
    )


if __name__ == "__main__":
    main()
