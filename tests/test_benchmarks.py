"""The benchmarks run, as small as they go, and print what they say they do."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import skts
from skts.datasets import load_ucr_parts
from skts.model_selection import search_space
from tests.settings import DATA, needs_data

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def output(script, *options):
    command = [sys.executable, "-W", "ignore", str(BENCHMARKS / script), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def run(script, *options):
    return [json.loads(line) for line in output(script, *options)]


@pytest.mark.full
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


@pytest.mark.full
def test_precision():
    options = ["--estimators", "FCN", "LSTM", "--shapes", "8x1x9", "6x2x7", "--repeats", "1"]
    printed = run("precision.py", *options)
    assert [list(row) for row in printed] == [["FCN"], ["LSTM"]]
    for row in printed:
        (ratios,) = row.values()
        assert ratios.keys() == {"8x1x9", "6x2x7"}
        assert all(ratio > 0 for ratio in ratios.values())


@pytest.mark.full
@needs_data
def test_accuracy(tmp_path):
    (tmp_path / "published.csv").write_text("dataset,theirs\nChinatown,0.5\nBeef,0.1\n")
    *of_sets, mean, beside = output(
        "accuracy.py",
        *("--data", str(DATA / "ucr"), "--sets", "Chinatown", "GunPoint", "--seeds", "3", "4"),
        *("--estimators", "FCN", "--set", "max_epochs=2", "filters=(4, 4, 4)"),
        *("--published", str(tmp_path / "published.csv"), "--column", "theirs"),
    )
    scores = []
    for line, name in zip(of_sets, ("Chinatown", "GunPoint"), strict=True):
        found = re.fullmatch(rf"FCNClassifier {name}: (\d\.\d{{4}}) (\d\.\d{{4}})", line)
        scores.append([float(score) for score in found.groups()])
    clf = skts.FCNClassifier(max_epochs=2, filters=(4, 4, 4), random_state=3)
    train, test = load_ucr_parts("Chinatown", DATA / "ucr")
    assert scores[0][0] == round(clf.fit(*train).score(*test), 4)
    printed = float(re.search(r"mean test accuracy (\S+) over 2 sets x 2 seeds", mean).group(1))
    assert abs(printed - np.mean(scores)) < 2e-4
    ours, theirs = re.search(r"over the 1 sets of theirs: (\S+), published (\S+),", beside).groups()
    assert abs(float(ours) - np.mean(scores[0])) < 2e-4
    assert theirs == "0.5000"


@pytest.mark.full
@needs_data
@pytest.mark.parametrize("protocol", ["few", "small", "many"])
def test_recipe(protocol):
    options = ["--data", str(DATA / "ucr"), "--protocol", protocol, "--sets", "SmoothSubspace"]
    tries = ["epochs=2 first_cycle=0", "epochs=1 first_cycle=0 mixup=0.2"]
    printed = run("recipe.py", *options, "--splits", "2", "--n-jobs", "1", "--tries", *tries)
    assert [row["epochs"] for row in printed] == [{"2": 2}, {"1": 2}]
    assert printed[1]["try"] == {"epochs": 1, "first_cycle": 0, "mixup": 0.2}
    for row in printed:
        assert row["protocol"] == protocol
        assert all(0 <= row[name] <= 1 for name in ("last", "recomputed", "averaged"))


@pytest.mark.full
@needs_data
def test_augmentation(tmp_path):
    out = tmp_path / "out.jsonl"
    options = ["--data", str(DATA / "ucr"), "--out", str(out), "--splits", "1", "--n-jobs", "1"]
    options += ["--estimators", "FCN", "--set", "max_epochs=2", "filters=(4, 4, 4)"]
    without, jitter = run(
        "augmentation.py", *options, "--sets", "SmoothSubspace", "--augment", "None", "jitter"
    )
    assert (without["augment"], jitter["augment"]) == ("None", "'jitter'")
    assert jitter["gain"] == pytest.approx(jitter["accuracy"] - without["accuracy"], abs=2e-4)
    first = out.read_text().splitlines()
    several = "('jitter', 0.5), 'time_warp'"
    again = run(
        "augmentation.py",
        *options,
        "--sets",
        "SmoothSubspace",
        "Trace",
        "--augment",
        "None",
        several,
    )
    assert [row["n"] for row in again] == [2, 2]
    rows = out.read_text().splitlines()
    assert rows[:2] == first  # used again
    assert len(rows) == 2 + 3


@pytest.mark.full
@needs_data
def test_transfer(tmp_path):
    options = ["--data", str(DATA / "ucr"), "--sources", "Coffee", "GunPoint", "--n-jobs", "1"]
    options += ["--targets", "Chinatown", "--pretraining-epochs", "1", "--epochs", "2"]
    options += ["--out", str(tmp_path / "rows.jsonl")]
    (first, *rows), (*again,) = (run("transfer.py", *options) for _ in range(2))
    assert first["sources"] == ["Coffee", "GunPoint"]
    assert [row["n_train"] for row in rows[:3]] == [20, 10, 4]
    assert rows[3:] == again  # from the rows of the file
    for row, mean in zip(rows, again, strict=False):
        assert mean["share"] == row["share"]
        assert mean["n_sets"] == 1
        assert mean["init_from"] == row["init_from"]
        assert mean["better"] - mean["worse"] == np.sign(row["init_from"] - row["scratch"])


@pytest.mark.full
@needs_data
def test_search():
    options = ["--sets", "SmoothSubspace", "Chinatown", "--estimator", "LITE", "--epochs", "9"]
    printed = run("search.py", "--data", str(DATA / "ucr"), *options, "--max-epochs", "2")
    of_sets, means = printed[:6], printed[6:]
    ways = ["default", "random search of 10", "halving from 27"]
    assert [row["way"] for row in of_sets] == 2 * ways
    assert [row["set"] for row in of_sets] == ["SmoothSubspace"] * 3 + ["Chinatown"] * 3
    space = search_space(skts.LITEClassifier()).keys()
    assert [set(row["chosen"]) for row in of_sets] == 2 * [set(), set(space), set(space)]
    assert [row["way"] for row in means] == ways
    for i, row in enumerate(means):
        assert row["sets"] == 2
        assert abs(row["accuracy"] - np.mean([r["accuracy"] for r in of_sets[i::3]])) < 2e-4
        assert row["seconds"] > 0
    clf = skts.LITEClassifier(max_epochs=2, random_state=0)
    train, test = load_ucr_parts("SmoothSubspace", DATA / "ucr")
    for row in of_sets[:3]:
        score = clf.set_params(**row["chosen"]).fit(*train).score(*test)
        assert row["accuracy"] == round(score, 4)


@pytest.mark.full
def test_forecast_defaults():
    tries = ["max_epochs=1", "max_epochs=1 baseline=last"]
    linear, last = run("forecast_defaults.py", "--tries", *tries)
    assert (linear["options"], last["options"]) == tuple(tries)
    names = {"LSTMForecaster", "ALSTMForecaster", "LSTMALSTMForecaster"}
    assert linear["error"].keys() == last["error"].keys() == names
    assert all(0.3 < error < 3 for row in (linear, last) for error in row["error"].values())
    assert linear["error"] != last["error"]


@pytest.mark.full
def test_busy():
    options = ["--shapes", "20x1x16", "--busy", "1", "--repeats", "1", "--epochs", "4"]
    idle, busy = run("busy.py", *options)
    assert (idle["busy"], busy["busy"]) == (0, 1)
    assert idle["off"] == 1
    for row in (idle, busy):
        assert row["shape"] == [20, 1, 16]
        assert all(row[way] > 0 for way in ("skts", "off", "one thread"))


@pytest.mark.full
def test_depthwise():
    (row,) = run("depthwise.py", "--shapes", "4x6x30", "--repeats", "2")
    assert row["shape"] == "4x6x30"
    assert row["skts_ms"] > 0
    assert row["skts/torch"] > 0


@pytest.mark.full
def test_import_time():
    (line,) = output("import_time.py", "--repeats", "3")
    found = re.fullmatch(
        r"import skts adds (\S+) s \(medians of 3: (\S+) s without, (\S+) s with\)", line
    )
    added, without, with_skts = (float(seconds) for seconds in found.groups())
    assert min(without, with_skts) > 0
    assert added < with_skts


@pytest.mark.full
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


@pytest.mark.full
def test_forecasters(tmp_path):
    options = ["--seeds", "1", "--only", "longley", "lynx"]
    longley, lynx, covered = run("forecasters.py", "--out", str(tmp_path), *options)
    names = {"Naive", "AutoETS", "Ridge reduction", "LSTM", "ALSTM, last", "LSTM-ALSTM, change"}
    for scores in (longley, lynx):
        assert names <= scores["scaled error"].keys()
        assert all(0 < error < 10 for error in scores["scaled error"].values())
    assert len(covered["within the interval"]) == 6
    assert all(0.4 < part <= 1 for part in covered["within the interval"].values())


@pytest.mark.full
@needs_data
def test_forecast_speed():
    options = ["--epochs", "3", "--repeats", "1", "--steps", "200"]
    *grown, compared = run("forecast_speed.py", "--data", str(DATA), *options)
    assert [g["ms for a step"].keys() for g in grown] == [{"100", "200"}] * 3
    ours, bare = compared["last loss"]
    assert 0.2 < ours / bare < 5


@pytest.mark.full
def test_latency():
    options = ["--n-timepoints", "12", "--batches", "1", "3", "--repeats", "10"]
    one, three = run("latency.py", "--estimators", "FCN", *options)
    assert (one["series"], three["series"]) == (1, 3)
    ways = {"classifier", "series", "network, ms", "predict_proba", "torch.export"}
    for precision in ("float32", "float16", "int8"):
        ways |= {precision, f"{precision}, kB"}
    for row in (one, three):
        assert row.keys() == ways
        assert all(row[name] > 0 for name in ways - {"classifier"})


def columns_of(lines):
    """The cells of a table in markdown, {heading: [cell of each row]}."""
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    heads, _, *cells = [[cell.strip() for cell in row] for row in rows]
    return dict(zip(heads, zip(*cells, strict=True), strict=True))


def test_the_page_has_the_recorded_comparison():
    page = (BENCHMARKS.parent / "docs" / "comparison.md").read_text(encoding="utf-8")
    printed = output("comparison.py")
    assert "\n".join(printed) in page
    assert not any("not tried" in cells for cells in columns_of(printed).values())


@pytest.mark.full
def test_comparison(tmp_path):
    tried = ["skts", "sktime, torch"]
    new = ["--record", str(tmp_path / "new.json"), "--write"]
    found = columns_of(output("comparison.py", "--columns", *tried, *new))
    recorded = columns_of(output("comparison.py"))
    assert found.keys() == recorded.keys()
    assert found[""] == recorded[""]
    for name in tried:
        assert found[name] == recorded[name]
    assert set(found["tsai"]) == {"not tried"}
    assert json.loads((tmp_path / "new.json").read_text()).keys() == set(tried)
