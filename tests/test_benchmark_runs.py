"""Studies: what is planned, what is stored, and what is left after a kill."""

import contextlib
import json
import os
import random
import resource
import signal
import subprocess

import numpy as np
import pytest

from skts import FCNClassifier, QuantRidgeClassifier
from skts.benchmark import Run, Store, plan_runs, run_study
from skts.benchmark.data import load_split
from skts.benchmark.estimate import epoch_bounds, estimate_of, timed
from skts.benchmark.run import execute
from skts.benchmark.study import places_on, taken
from skts.model_selection import search_space
from tests.studies import (
    BENCH,
    QUIET,
    SMALL,
    STUDY,
    bench,
    busy_child_of,
    kill_busy_children_of,
    small_runs,
    started,
    wait_for,
    write_archive,
)


class TestPlan:
    def test_every_combination_once(self):
        grid = {"n_cells": [8, 64], "dropout": [0.5]}
        runs = plan_runs(["A", "B"], ["LSTMFCN", "FCN"], grid=grid, seeds=3, resamples=(0, 1))
        assert len(runs) == len({run.key for run in runs}) == 2 * 2 * (2 + 1) * 3
        assert {run.model for run in runs} == {
            "LSTMFCNClassifier dropout=0.5 n_cells=8",
            "LSTMFCNClassifier dropout=0.5 n_cells=64",
            "FCNClassifier",
        }

    def test_options_go_to_those_that_have_them(self):
        estimators = ["LSTMFCN", "FCN", "sktime:DummyClassifier"]
        fixed = {"n_cells": 4, "max_epochs": 3}
        lstm, fcn, foreign = plan_runs(["A"], estimators, recipe="karim2017", fixed=fixed)
        assert lstm.options == (("max_epochs", 3), ("n_cells", 4))
        assert fcn.options == (("max_epochs", 3),)
        assert (foreign.options, foreign.recipe) == ((), None)

    def test_candidates_are_chosen_within_one_run(self):
        (run,) = plan_runs(["A"], ["LSTMFCN"], grid={"n_cells": [4, 8]}, select=["n_cells"])
        assert run.candidates == (("n_cells", (4, 8)),)
        assert run.model == "LSTMFCNClassifier n_cells of 4/8"

    def test_a_search_is_one_run_of_each_estimator_of_skts(self):
        estimators = ["FCN", "sktime:DummyClassifier"]
        own, foreign = plan_runs(["A"], estimators, search=10)
        assert (own.search, foreign.search) == (10, None)
        assert own.model == "FCNClassifier best of 10 draws"
        assert own.key != plan_runs(["A"], ["FCN"], search=11)[0].key
        assert "search" not in foreign.described

    def test_names_of_one_thing_are_one(self):
        assert len(plan_runs(["A"], ["FCN", "FCNClassifier"])) == 1
        dummy = "sktime:DummyClassifier"
        assert len(plan_runs(["A"], [dummy, f"{dummy}()"])) == 1
        ours, theirs = plan_runs(["A"], ["SELSTMFCN", "sktime:DummyClassifier"])
        assert (ours.model, theirs.model) == ("SELSTMFCNClassifier", "sktime:DummyClassifier")

    def test_a_key_is_the_same_in_every_process(self):
        assert Run(dataset="A", estimator="FCN", options=(("lr", 0.1),)).key == "8e56817253797fdc"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"recipe": "none"}, "recipe must be one of columbia2024, "),
            ({"search": 0}, "search must be at least 1 draw, got 0"),
            (
                {"search": 3, "grid": {"n_cells": [8]}, "select": ["n_cells"]},
                r"search and select cannot be combined, got both for \['n_cells'\]",
            ),
            ({"fixed": {"cells": 3}}, "none of LSTMFCNClassifier has an option 'cells'"),
            ({"fixed": {"n_cells": 0}}, "n_cells of LSTMFCNClassifier must be an integer"),
            ({"grid": {"n_cells": [8, 0]}}, "n_cells of LSTMFCNClassifier must be an integer"),
            ({"fixed": {"lr": 1.0}, "grid": {"lr": [1.0]}}, r"but \['lr'\] are both"),
            ({"select": ["lr"]}, r"got none for \['lr'\]"),
            ({"grid": {"random_state": [1, 2]}}, "random_state is not an option of a plan"),
            ({"fixed": {"device": "cpu"}}, "device is not an option of a plan"),
            ({"seeds": 0}, "seeds must be at least 1"),
            ({"fixed": {"class_weight": {1: 1.0, "a": 2.0}}}, "class_weight must be of numbers"),
            ({"resamples": [-1]}, "resamples not negative"),
        ],
    )
    def test_mistakes(self, options, message):
        with pytest.raises(ValueError, match=message):
            plan_runs(["A"], ["LSTMFCN"], **options)

    def test_a_recipe_that_does_not_fit(self):
        with pytest.raises(ValueError, match=r"does not fit FCN.*, which has no \['residual'\]"):
            plan_runs(["A"], ["LSTMFCN", "FCN"], recipe="columbia2024_replication")

    def test_a_recipe_for_no_estimator_of_ours(self):
        with pytest.raises(ValueError, match="recipe karim2017 is for estimators of skts"):
            plan_runs(["A"], ["sktime:DummyClassifier"], recipe="karim2017")

    def test_a_dotted_name(self):
        name = "sktime:sktime.classification.dummy.DummyClassifier(strategy='prior')"
        (run,) = plan_runs(["UnitTest"], [name])
        assert execute(run, None)[0]["status"] == "done"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("Nothing", "an estimator must be one of"),
            ("SeedEnsemble", "an estimator must be one of"),
            ("sktime:Nope", "is not an estimator"),
            ("sktime:import os", "is not an estimator"),
            ("sktime:NaiveForecaster", "must be a classifier, got NaiveForecaster"),
            ("sktime:LogisticRegression", "must be a classifier, got LogisticRegression"),
            ("sktime:RocketClassifier(random_state=3)", "comes from the seeds of the study"),
            ("sktime:MiniRocketClassifier", "there is RocketClassifier"),
            ("sktime:RocketClassifier(kernels=3)", "cannot be made: .*argument 'kernels'"),
            ("lstmfnc", "got 'lstmfnc'; there is LSTMFCN, "),
            ("FCNClasifier", "; there is FCN, "),
            ("Rocket", "; there is sktime:RocketClassifier$"),
            ("sktime:sktime.no.RocketClassifier", r"is in sktime\.classification\..*, not in"),
        ],
    )
    @pytest.mark.filterwarnings("ignore:The default of config")  # of sktime's forecasters
    def test_no_such_estimator(self, name, message):
        with pytest.raises(ValueError, match=message):
            plan_runs(["A"], [name])


