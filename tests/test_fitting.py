"""Fits that go on, fail, repeat, are watched, and what they leave."""

import copy
import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from skorch.callbacks import Callback, EpochScoring, LRScheduler

import skts
from skts import ALSTMClassifier, LSTMFCNClassifier, LSTMFCNRegressor, explain, recipes
from skts.device import autocast_dtype, resolve_device
from skts.export import exported_program
from skts.training.callbacks import BestWeights, Patience, Plateau
from tests.recording import TARGET, KeptBatches, Recorder, X, Y, recorded, run_python
from tests.settings import small


class TestGoingOn:
    def test_warm_start_goes_on_from_the_last_weights(self):
        clf = small(LSTMFCNClassifier, warm_start=True, max_epochs=30).fit(X, Y)
        before = clf.history_[-1, "train_loss"]
        clf.set_params(max_epochs=1, lr=1e-6).fit(X, Y)
        assert clf.history_[0, "train_loss"] == pytest.approx(before, abs=0.1)
        assert (
            small(LSTMFCNClassifier, max_epochs=1, lr=1e-6).fit(X, Y).history_[0, "train_loss"]
            > 2 * clf.history_[0, "train_loss"]
        )

    def test_warm_start_refuses_another_network(self):
        clf = small(LSTMFCNClassifier, warm_start=True, max_epochs=1).fit(X, Y)
        before = clf.predict_proba(X)
        with pytest.raises(ValueError, match="same architecture"):
            clf.set_params(n_cells=4).fit(X, Y)
        with pytest.raises(ValueError, match="labels in y must be among .*'a', 'b'.*got .*'c'"):
            clf.set_params(n_cells=8).fit(X, np.where(Y == "a", "a", "c"))
        np.testing.assert_array_equal(clf.predict_proba(X), before)

    def test_going_on_reads_series_as_before(self):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(X, Y).set_params(normalize="series")
        with pytest.raises(ValueError, match=r"'normalize': None, .* got .*'normalize': 'series'"):
            clf.partial_fit(X, Y)

    def test_partial_fit_is_an_epoch_at_the_constant_rate(self):
        recorder = Recorder()
        clf = small(LSTMFCNClassifier, lr=1e-2, callbacks=[recorder])
        for _ in range(30):
            clf.partial_fit(X, Y, classes=["a", "b"])
        assert len(clf.history_) == 30
        assert set(recorder.rates) == {1e-2}
        assert recorder.losses[-1] < 0.5 * recorder.losses[0]
        assert clf.score(X, Y) == 1.0

    def test_partial_fit_goes_on_with_a_scheduler_of_skorchs(self):
        scheduler = LRScheduler(policy="StepLR", step_size=1, gamma=0.5)
        clf = small(LSTMFCNClassifier, callbacks=[scheduler])
        for _ in range(3):
            clf.partial_fit(X, Y, classes=["a", "b"])
        assert np.isfinite(clf.history_[:, "event_lr"]).all()
        assert len(clf.history_) == 3

    def test_partial_fit_keeps_the_optimisers_state(self):
        clf = small(LSTMFCNClassifier)
        for _ in range(4):
            clf.partial_fit(X, Y, classes=["a", "b"])
        steps = {int(s["step"]) for s in clf.net_.optimizer_.state.values()}
        assert steps == {4 * 3}

    def test_partial_fit_knows_classes_that_have_not_come(self):
        clf = small(LSTMFCNClassifier).partial_fit(
            X[Y == "a"], Y[Y == "a"], classes=["b", "a", "c"]
        )
        assert clf.classes_.tolist() == ["a", "b", "c"]
        with pytest.raises(ValueError, match="got .*'d'"):
            clf.partial_fit(X, np.full(40, "d"))
        with pytest.raises(ValueError, match="as in the first call"):
            clf.partial_fit(X, Y, classes=["a", "b"])

    def test_partial_fit_needs_classes_first(self):
        with pytest.raises(ValueError, match="classes must be passed on the first call"):
            LSTMFCNClassifier().partial_fit(X, Y)

    @pytest.mark.parametrize(
        "options",
        [
            {"validation_fraction": 0.2},
            {"early_stopping_patience": 3},
            {"restore_best": "train_loss"},
            {"fine_tune_rounds": 1},
            {"class_weight": "balanced"},
        ],
    )
    def test_partial_fit_refuses_what_needs_a_whole_run(self, options):
        (name,) = options
        with pytest.raises(ValueError, match=f"{name} must"):
            LSTMFCNClassifier(**options).partial_fit(X, Y, classes=["a", "b"])

    def test_a_regressor_keeps_its_first_scale(self):
        reg = small(LSTMFCNRegressor).partial_fit(X, TARGET)
        mean = reg.target_mean_
        reg.partial_fit(X, TARGET + 100)
        assert reg.target_mean_ == mean


