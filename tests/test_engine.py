"""The training loop: what makes it fast changes nothing that it computes."""

import os
import pickle
import platform
import shutil
import tracemalloc
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from sklearn.ensemble import VotingClassifier
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback, EpochScoring, GradientNormClipping
from torch.utils.data import DataLoader

from skts import ALSTMClassifier, FCNClassifier, LSTMFCNClassifier, SeedEnsembleClassifier
from skts.training.batches import Batches, SeriesDataset
from skts.training.callbacks import one_cycle
from skts.training.net import EVALUATION_VALUES, SeriesNet
from tests.recording import KeptBatches, run_python
from tests.settings import small

RNG = np.random.default_rng(0)
X = RNG.normal(size=(41, 2, 12)).astype(np.float32)
X[:, 0, 3:6] += 3 * (np.arange(41) % 2)[:, None]
Y = np.arange(41) % 2


def fitted(X=X, **options):
    return small(LSTMFCNClassifier, **({"max_epochs": 3} | options)).fit(X, Y)


def weights(clf):
    return torch.cat([p.detach().flatten() for p in clf.net_.module_.parameters()])


def norms(clf):
    return [m for m in clf.net_.module_.modules() if isinstance(m, torch.nn.BatchNorm1d)]


class Watching(Callback):
    """Sees the loss of each batch as it comes."""

    def __init__(self):
        self.seen = []

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self.seen.append(net.history[-1, "batches", -1, "train_loss"])


class InMemory(Callback):
    """Ends with an error where series stream."""

    def on_epoch_begin(self, net, dataset_train=None, **kwargs):
        assert dataset_train.streamed is None


