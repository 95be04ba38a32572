"""``skts bench``: its words, and what it does with them."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sktime
import torch

from skts import FCNClassifier
from skts.benchmark import Store
from skts.benchmark.command import (
    datasets_of,
    grid_of,
    options_of,
    own_datasets,
    split_outside_brackets,
)
from skts.cli import main
from skts.datasets import load_ucr_parts
from tests.studies import STUDY, bench, write_archive

SMALL = ["--set", "max_epochs=1", "--set", "filters=(8,)", "--set", "kernel_sizes=(3,)"]


class TestRun:
    def test_words(self, tmp_path):
        cells = {"n_cells": [8, 64], "cell": ["gru", "lstm"]}
        assert grid_of(["n_cells=8,64", "cell=gru,lstm"]) == cells
        assert grid_of(["filters=(8,16),[4]"]) == {"filters": [(8, 16), [4]]}
        assert options_of(["class_weight={1:2,3:4}"]) == {"class_weight": {1: 2, 3: 4}}
        nested = "sktime:A(b=B(c=1),e=3)"
        assert split_outside_brackets(f"FCN, {nested}") == ["FCN", nested]
        (tmp_path / "names").write_text("GunPoint\nArrowHead\n")
        assert datasets_of(f"@{tmp_path / 'names'}", None) == ["GunPoint", "ArrowHead"]
        assert "GunPoint" in datasets_of("all", None)

    def test_words_that_are_wrong(self, tmp_path):
        for wrong in ("n_cells", "=3", "n_cells="):
            with pytest.raises(ValueError, match="must be name=value"):
                grid_of([wrong])
        with pytest.raises(ValueError, match="n_cells is given twice"):
            grid_of(["n_cells=8", "n_cells=64"])
        for wrong in ("(8,16", "A,,B", "A)"):
            with pytest.raises(ValueError, match="with closed brackets"):
                split_outside_brackets(wrong)
        write_archive(tmp_path, "missing")
        with pytest.raises(ValueError, match="data sets not found in .*: A, B"):
            datasets_of("A,B,Odd", tmp_path)
        with pytest.raises(ValueError, match="not found: GunPiont. Did you mean .*GunPoint"):
            datasets_of("GunPoint,GunPiont", None)
        (tmp_path / "empty").mkdir()
        (tmp_path / "names").touch()
        for text in ("all", ",", f"@{tmp_path / 'names'}"):
            with pytest.raises(ValueError, match="no data set in"):
                datasets_of(text, tmp_path / "empty")

    @pytest.mark.full
    def test_a_dry_run_trains_nothing(self, tmp_path):
        done = bench(tmp_path / "out", *STUDY, "--dry-run")
        assert done.returncode == 0, done.stderr
        assert "40 runs, 0 of them made before" in done.stdout
        assert "the others take about " in done.stdout
        assert "1/2 ItalyPowerDemand FCNClassifier" in done.stderr  # of middle size
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["--device", "cuda:99"], "device='cuda:99' is not available: torch sees"),
            (["--device", "gpu"], "device must be 'auto', 'cpu', 'cuda' or 'cuda:N', got 'gpu'"),
            (["--n-jobs", "0"], "n_jobs must be at least 1"),
            (
                ["--n-jobs", "2", "--scheduler", "tcp://a:1"],
                "n_jobs must be at least 1, and is for",
            ),
            (["--seeds", "-1"], "seeds must be at least 1"),
            (["--resamples", "-1"], "seeds must be at least 1, resamples not negative"),
            (["--datasets", "GunPiont"], "data sets not found: GunPiont. Did you mean .*GunPoint"),
            (
                ["--datasets", "Tecator"],
                "Tecator is not a classification data set: .*@targetLabel true",
            ),
            (["--datasets", "@no-such-file"], ".*No such file or directory: 'no-such-file'"),
            (["--datasets", "@"], ".*Is a directory"),
            (["--archive", "no-such-folder"], "no such folder: no-such-folder"),
            (["--estimators", "LSTMFNC"], ".*got 'LSTMFNC'; there is LSTMFCN, "),
            (["--recipe", "karim"], "recipe must be one of"),
            (["--set", "filters=8"], "filters of FCNClassifier must be"),
            (["--set", "max_epochs"], "an option must be name=value"),
            (["--grid", "nothing=1,2"], ".* has an option 'nothing'"),
            (["--select", "lr"], "select needs values in the grid"),
            (["--out", "FILE"], "the results need a folder, but .*FILE is not one"),
            (["--out", "FILE/out"], "the results need a folder, but .*FILE is not one"),
        ],
    )
    @pytest.mark.parametrize("dry", [["--dry-run"], []])
    def test_a_wrong_value_is_a_line(self, tmp_path, monkeypatch, capsys, options, dry, message):
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("SKTS_DATA", raising=False)
        (tmp_path / "FILE").touch()
        words = ["--datasets", "UnitTest", "--estimators", "FCN", "--out", "out"]
        assert main(["bench", "run", *words, *dry, *options]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert re.match(f"skts bench run: {message}", line)
        assert [*tmp_path.iterdir()] == [tmp_path / "FILE"]

    def test_sets_without_classes_are_left_out_with_a_word(self, monkeypatch, capsys):
        monkeypatch.delenv("SKTS_DATA", raising=False)
        names = datasets_of("all", None)
        assert not {"Tecator", "Covid3Month", "Airline"} & set(names)
        assert capsys.readouterr().err == (
            "left out, because they have no classes: Covid3Month, Tecator\n"
        )

    def test_a_mistake_is_told_in_a_line(self, tmp_path):
        done = bench(tmp_path, "--datasets", "UnitTest", "--estimators", "Nothing")
        assert done.returncode == 2
        assert "an estimator must be one of" in done.stderr
        assert "Traceback" not in done.stderr

    @pytest.mark.full
    def test_weights_are_kept_where_asked(self, tmp_path):
        estimators = ["--estimators", "FCN,sktime:DummyClassifier"]
        done = bench(tmp_path, "--datasets", "UnitTest", *estimators, *SMALL, "--keep-weights")
        assert done.returncode == 0, done.stderr
        network, foreign = Store(tmp_path).rows()
        arrays = Store(tmp_path).predictions(network["key"])
        (X, y), (X_test, _) = load_ucr_parts("UnitTest")
        clf = FCNClassifier(max_epochs=1, filters=(8,), kernel_sizes=(3,), random_state=7).fit(X, y)
        weights = clf.net_.module_.state_dict()
        for name, tensor in weights.items():
            kept = arrays[f"weights {name}"]
            assert kept.dtype == tensor.numpy().dtype
            tensor.copy_(torch.from_numpy(kept))
        np.testing.assert_allclose(clf.predict_proba(X_test), arrays["probabilities"], atol=1e-6)
        assert "train_loss" in arrays
        assert not any("weights" in name for name in Store(tmp_path).predictions(foreign["key"]))


class TestClassify:
    @pytest.mark.full
    def test_a_folder_of_ones_own(self, tmp_path):
        write_archive(tmp_path, "unequal_length")
        for folder in (tmp_path, tmp_path / "Odd"):
            out = tmp_path.with_name(f"{tmp_path.name}_{folder.name}")
            done = bench(out, str(folder), "--estimators", "FCN", *SMALL, command="classify")
            assert done.returncode == 0, done.stderr
            assert str(out / "classes" / "Odd.csv") in done.stdout
            table = pd.read_csv(out / "classes" / "Odd.csv", index_col="series", dtype=str)
            (row,) = Store(out).rows()
            label, model, probability = table.columns
            assert (label, probability) == ("label", f"{model}, probability")
            assert np.mean(table["label"] == table[model]) == row["accuracy"]
            assert table[probability].astype(float).between(0.5, 1).all()
            assert len(table) == 30

    @pytest.mark.full
    def test_what_was_done_with_other_data_is_not_taken_for_it(self, tmp_path):
        write_archive(tmp_path, "missing")
        words = [str(tmp_path / "Odd"), "--estimators", "FCN", *SMALL]
        assert bench(tmp_path / "out", *words, command="classify").returncode == 0
        file = tmp_path / "Odd" / "Odd_TEST.tsv"
        file.write_text("\n".join(file.read_text().splitlines()[:7]))
        done = bench(tmp_path / "out", *words, command="classify")
        assert done.returncode == 2
        assert "the data changed since the results were made: Odd" in done.stderr

    @pytest.mark.full
    def test_a_failure_stays_one(self, tmp_path):
        write_archive(tmp_path, "unequal_length")
        words = [str(tmp_path), "--estimators", "CNN", "--set", "max_epochs=1"]
        for _ in range(2):
            done = bench(tmp_path / "out", *words, command="classify")
            assert done.returncode == 1
            assert "1 runs, 1 of them failed; --retry-failed does them again" in done.stdout

    @pytest.mark.full
    def test_no_such_folder(self, tmp_path):
        with pytest.raises(
            ValueError, match="Tecator is not a classification data set: .*@targetLabel"
        ):
            own_datasets(Path(sktime.__file__).parent / "datasets" / "data" / "Tecator")
        for folder in (tmp_path, tmp_path / "absent"):
            done = bench(tmp_path / "out", str(folder), "--estimators", "FCN", command="classify")
            assert done.returncode == 2
            assert "Traceback" not in done.stderr
        write_archive(tmp_path, "missing")
        (tmp_path / "Odd" / "Odd_TEST.tsv").unlink()
        done = bench(
            tmp_path / "out", str(tmp_path / "Odd"), "--estimators", "FCN", command="classify"
        )
        assert "it must hold Odd_TRAIN.tsv and Odd_TEST.tsv" in done.stderr


class TestReport:
    @pytest.mark.full
    def test_from_rows_to_a_page(self, tmp_path):
        estimators = ["--estimators", "FCN,sktime:DummyClassifier"]
        assert bench(tmp_path, "--datasets", "UnitTest", *estimators, *SMALL).returncode == 0
        done = bench(tmp_path / "report", str(tmp_path), command="report")
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{tmp_path / 'report' / 'report.html'}\n"

    @pytest.mark.full
    def test_a_mistake_is_told_in_a_line(self, tmp_path):
        done = bench(tmp_path / "report", str(tmp_path), command="report")
        assert done.returncode == 2
        assert done.stderr == (
            f"skts bench report: there are no results in {tmp_path}: "
            "`skts bench run --out` makes them\n"
        )