class TestFailureLeavesNothing:
    class Failing(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise OSError("disk full")

    class Interrupting(Callback):
        def on_batch_begin(self, net, **kwargs):
            raise KeyboardInterrupt

    @pytest.mark.parametrize("warm_start", [False, True])
    @pytest.mark.parametrize("cls", [LSTMFCNClassifier, LSTMFCNRegressor])
    def test_a_fitted_estimator_predicts_as_before(self, cls, warm_start):
        y = np.arange(40) % 2
        est = small(cls, max_epochs=2, warm_start=warm_start).fit(X, y)
        before, attributes = est.predict(X), set(vars(est))
        fitted = {"warm_start": warm_start, "callbacks": None, "normalize": est.normalize}
        state = copy.deepcopy(est.net_.optimizer_.state_dict())
        other = est.normalize if warm_start else "series"
        est.set_params(callbacks=[self.Failing()], normalize=other)
        with pytest.raises(OSError, match="disk full"):
            est.fit(X, 1 - y)
        np.testing.assert_array_equal(est.predict(X), before)
        est.set_params(normalize=fitted["normalize"])
        with pytest.raises(OSError, match="disk full"):
            est.partial_fit(X, 1 - y)
        with pytest.raises(ValueError, match="inconsistent"):
            est.set_params(**fitted).fit(X, y[:-1])
        np.testing.assert_array_equal(est.predict(X), before)
        for index, entry in est.net_.optimizer_.state_dict()["state"].items():
            for name, value in entry.items():
                torch.testing.assert_close(value, state["state"][index][name], rtol=0, atol=0)
        assert set(vars(est)) == attributes

    def test_a_new_estimator_stays_unfitted(self):
        clf = small(LSTMFCNClassifier, callbacks=[self.Failing()])
        before = dict(vars(clf))
        with pytest.raises(OSError, match="disk full"):
            clf.fit(X, Y)
        assert vars(clf) == before

    def test_divergence_names_the_remedy(self):
        with pytest.raises(
            ValueError, match=r"diverged: the train_loss of epoch .*Lower lr \(now 1e\+30\)"
        ):
            small(LSTMFCNClassifier, lr=1e30, optimizer=torch.optim.SGD).fit(X, Y)

    def test_ctrl_c_in_a_batch_is_not_swallowed_as_early_stopping(self):
        source = (
            "import os, signal, threading, numpy as np\n"
            "from skts import LSTMFCNClassifier\n"
            "threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
            "clf = LSTMFCNClassifier(max_epochs=10**9, filters=(2, 2, 2))\n"
            "try:\n"
            "    clf.fit(np.random.rand(200, 50), np.arange(200) % 2)\n"
            "except KeyboardInterrupt:\n"
            "    print('interrupted, fitted:', hasattr(clf, 'net_'))\n"
        )
        out = run_python(source)
        assert out.stdout == "interrupted, fitted: False\n", out.stderr

    def test_exhausted_memory_names_batch_size(self):
        source = (
            "import resource, numpy as np\n"
            "from skts import LSTMFCNClassifier\n"
            "clf = LSTMFCNClassifier(max_epochs=1, batch_size=64)\n"
            "clf.fit(np.random.rand(4, 10), [0, 1, 0, 1])\n"
            "X, y = np.random.rand(64, 100_000).astype('float32'), np.arange(64) % 2\n"
            "limit = int(open('/proc/self/statm').read().split()[0]) * 4096 + 2**30\n"
            "resource.setrlimit(resource.RLIMIT_AS, (limit, limit))\n"
            "try:\n"
            "    clf.fit(X, y)\n"
            "except MemoryError as error:\n"
            "    print(error, clf.n_timepoints_in_)\n"
        )
        out = run_python(source)
        assert "batch_size=64: lower batch_size" in out.stdout, out.stderr
        assert out.stdout.endswith(" 10\n")


class TestRepeatability:
    SOURCE = (
        "import numpy as np; from skts import LSTMFCNClassifier\n"
        "X = np.sin(np.arange(600.0)).reshape(30, 20)\n"
        "clf = LSTMFCNClassifier(max_epochs=3, random_state=7).fit(X, np.arange(30) % 3)\n"
        "print(clf.predict_proba(X).tobytes().hex())"
    )

    @pytest.mark.full
    def test_one_seed_gives_the_same_bits_in_two_processes(self):
        first, second = (run_python(self.SOURCE).stdout for _ in range(2))
        assert first == second
        assert len(first) > 1000

    @pytest.mark.parametrize("random_state", [None, 0])
    def test_global_random_states_stay_as_they_were(self, random_state):
        torch_before, numpy_before = torch.get_rng_state(), pickle.dumps(np.random.get_state())
        clf = small(
            LSTMFCNClassifier,
            random_state=random_state,
            max_epochs=2,
            validation_fraction=0.2,
            oversample=True,
        )
        clf.fit(X, Y).predict(X)
        clf.set_params(validation_fraction=None).partial_fit(X, Y)
        assert torch.equal(torch.get_rng_state(), torch_before)
        assert pickle.dumps(np.random.get_state()) == numpy_before

    def test_threads_do_not_mix_their_random_numbers(self):
        def probabilities(seed):
            clf = small(LSTMFCNClassifier, max_epochs=5, random_state=seed)
            return clf.fit(X, Y).predict_proba(X)

        alone = [probabilities(seed) for seed in range(3)]
        with ThreadPoolExecutor(3) as pool:
            np.testing.assert_array_equal(list(pool.map(probabilities, range(3))), alone)

    def test_nothing_else_draws_from_torchs_generator(self, tmp_path):
        clf = small(LSTMFCNClassifier, max_epochs=1).fit(X, Y)

        def use(**kwargs):
            before = torch.get_rng_state()
            clf.save(tmp_path / "clf")
            skts.load(tmp_path / "clf").predict(X)
            streamed = copy.copy(clf).set_params(memory_limit=0)
            streamed.predict(X)
            explain.occlusion(clf, X[:2], window=4)
            explain.integrated_gradients(clf, X[:2])
            explain.class_activation_maps(clf, X)
            exported_program(clf)
            clf.net_.copied_for_hooks()
            assert torch.equal(torch.get_rng_state(), before)

        use()
        options = {"max_epochs": 2, "dropout": 0.5}
        using = type("Using", (Callback,), {"on_epoch_end": lambda self, net, **kw: use()})
        a, b = (
            small(LSTMFCNClassifier, callbacks=callbacks, **options).fit(X, Y).predict_proba(X)
            for callbacks in ([using], None)
        )
        np.testing.assert_array_equal(a, b)

    def test_other_generators_are_not_touched_while_a_fit_runs(self):
        def states():
            return pickle.dumps((np.random.get_state(), random.getstate()))

        class Looking(Callback):
            def on_batch_end(self, net, **kwargs):
                seen.append(states())

        seen, before = [], states()
        recorded(callbacks=[Looking()], validation_fraction=0.2, oversample=True)
        assert set(seen) == {before}

    def test_seeds_differ_and_a_random_state_moves_on(self):
        def probabilities(seed):
            return (
                small(LSTMFCNClassifier, max_epochs=2, random_state=seed).fit(X, Y).predict_proba(X)
            )

        assert not np.array_equal(probabilities(0), probabilities(1))
        assert not np.array_equal(probabilities(None), probabilities(None))
        state = np.random.RandomState(0)
        assert not np.array_equal(probabilities(state), probabilities(state))


class TestCallbacks:
    def test_skorch_callbacks_see_the_training(self):
        def weighted(net, dataset, y):
            return accuracy_score(y, net.predict(dataset))

        clf = small(
            LSTMFCNClassifier,
            max_epochs=30,
            validation_fraction=0.25,
            callbacks=[
                ("mine", EpochScoring(weighted, name="own_acc", lower_is_better=False)),
                EpochScoring("balanced_accuracy", name="bacc", lower_is_better=False),
                Recorder,
            ],
        ).fit(X, Y)
        own, builtin = clf.history_[:, "own_acc"], clf.history_[:, "valid_acc"]
        assert own == builtin
        assert clf.history_[-1, "bacc"] > 0.9
        assert "Recorder" in dict(clf.net_.callbacks_)

    def test_a_callback_can_end_training(self):
        class Enough(Callback):
            def on_epoch_end(self, net, **kwargs):
                if len(net.history) == 3:
                    raise KeyboardInterrupt

        assert len(recorded(max_epochs=50, callbacks=[Enough()])[0].history_) == 3

    @pytest.mark.parametrize("event", ["on_train_begin", "on_batch_end"])
    def test_a_callback_can_end_training_before_it_began(self, event):
        def stop(*args, **kwargs):
            raise KeyboardInterrupt

        callback = type("Stop", (Callback,), {event: stop})()
        clf, _ = recorded(callbacks=[callback], restore_best="train_loss")
        assert clf.predict_proba(X).shape == (40, 2)


class TestPrecision:
    def test_bfloat16_trains_and_predicts_close_to_float32(self):
        a, b = (
            small(LSTMFCNClassifier, max_epochs=30, precision=p).fit(X, Y)
            for p in ("float32", "bfloat16")
        )
        assert b.score(X, Y) == a.score(X, Y) == 1.0
        in_bfloat16 = b.predict_proba(X)
        b.net_.autocast = None
        assert not np.array_equal(b.predict_proba(X), in_bfloat16)
        assert {p.dtype for p in b.net_.module_.parameters()} == {torch.float32}

    @pytest.mark.parametrize(("cls", "fast"), [(LSTMFCNClassifier, True), (ALSTMClassifier, False)])
    @pytest.mark.parametrize("native", [True, False])
    def test_auto_is_bfloat16_where_the_network_is_faster_so(self, cls, fast, native, monkeypatch):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native})
        clf = small(cls, max_epochs=1, precision="auto", device="cpu").fit(X, Y)
        assert clf.net_.autocast == (torch.bfloat16 if fast and native else None)

    @pytest.mark.parametrize(
        ("precision", "dtype"), [("float32", None), ("bfloat16", torch.bfloat16)]
    )
    def test_other_precisions_hold_everywhere(self, precision, dtype):
        assert autocast_dtype(precision, torch.device("cpu"), fast_on_cpu=False) == dtype

    def test_auto_device(self):
        expected = "cuda" if torch.cuda.is_available() else "cpu"
        assert resolve_device("auto").type == expected