class Spy(Callback):
    """Keeps the data sets that training takes."""

    def on_epoch_begin(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        self.datasets = dataset_train, dataset_valid


class TestLosses:
    def test_history_is_the_same_whether_losses_are_read_in_each_batch_or_once(self):
        watching = Watching()
        kept = KeptBatches(), KeptBatches()
        watched, plain = fitted(callbacks=[watching, kept[0]]), fitted(callbacks=[kept[1]])
        assert torch.equal(weights(watched), weights(plain))
        assert kept[0].epochs == kept[1].epochs
        losses = [batch["train_loss"] for epoch in kept[1].epochs for batch in epoch]
        assert watching.seen == losses
        assert {type(loss) for loss in losses} == {float}
        for a, b in zip(watched.history_, plain.history_, strict=True):
            assert a["batches"] == b["batches"] == []  # of the epoch that runs alone
            assert a.keys() == b.keys()
            assert a["train_loss"] == b["train_loss"]

    @pytest.mark.parametrize(
        ("callback", "is_read"),
        [(Watching(), True), (Spy(), False), (GradientNormClipping(1.0), True)],
    )
    def test_losses_stay_on_the_device_unless_a_callback_looks_into_the_epoch(
        self, callback, is_read, monkeypatch
    ):
        read, item = [], torch.Tensor.item
        monkeypatch.setattr(torch.Tensor, "item", lambda t: read.append(t.shape) or item(t))
        fitted(callbacks=[callback], max_epochs=1)
        assert (len(read) > 0) == is_read

    def test_validation_losses_and_scores_are_recorded_too(self):
        scored = EpochScoring("accuracy", name="mine", on_train=True, lower_is_better=False)
        kept = KeptBatches()
        clf = fitted(validation_fraction=0.3, callbacks=[scored, kept])
        for epoch, of_epoch in zip(clf.history_, kept.epochs, strict=True):
            batches = [b["valid_loss"] for b in of_epoch if "valid_loss" in b]
            assert len(batches) == epoch["valid_batch_count"]
            sizes = [b["valid_batch_size"] for b in of_epoch if "valid_loss" in b]
            assert epoch["valid_loss"] == pytest.approx(np.average(batches, weights=sizes))
            assert 0 <= epoch["mine"] <= 1


class TestCallbacks:
    """Those of the user's are called as skorch calls them."""

    def test_a_hook_of_ones_own_and_one_that_comes_late(self):
        seen = []
        late = Callback().initialize()
        late.on_batch_end = lambda *args, **kwargs: seen.append("late")
        own = Callback()

        def add(net, **kwargs):
            if late not in [callback for _, callback in net.callbacks_]:
                net.callbacks_.append(("late", late))

        own.on_train_begin = add
        own.on_grad_computed = lambda *args, **kwargs: seen.append("own")
        fitted(callbacks=[own], max_epochs=1)
        assert seen == ["own", "late"] * 3  # steps

    def test_batches_of_the_epoch_before_are_read_as_an_epoch_begins(self):
        seen = []

        class Reads(Callback):
            def on_epoch_begin(self, net, **kwargs):
                seen.append([len(epoch["batches"]) for epoch in net.history])

        fitted(callbacks=[Reads()])
        assert seen == [[0], [3, 0], [0, 3, 0]]

    def test_a_module_that_a_callback_froze_trains_again_in_the_next_step(self):
        modes = []

        class Freezes(Callback):
            def on_grad_computed(self, net, **kwargs):
                norm = next(m for m in net.module_.modules() if isinstance(m, torch.nn.BatchNorm1d))
                modes.append(norm.training)
                norm.eval()

        fitted(callbacks=[Freezes()], max_epochs=2)
        assert modes == [True] * 6


class TestStreaming:
    @pytest.fixture
    def mapped(self, tmp_path):
        file = tmp_path / "series.npy"
        np.save(file, X)
        return np.load(file, mmap_mode="r")

    def test_series_above_the_limit_stay_where_they_are(self):
        spy = Spy()
        streamed = fitted(callbacks=[spy], memory_limit=X.nbytes - 1, validation_fraction=0.3)
        for dataset in spy.datasets:
            assert np.shares_memory(dataset.streamed, X)
            assert "x" not in dataset.inputs
            assert isinstance(Batches(dataset, 4).loader, DataLoader)
        at_once = fitted(callbacks=[spy], memory_limit=X.nbytes, validation_fraction=0.3)
        assert [dataset.streamed for dataset in spy.datasets] == [None, None]
        assert torch.equal(weights(streamed), weights(at_once))
        np.testing.assert_array_equal(streamed.predict_proba(X), at_once.predict_proba(X))

    def test_batches_of_one_series_stream(self):
        streamed, at_once = (fitted(memory_limit=n, batch_size=1) for n in (0, None))
        assert torch.equal(weights(streamed), weights(at_once))

    @pytest.mark.parametrize(("limit", "streams"), [(0, True), (X.nbytes, False), (None, False)])
    def test_a_mapped_file_streams_where_it_is_larger_than_the_limit(self, mapped, limit, streams):
        spy = Spy()
        clf = fitted(mapped, callbacks=[spy], memory_limit=limit)
        streamed = spy.datasets[0].streamed
        assert np.shares_memory(streamed, mapped) if streams else streamed is None
        assert torch.equal(weights(clf), weights(fitted()))
        np.testing.assert_array_equal(clf.predict_proba(mapped), fitted().predict_proba(X))

    def test_of_a_mapped_file_the_limit_is_a_part_of_the_memory(self, mapped, monkeypatch):
        for n_bytes, streams in [(X.nbytes * 8, False), (X.nbytes * 8 - 8, True)]:
            sizes = {"SC_PHYS_PAGES": n_bytes, "SC_PAGE_SIZE": 1}
            monkeypatch.setattr(os, "sysconf", sizes.get)
            assert (SeriesDataset(mapped).streamed is not None) == streams
            assert SeriesDataset(X).streamed is None

    @pytest.mark.full
    @pytest.mark.parametrize("kind", ["seeds", "votes"])
    def test_what_joblib_maps_for_its_processes_does_not_stream(self, kind):
        large, labels = np.tile(X, (30, 1, 10)), np.tile(Y, 30)
        assert large.nbytes > 2**20  # from which on joblib maps
        clf = small(FCNClassifier, max_epochs=1, batch_size=256, callbacks=[InMemory()])
        both = {
            "seeds": SeedEnsembleClassifier(clf, n_estimators=2, n_jobs=2),
            "votes": VotingClassifier([("a", clf), ("b", clf)], n_jobs=2),
        }
        both[kind].fit(large, labels)

    def test_a_mapped_file_is_never_in_memory_as_a_whole(self, tmp_path):
        file = tmp_path / "large.npy"
        np.save(file, np.tile(X, (400, 1, 10)))  # 15 MB
        large = np.load(file, mmap_mode="r")
        options = {"filters": (2,), "kernel_sizes": (3,), "max_epochs": 1, "batch_size": 256}
        clf = FCNClassifier(validation_fraction=0.1, memory_limit=0, **options)
        tracemalloc.start()
        try:
            clf.fit(large, np.tile(Y, 400)).predict(large)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < large.nbytes / 2

    def test_what_goes_with_the_series_is_chosen_with_them(self, mapped):
        weight = np.linspace(0, 1, 41)  # of which the first is left out
        options = {"max_epochs": 2, "oversample": True, "validation_fraction": 0.3}
        a, b = (
            small(LSTMFCNClassifier, memory_limit=limit, **options).fit(
                series, Y, sample_weight=weight
            )
            for series, limit in [(X, None), (mapped, 0)]
        )
        assert torch.equal(weights(a), weights(b))

    @pytest.mark.parametrize(
        ("dtype", "options"), [("float32", {"normalize": "series"}), ("float64", {})]
    )
    def test_normalisation_and_other_types_are_prepared_in_memory(
        self, tmp_path, dtype, options, monkeypatch
    ):
        monkeypatch.setattr("skts.training.batches._memory_of_machine", lambda: 0)
        np.save(tmp_path / "series.npy", X.astype(dtype))
        mapped, spy = np.load(tmp_path / "series.npy", mmap_mode="r"), Spy()
        clf = fitted(mapped, callbacks=[spy], **options)
        assert spy.datasets[0].streamed is None
        assert torch.equal(weights(clf), weights(fitted(**options)))

    def test_series_in_memory_are_not_copied(self):
        spy = Spy()
        fitted(callbacks=[spy])
        assert np.shares_memory(spy.datasets[0].inputs["x"].numpy(), X)

    def test_a_copy_of_a_mapped_file_is_in_memory(self, mapped, monkeypatch):
        monkeypatch.setattr("skts.training.batches._memory_of_machine", lambda: 0)
        spy = Spy()
        fitted(mapped.copy(), callbacks=[spy])
        assert spy.datasets[0].streamed is None

    def test_read_only_series_in_memory_are_taken(self):
        frozen = X.copy()
        frozen.flags.writeable = False
        assert torch.equal(weights(fitted(frozen)), weights(fitted()))


class TestRecomputedNorms:
    def test_averages_are_those_of_all_training_series_under_the_final_weights(self):
        clf = fitted(dropout=0.0)
        norm = clf.net_.module_.conv.blocks[0].norm
        maps = clf.net_.module_.conv.blocks[0].conv(torch.as_tensor(X)).detach()
        torch.testing.assert_close(norm.running_mean, maps.mean(dim=(0, 2)))
        torch.testing.assert_close(norm.running_var, maps.transpose(0, 1).flatten(1).var(dim=1))
        assert norm.momentum == 0.01
        assert norm.num_batches_tracked == 3 * 3
        assert not any(module.training for module in clf.net_.module_.modules())

    def test_the_weights_stay(self):
        with_it, without = fitted(), fitted(recompute_norms=False)
        assert torch.equal(weights(with_it), weights(without))
        assert not np.allclose(with_it.predict_proba(X), without.predict_proba(X))

    @pytest.mark.parametrize(
        "options", [{"restore_best": "train_loss"}, {"fine_tune_rounds": 1}], ids=str
    )
    def test_an_epoch_that_was_chosen_keeps_its_own(self, options):
        a, b = (fitted(recompute_norms=r, **options).predict_proba(X) for r in (True, False))
        np.testing.assert_array_equal(a, b)

    def test_several_batches_are_equal_parts_of_all_kinds_of_series(self, monkeypatch):
        # sorted by class, and 41 series in batches of up to 20
        monkeypatch.setitem(EVALUATION_VALUES, "cpu", 20 * X[0].size)
        order = np.argsort(Y)
        clf = small(LSTMFCNClassifier, max_epochs=3, batch_size=8).fit(X[order] * 5, Y[order])
        at_once = small(LSTMFCNClassifier, max_epochs=3, batch_size=8)
        monkeypatch.undo()
        at_once.fit(X[order] * 5, Y[order])
        first, *deeper = zip(norms(clf), norms(at_once), strict=True)
        torch.testing.assert_close(first[0].running_mean, first[1].running_mean)
        torch.testing.assert_close(first[0].running_var, first[1].running_var, rtol=1e-2, atol=0)
        for parts, whole in deeper:  # which a batch reaches normalised by its own averages
            torch.testing.assert_close(parts.running_var, whole.running_var, rtol=0.2, atol=0.01)

    def test_a_network_without_batch_normalisation_stays_as_it_is(self):
        a, b = (small(ALSTMClassifier, max_epochs=1, recompute_norms=r) for r in (True, False))
        np.testing.assert_array_equal(a.fit(X, Y).predict_proba(X), b.fit(X, Y).predict_proba(X))


class TestMemory:
    SOURCE = (
        "import resource, torch\n"
        "from skts.process import kept_memory\n"
        "def faults_of_second_use(n_buffers, size):\n"
        "    [torch.ones(size) for _ in range(n_buffers)]\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    [torch.ones(size) for _ in range(n_buffers)]\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before\n"
        "several, large = (16, 2**21), (1, 2**26)\n"
        "print(faults_of_second_use(*several), faults_of_second_use(*large))\n"
        "with kept_memory():\n"
        "    print(faults_of_second_use(*several))\n"
        "print(faults_of_second_use(*several))\n"
    )

    @pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's malloc")
    def test_buffers_are_kept_in_the_block_alone_and_large_ones_take_few_pages(self):
        # in a process of its own: pytest may run tests in a thread, whose heap is small
        out = run_python(self.SOURCE)
        before, large, within, after = map(int, out.stdout.split())
        assert within < before / 10
        assert after > before / 2
        switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
        if switch.exists() and "[never]" not in switch.read_text():
            assert large < 2**26 * 4 / 4096 / 10

    def test_optimisers_run_fused_where_they_can(self):
        assert fitted().net_.optimizer_.defaults["fused"]
        assert "fused" not in fitted(optimizer=torch.optim.RMSprop).net_.optimizer_.defaults

    def test_gradients_go_when_training_ends(self):
        assert all(p.grad is None for p in fitted().net_.module_.parameters())

    @pytest.mark.full
    def test_thresholds_of_the_environment_are_left_alone(self):
        out = run_python(self.SOURCE, MALLOC_TRIM_THRESHOLD_="131072")
        before, _, within, after = map(int, out.stdout.split())
        assert within == pytest.approx(before, rel=0.05)
        assert after == pytest.approx(before, rel=0.05)


@pytest.mark.parametrize("n_steps", [4, 5, 100, 1001])
def test_one_cycle_is_torchs(n_steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=0.1, total_steps=n_steps, cycle_momentum=False
    )
    expected = []
    for _ in range(n_steps):
        expected.append(schedule.get_last_lr()[0])
        optimizer.step()
        if len(expected) < n_steps:
            schedule.step()
    rates = [0.1 * one_cycle(step, n_steps) for step in range(n_steps)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


class Threads(Callback):
    """Writes down how many threads torch has."""

    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, net, **kwargs):
        (Path(self.folder) / str(os.getpid())).write_text(str(torch.get_num_threads()))


@pytest.mark.full
def test_two_workers_of_a_grid_search_take_half_of_the_cores_each(tmp_path):
    search = GridSearchCV(
        small(LSTMFCNClassifier, max_epochs=1, callbacks=[Threads(str(tmp_path))]),
        {"n_cells": [2, 3]},
        n_jobs=2,
        cv=2,
        refit=False,
    )
    search.fit(X, Y)
    threads = [int(file.read_text()) for file in tmp_path.iterdir()]
    assert threads
    assert max(threads) <= max(1, joblib.cpu_count() // 2)


def test_the_net_is_a_skorch_net_of_its_own():
    net = fitted(lr_schedule="plateau").net_
    assert net.get_params(deep=True)["callbacks__lr_schedule__monitor"] == "train_loss"
    n_epochs = len(net.history)
    net.set_params(max_epochs=2)
    assert len(net.partial_fit(X, Y).history) == n_epochs + 2
    one_cycle_net = fitted().net_
    assert len(one_cycle_net.partial_fit(X, Y).history) == 6


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")  # torch's compiler warns of what it does itself
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_is_the_same_network():
    options = {"filters": (4,), "kernel_sizes": (3,), "max_epochs": 2, "batch_size": 41}
    compiled, plain = (
        FCNClassifier(random_state=0, compile=c, **options).fit(X, Y) for c in (True, False)
    )
    assert sum(torch._dynamo.utils.counters["frames"].values()) > 0
    assert compiled.net_.module_.state_dict().keys() == plain.net_.module_.state_dict().keys()
    # not the weights: those without effect, biases ahead of a batch normalisation, drift
    np.testing.assert_allclose(compiled.predict_proba(X), plain.predict_proba(X), atol=5e-3)


class TestCuda:
    @pytest.fixture
    def replays(self, cuda, monkeypatch):
        """Counts the steps that were replayed; each is an error if it waits for the device."""
        counted, replay = [], torch.cuda.CUDAGraph.replay

        def counting(graph):
            counted.append(graph)
            torch.cuda.set_sync_debug_mode("error")
            try:
                replay(graph)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", counting)
        return counted

    @pytest.mark.full
    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"precision": "bfloat16"},
            {"lr_schedule": "plateau", "plateau_patience": 2},
            {"fine_tune_rounds": 2},
            {"memory_limit": 0},
            {"dropout": 0.5},
        ],
        ids=str,
    )
    def test_a_captured_step_is_the_step(self, options, replays):
        options = {"device": "cuda", "max_epochs": 10, "batch_size": 8, "dropout": 0.0} | options
        captured = fitted(**options)
        assert len(replays) >= 4 * 10 - 4
        n_replays = len(replays)
        eager = fitted(**options, callbacks=[Watching()])
        assert len(replays) == n_replays
        assert captured.score(X, Y) == eager.score(X, Y)
        if not options["dropout"]:  # a graph draws other random numbers
            np.testing.assert_allclose(captured.predict_proba(X), eager.predict_proba(X), atol=0.05)
        again = pickle.loads(pickle.dumps(captured))
        np.testing.assert_array_equal(again.predict(X), captured.predict(X))

    def test_a_step_that_cannot_be_captured_is_stepped_through(self, cuda, monkeypatch):
        def reading(self, *args, **kwargs):
            loss = get_loss(self, *args, **kwargs)
            loss.item()
            return loss

        get_loss = SeriesNet.get_loss
        monkeypatch.setattr(SeriesNet, "get_loss", reading)
        with pytest.warns(RuntimeWarning, match="continues without a CUDA graph"):
            clf = fitted(device="cuda", max_epochs=10)
        assert len(clf.history_) == 10


class TestBatches:
    @pytest.mark.parametrize(
        ("n", "size", "sizes"),
        [
            (10, 4, [4, 4, 2]),
            (9, 4, [4, 5]),
            (1, 4, [1]),
            (3, 1, [1, 1, 1]),
            (5, 4, [5]),
            (4, 4, [4]),
        ],
    )
    def test_a_last_batch_of_one_joins_its_neighbour(self, n, size, sizes):
        batches = Batches(SeriesDataset(np.zeros((n, 1, 2)), np.arange(n)), size)
        assert [len(y) for _, y in batches] == sizes
        assert len(batches) == len(sizes)

    def test_each_epoch_is_a_new_permutation(self):
        batches = Batches(SeriesDataset(np.zeros((20, 1, 2)), np.arange(20)), 6, shuffle=True)
        first, second = (torch.cat([y for _, y in batches]).tolist() for _ in range(2))
        assert first != second
        assert sorted(first) == sorted(second) == list(range(20))