class TestRun:
    def test_a_row_tells_all(self):
        (run,) = small_runs(1)
        row, arrays = execute(run, None, "cpu")
        assert row["status"] == "done", row
        assert row["key"] == run.key
        assert (row["n_train"], row["n_test"], row["n_classes"], row["length"]) == (67, 1029, 2, 24)
        assert row["epochs"] == 1
        assert row["accuracy"] == np.mean(arrays["y_pred"] == arrays["y_test"])
        assert arrays["probabilities"].shape == (1029, 2)
        assert (row["parameters"]["filters"], row["parameters"]["lr"]) == ("(8,)", "0.005")
        assert {"torch", "python", "skts", "commit"} <= row["versions"].keys()
        assert row["peak_memory"] > 2**20
        assert json.loads(json.dumps(row))["key"] == run.key
        again, _ = execute(run, None, "cpu")
        assert again["log_loss"] == row["log_loss"]

    def test_a_network_that_is_not_trained_by_gradient_has_no_epochs(self):
        (run,) = plan_runs(["UnitTest"], ["HydraMiniRocket"], fixed={"n_features": 500})
        row, arrays = execute(run, None, "cpu", keep_weights=True)
        assert row["status"] == "done", row
        assert row["epochs"] is None
        assert "train_loss" not in arrays
        assert any(name.endswith("head.weight") for name in arrays)

    def test_a_foreign_estimator(self):
        (run,) = plan_runs(["UnitTest"], ["sktime:DummyClassifier"])
        row, _ = execute(run, None)
        assert row["status"] == "done", row
        assert row["epochs"] is None

    @pytest.mark.full
    def test_classes_without_probabilities_have_no_log_loss(self):
        (run,) = plan_runs(["UnitTest"], ["sktime:RocketClassifier(num_kernels=84)"])
        row, arrays = execute(run, None)
        assert row["log_loss"] is None
        assert set(arrays["probabilities"].ravel()) == {0, 1}

    def test_a_failure_is_a_row(self):
        (run,) = plan_runs(["NoSuchSet"], ["FCN"], fixed=SMALL)
        row, arrays = execute(run, None, "cpu")
        assert (row["status"], arrays) == ("failed", {})
        assert row["error"].startswith("FileNotFoundError: data set 'NoSuchSet'")
        assert "Traceback" in row["traceback"]

    def test_an_option_is_chosen_on_the_training_part(self, tmp_path):
        options = tuple((SMALL | {"max_epochs": 30}).items())
        lr = ("lr", (1e-9, 1e-2))
        run = Run(dataset="Odd", estimator="FCNClassifier", options=options, candidates=(lr,))
        write_archive(tmp_path, "unequal_length", swapped=True)  # what is learnt is wrong there
        row, _ = execute(run, tmp_path, "cpu")
        assert row["status"] == "done", row
        assert row["chosen"] == {"lr": 1e-2}
        (_, low), (chosen, high) = row["tried"]
        assert chosen == row["chosen"]
        assert high > low
        assert row["accuracy"] < 0.5

    def test_a_search_is_of_what_is_not_given(self, tmp_path):
        fixed = SMALL | {"max_epochs": 2, "normalize": "series"}
        write_archive(tmp_path, "unequal_length")
        (run,) = plan_runs(["Odd"], ["FCN"], fixed=fixed, search=3)
        row, again = (execute(run, tmp_path, "cpu")[0] for _ in range(2))
        assert row["status"] == "done", row
        assert (row["search"], len(row["tried"])) == (3, 3)
        assert row["chosen"].keys() == {"batch_size", "lr", "representation", "weight_decay"}
        assert row["chosen"] == max(row["tried"], key=lambda tried: tried[1])[0]
        assert row["parameters"]["lr"] == repr(row["chosen"]["lr"])
        assert again["tried"] == row["tried"]
        assert json.loads(json.dumps(row))["chosen"] == row["chosen"]
        (other,) = plan_runs(["Odd"], ["QuantRidge"], search=2)
        row, _ = execute(other, tmp_path, "cpu")
        assert row["status"] == "done", row
        assert row["chosen"].keys() == search_space(QuantRidgeClassifier()).keys()

    def test_the_data_has_a_fingerprint(self, tmp_path):
        write_archive(tmp_path, "missing")
        *_, facts = load_split("Odd", tmp_path)
        *_, drawn = load_split("Odd", tmp_path, 1)
        file = tmp_path / "Odd" / "Odd_TEST.tsv"
        file.write_text(file.read_text().replace("0", "1", 1))
        *_, changed = load_split("Odd", tmp_path)
        assert facts["data"] == drawn["data"] != changed["data"]

    def test_resamples_keep_the_classes(self):
        (_, y), (_, y_test), _ = load_split("ItalyPowerDemand", None)
        (X1, y1), (X1_test, y1_test), facts = load_split("ItalyPowerDemand", None, 1)
        (X2, _), _, _ = load_split("ItalyPowerDemand", None, 2)
        for drawn, original in ((y1, y), (y1_test, y_test)):
            counts = [np.unique(labels, return_counts=True)[1] for labels in (drawn, original)]
            np.testing.assert_array_equal(*counts)
        assert facts["n_train"] == len(X1) == 67
        assert not np.array_equal(X1, X2)
        assert len(np.unique(np.concatenate([X1, X1_test]), axis=0)) == 67 + 1029

    @pytest.mark.parametrize("kind", ["missing", "unequal_length"])
    @pytest.mark.parametrize("estimator", ["FCN", "sktime:SummaryClassifier"])
    def test_unequal_lengths_and_missing_values(self, estimator, kind, tmp_path):
        write_archive(tmp_path, kind)
        (run,) = plan_runs(["Odd"], [estimator], fixed=None if ":" in estimator else SMALL)
        row, _ = execute(run, tmp_path, "cpu")
        assert row["status"] == "done", row["traceback"]
        assert row[kind]
        own = estimator == "FCN"
        expected = {"missing": ["interpolated"], "unequal_length": ["padded with zeros"]}
        assert row["prepared"] == ([] if own and kind == "unequal_length" else expected[kind])


