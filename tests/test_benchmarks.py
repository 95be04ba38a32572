"""The benchmarks run, as small as they go, and print JSON."""

import json
import subprocess
import sys
from pathlib import Path

from tests.settings import DATA, needs_data

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def run(script, *options):
    command = [sys.executable, "-W", "ignore", str(BENCHMARKS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@needs_data
def test_all_that_run_on_a_gpu():
    *printed, archive = run("gpu.py", "--device", "cpu", "--quick", "--data", str(DATA / "ucr"))
    of_shape = next(p for p in printed if p.get("shape") == [20, 1, 16])
    assert {"skts/bare", "skts auto/bare", "skts/sktime", "sktime/bare"} <= of_shape.keys()
    predicted = next(p for p in printed if "geometric means" in p)
    assert predicted["one series, ms"].keys() == {"skts", "bare"}
    axes = [p for p in printed if "axis" in p]
    assert [p["axis"] for p in axes] == ["series", "channels", "time points"]
    assert all(p["memory"] > 0 for p in axes)
    accuracy = next(p for p in printed if "accuracy, default" in p)
    assert 0 <= accuracy["accuracy, ensemble of 2"] <= 1
    assert archive["archive"] == 1
    assert archive["mean accuracy"].keys() == {"8", "64", "128"}


def test_precision():
    printed = run("precision.py", "--estimators", "FCN", "--shapes", "8x1x9", "--repeats", "1")
    assert printed[0]["FCN"]["8x1x9"] > 0