class TestRecipes:
    @pytest.mark.parametrize("name", recipes.__all__)
    def test_every_recipe_trains_as_it_says(self, name):
        recipe = vars(recipes)[name]
        y = np.arange(len(X)) < len(X) // 4  # a class that is smaller
        kept = KeptBatches()
        options = recipe | {"max_epochs": 3, "batch_size": 7, "callbacks": [kept]}
        clf = small(LSTMFCNClassifier, **options).fit(X, y)
        group, history = clf.net_.optimizer_.param_groups[0], clf.history_
        assert type(clf.net_.optimizer_) is recipe["optimizer"]
        assert group["weight_decay"] == recipe["weight_decay"]
        assert kept.epochs[0][0]["train_batch_size"] == 7
        n_trained = sum(batch.get("train_batch_size", 0) for batch in kept.epochs[0])
        n_valid = int(np.ceil(len(X) * recipe.get("validation_fraction", 0)))
        n_large = np.bincount(y).max()
        assert n_trained == (2 * n_large if recipe.get("oversample") else len(X) - n_valid)
        assert ("valid_loss" in history[0]) == ("validation_fraction" in recipe)
        made = {type(callback): callback for _, callback in clf.net_.callbacks_}
        schedule, patience = made.get(Plateau), made.get(Patience)
        assert (schedule is not None) == (recipe["lr_schedule"] == "plateau")
        if schedule is not None:
            kept = schedule.kwargs
            assert kept["factor"] == recipe["plateau_factor"]
            assert kept["patience"] == recipe["plateau_patience"] - 1
            assert kept["min_lr"] == recipe["min_lr"]
        assert (patience and patience.patience) == recipe.get("early_stopping_patience")
        best = made.get(BestWeights)
        assert (best and best.monitor) == recipe.get("restore_best")
        n_epochs = 3 * (1 + recipe.get("fine_tune_rounds", 0))
        assert len(history) == n_epochs
        assert history[0, "event_lr"] == recipe["lr"] if schedule else group["lr"] == recipe["lr"]
        options |= {"callbacks": None, "class_weight": None}
        unweighted = small(LSTMFCNClassifier, **options).fit(X, y).history_
        first = [of[0, "train_loss"] for of in (history, unweighted)]
        assert (first[0] != first[1]) == ("class_weight" in recipe)

    def test_the_papers_recipe(self):
        clf = LSTMFCNClassifier(**recipes.karim2017)
        assert (clf.max_epochs, clf.batch_size, clf.lr) == (2000, 128, 1e-3)
        assert clf.plateau_factor == 2 ** (-1 / 3)
        assert clf.restore_best == "train_loss"


