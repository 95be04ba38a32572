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


@needs_data
def test_ozone(tmp_path):
    out = tmp_path / "out"
    options = ["--out", str(out), "--epochs", "2", "--seeds", "1", "--n-jobs", "1"]
    printed = run("ozone.py", "--data", str(DATA), *options)
    rows = {p["row"]: p for p in printed if "row" in p}
    assert rows["persistence"]["mean"] == 0.2205
    assert rows["ridge"]["mean"] < 0.16
    assert rows["LSTM, as published"]["folds"] == [0.333, 0.211, 0.165, 0.337, 0.238]
    for name in ("LSTM", "ALSTM", "Comb. 1", "Comb. 2", "Comb. 3"):
        assert len(rows[f"{name}, honest"]["folds"]) == 5
        lowest, last = (
            rows[f"{name}, published protocol, {which}"]
            for which in ("lowest test loss", "last epoch")
        )
        assert all(a <= b for a, b in zip(lowest["folds"], last["folds"], strict=True))
    assert len((out / "table.csv").read_text().splitlines()) == 1 + 2 + 5 * 5
    for figure in ("loss_curves", "forecasts"):
        assert (out / f"{figure}.svg").stat().st_size > 10_000


def test_forecasters(tmp_path):
    options = ["--seeds", "1", "--only", "longley", "lynx"]
    longley, lynx, covered = run("forecasters.py", "--out", str(tmp_path), *options)
    names = {"Naive", "AutoETS", "Ridge reduction", "LSTM", "ALSTM, last", "LSTM-ALSTM, change"}
    for scores in (longley, lynx):
        assert names <= scores["scaled error"].keys()
        assert all(0 < error < 10 for error in scores["scaled error"].values())
    assert len(covered["within the interval"]) == 6
    assert all(0.4 < part <= 1 for part in covered["within the interval"].values())


@needs_data
def test_forecast_speed():
    options = ["--epochs", "3", "--repeats", "1", "--steps", "200"]
    *grown, compared = run("forecast_speed.py", "--data", str(DATA), *options)
    assert [g["ms for a step"].keys() for g in grown] == [{"100", "200"}] * 3
    ours, bare = compared["last loss"]
    assert 0.2 < ours / bare < 5


def test_latency():
    options = ["--n-timepoints", "12", "--batches", "1", "3", "--repeats", "10"]
    one, three = run("latency.py", "--estimators", "FCN", *options)
    assert (one["series"], three["series"]) == (1, 3)
    ways = {"classifier", "series", "network, ms", "predict_proba", "torch.export", "onnxruntime"}
    for row in (one, three):
        assert row.keys() == ways
        assert all(row[name] > 0 for name in ways - {"classifier"})