class TestStore:
    @pytest.mark.full
    def test_a_changed_plan_adds_rows(self, tmp_path):
        rows = run_study(small_runs(), tmp_path, device="cpu").rows()
        run_study(small_runs(3), tmp_path, device="cpu")
        assert [row["seed"] for row in Store(tmp_path).rows()] == [0, 1, 2]
        assert Store(tmp_path).rows()[:2] == rows

    @pytest.mark.full
    def test_failures_are_done_again_where_asked(self, tmp_path):
        runs = plan_runs(["Odd"], ["FCN"], fixed=SMALL)
        (tmp_path / "archive").mkdir()
        where = {"archive": tmp_path / "archive", "device": "cpu"}
        (row,) = run_study(runs, tmp_path / "out", **where).rows()
        assert row["status"] == "failed"
        write_archive(tmp_path / "archive", "missing")
        assert run_study(runs, tmp_path / "out", **where).rows() == [row]
        (row,) = run_study(runs, tmp_path / "out", **where, retry_failed=True).rows()
        assert row["status"] == "done"

    @pytest.mark.full
    @pytest.mark.parametrize("half", [b"{", b'{"key": "x", "sta', b"\xff"])
    def test_half_a_row_is_done_again(self, tmp_path, half):
        run_study(small_runs(2), tmp_path, device="cpu")
        file = tmp_path / "rows.jsonl"
        file.write_bytes(file.read_bytes().splitlines(keepends=True)[0] + half)
        assert len(Store(tmp_path).rows()) == 1
        run_study(small_runs(2), tmp_path, device="cpu")
        assert [row["seed"] for row in Store(tmp_path).rows()] == [0, 1]

    @pytest.mark.parametrize("line", [b"\0\0\0\n", b"1\n", b"{}\n"])
    def test_a_damaged_row_is_named(self, tmp_path, line):
        (tmp_path / "rows.jsonl").write_bytes(line)
        with pytest.raises(ValueError, match=r"line 1 of .* is damaged"):
            Store(tmp_path).rows()

    @pytest.mark.full
    def test_one_process_at_a_time(self, tmp_path):
        with Store(tmp_path).writing(), pytest.raises(RuntimeError, match="another process is"):
            run_study(small_runs(1), tmp_path)
        assert len(run_study(small_runs(1), tmp_path, device="cpu").rows()) == 1

    def test_a_device_that_is_not_there(self, tmp_path):
        with pytest.raises(ValueError, match="device='cuda:99' is not available"):
            run_study(small_runs(1), tmp_path, device="cuda:99")
        assert not (tmp_path / "rows.jsonl").exists()

    def test_a_folder_that_cannot_be(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(OSError, match="file"):
            run_study(small_runs(1), tmp_path / "file" / "out")

    @pytest.mark.full
    def test_a_full_disk_ends_the_study(self, tmp_path):
        def limited():
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

        done = bench(tmp_path, *STUDY, preexec_fn=limited)
        assert done.returncode == 2
        assert "File too large: no more can be written to" in done.stderr
        assert len(Store(tmp_path).rows()) < 40
        assert bench(tmp_path, *STUDY).returncode == 0
        assert len(Store(tmp_path).rows()) == 40


class TestKills:
    @pytest.mark.full
    def test_survives_twenty_kills(self, tmp_path):
        rng, command = random.Random(0), [*BENCH, "--out", str(tmp_path), *STUDY, "--n-jobs", "2"]
        for kill in range(20):
            before = Store(tmp_path).rows()
            process = subprocess.Popen(command, start_new_session=True, **QUIET)
            if kill % 4:  # else while it starts
                wait_for(lambda old=before: Store(tmp_path).rows() != old, process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(rng.uniform(0, 0.3))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert Store(tmp_path).rows()[: len(before)] == before
        assert bench(tmp_path, *STUDY).returncode == 0
        rows = Store(tmp_path).rows()
        assert len(rows) == len((tmp_path / "rows.jsonl").read_bytes().splitlines()) == 40
        assert {row["status"] for row in rows} == {"done"}
        for row in rows:
            assert Store(tmp_path).predictions(row["key"])["probabilities"].shape[1] == 2

    @pytest.mark.full
    def test_a_killed_worker_costs_no_row(self, tmp_path):
        command = [*BENCH, "--out", str(tmp_path), *STUDY, "--n-jobs", "2"]
        with started(command, stdout=subprocess.DEVNULL) as process:
            wait_for(lambda: len(Store(tmp_path).rows()) > 3, process)
            os.kill(busy_child_of(process, seconds=1), signal.SIGKILL)
            assert process.wait(timeout=600) == 0
        rows = Store(tmp_path).rows()
        assert (len(rows), {row["status"] for row in rows}) == (40, {"done"})

    @pytest.mark.full
    def test_a_run_whose_process_is_killed_twice_has_failed(self, tmp_path):
        options = ["--datasets", "ItalyPowerDemand", "--estimators", "FCN"]
        options += ["--set", "max_epochs=1000000", "--set", "target_loss=0.0"]
        with started([*BENCH, "--out", str(tmp_path), *options]) as process:
            kill_busy_children_of(process, 2, process)
            assert process.wait(timeout=600) == 1
        (row,) = Store(tmp_path).rows()
        assert row["status"] == "failed"
        assert row["error"].startswith("TerminatedWorkerError")


class TestPlaces:
    def test_a_run_takes_a_free_place_as_it_starts(self, pretended, tmp_path):
        places = places_on("auto", 3, tmp_path)
        with taken(places) as first, taken(places) as second:
            assert (first, second) == ("cuda:0", "cuda:1")
            with taken(places) as third:
                assert third == "cuda:0"
        with contextlib.ExitStack() as stack:
            short = stack.enter_context(contextlib.ExitStack())
            devices = [short.enter_context(taken(places)), stack.enter_context(taken(places))]
            short.close()
            devices += [stack.enter_context(taken(places)) for _ in range(2)]
            assert devices == ["cuda:0", "cuda:1", "cuda:0", "cuda:0"]

    def test_a_device_that_is_named_is_for_all(self, pretended, tmp_path):
        assert [device for _, device in places_on("cuda:1", 3, tmp_path)] == ["cuda:1"] * 3
        assert [device for _, device in places_on("cpu", 2, tmp_path)] == ["cpu"] * 2


class TestEstimate:
    def test_counts_every_run_once(self, tmp_path):
        write_archive(tmp_path, "unequal_length")
        estimators = ["FCN", "CNN", "sktime:DummyClassifier"]  # the second cannot take the lengths
        runs = plan_runs(["Odd"], estimators, fixed=SMALL, seeds=2)
        told = []
        timed = {"archive": tmp_path, "on_timed": lambda run, n, found: told.append((run.model, n))}
        found = estimate_of(runs, [], **timed)
        assert 0 < found.low == found.high
        assert [run.model for run in found.foreign] == ["sktime:DummyClassifier"] * 2
        assert [run.estimator for run, _ in found.failing] == ["CNNClassifier"] * 2
        assert all(error.startswith("ValueError: ") for _, error in found.failing)
        assert sorted({n for _, n in told}) == [2]
        assert len(told) == 2

    def test_without_epochs_it_is_the_time_of_a_part(self):
        runs = plan_runs(["ItalyPowerDemand"], ["HydraMiniRocket"], fixed={"n_features": 500})
        found = estimate_of(runs, [])
        assert 0 < found.low == found.high < 60
        assert not found.failing

    def test_takes_what_was_measured(self):
        runs = plan_runs(["UnitTest"], ["FCN"], seeds=3)
        done = {"dataset": "UnitTest", "model": "FCNClassifier", "status": "done"}
        found = estimate_of(runs, [done | {"fit_seconds": 2.0, "predict_seconds": 0.5}])
        assert (found.low, found.high) == (7.5, 7.5)
        assert not found.foreign
        assert not found.failing

    @pytest.mark.parametrize(
        ("options", "epochs"),
        [
            ({}, (50, 350)),
            ({"max_epochs": 100}, (100, 100)),  # no room for a second cycle
            ({"target_loss": None}, (350, 350)),
            ({"target_loss": 0.0}, (350, 350)),
            ({"lr_schedule": None}, (350, 350)),
            ({"early_stopping_patience": 20}, (21, 350)),
            ({"fine_tune_rounds": 2}, (1050, 1050)),
        ],
    )
    def test_from_the_first_cycle_to_the_last_epoch(self, options, epochs):
        assert epoch_bounds(FCNClassifier(**options)) == epochs

    def test_an_error_of_memory_is_a_run_that_fails(self, monkeypatch):
        def too_large(*args, **kwargs):
            raise MemoryError("4 TiB")

        monkeypatch.setattr(FCNClassifier, "fit", too_large)
        (run,) = plan_runs(["UnitTest"], ["FCN"])
        assert timed(run, 1, None, "cpu") == "MemoryError: 4 TiB"