def test_network_and_optimiser_are_skorchs():
    clf, _ = recorded(optimizer=torch.optim.RMSprop)
    assert isinstance(clf.net_.optimizer_, torch.optim.RMSprop)
    assert isinstance(clf.net_.module_, skts.models.LSTMFCN)
    assert not clf.net_.module_.training


def test_optimiser_options_reach_the_optimiser():
    clf, _ = recorded(weight_decay=0.123, lr_schedule=None, lr=0.01)
    assert {g["weight_decay"] for g in clf.net_.optimizer_.param_groups} == {0.123}


def test_a_fitted_net_carries_weights_and_optimiser_and_no_more():
    clf = LSTMFCNClassifier(max_epochs=2, restore_best="train_loss").fit(X, Y)
    n_bytes = sum(4 * p.numel() for p in clf.net_.module_.parameters())
    # untrained and trained weights, two moments; and two before them in nothing else
    assert len(pickle.dumps(clf)) < 4.5 * n_bytes
    assert {p.device.type for p in clf.net_.module.parameters()} == {"cpu"}


def test_second_order_optimisers_work():
    clf, _ = recorded(optimizer=torch.optim.LBFGS, weight_decay=0.0, lr=0.1, lr_schedule=None)
    assert np.isfinite(clf.predict_proba(X)).all()
