"""A training step that CUDA replays is the step, on a pretended device.

Every network, captured and step by step, must come to the same losses and outputs to the bit, and
wait for the device once in an epoch. What would break that is tried: the guard must see it.
"""

import contextlib

import numpy as np
import pytest
import torch
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import StepLR

import skts
from skts.discovery import all_estimators
from skts.layers import BatchNorm, convolution
from skts.training import net
from skts.training.batches import SeriesDataset
from skts.training.cuda_graph import CapturedStep
from skts.training.net import SeriesNet
from tests import forecasts
from tests.networks import option_variants
from tests.pretended_cuda import WaitDetector, pretended_cuda
from tests.settings import is_ensemble, is_solved, small

RNG = np.random.default_rng(0)
N = 22  # in batches of 4 the last one has another shape
X = RNG.normal(size=(N, 2, 16)).astype(np.float32)
Y = np.arange(N) % 2
X[Y == 1, :, :5] += 1
TARGET = X[:, 0, :4].sum(axis=1)
UNEQUAL = [x[:, : 8 + i % 9] for i, x in enumerate(X)]
WEIGHT = np.linspace(0.5, 2, N)
OPTIONS = {"max_epochs": 3, "batch_size": 4, "target_loss": None, "random_state": 0}

NETWORKS = {
    kind: [
        (name, cls)
        for name, cls in all_estimators(kind)
        if not is_ensemble(cls) and not is_solved(cls)
    ]
    for kind in ("classifier", "regressor", "forecaster")
}
#: Those need a closure, sparse gradients or matrices, and Adafactor reads a number at every step.
OTHER_OPTIMIZERS = {"Optimizer", "LBFGS", "SparseAdam", "Muon", "Adafactor"}
OPTIMIZERS = [
    optimizer
    for name, optimizer in sorted(vars(torch.optim).items())
    if isinstance(optimizer, type) and name not in OTHER_OPTIMIZERS
]
QUICK = {
    f"{name}Classifier"
    for name in ("FCN", "LSTMFCN", "MALSTMFCN", "SELSTMFCN", "CNN", "LSTM", "ConvLSTM", "ALSTM")
}
full = pytest.mark.full


def can_be_captured(optimizer):
    return "capturable" in optimizer([torch.zeros(1)], lr=1e-3).defaults


def trained(cls=skts.LSTMFCNClassifier, *, unequal=False, **options):
    """Losses and outputs of a small training."""
    clf = small(cls, **OPTIONS | options)
    series = UNEQUAL if unequal else X
    y = Y if cls.__name__.endswith("Classifier") else TARGET
    clf.fit(series, y, sample_weight=WEIGHT)
    outputs = clf.predict_proba(series) if cls.__name__.endswith("Classifier") else clf.predict(X)
    return clf.history_[:, "train_loss"], outputs


def forecast(cls, **options):
    forecaster = forecasts.small(cls, max_epochs=3, batch_size=4, window_length=8, **options)
    outputs = forecaster.fit(forecasts.Y, fh=forecasts.FH).predict()
    return forecaster.net_.history[:, "train_loss"], outputs


@contextlib.contextmanager
def waits_of_epochs(machine):
    """A list of what the program waited for in each epoch of training."""
    found, run = [], SeriesNet.run_single_epoch

    def watched(self, iterator, *args, **kwargs):
        n_before = len(machine.waits)
        run(self, iterator, *args, **kwargs)
        if iterator is not None:
            found.append(machine.waits[n_before:])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SeriesNet, "run_single_epoch", watched)
        yield found


def check_captured_is_eager(train):
    """Train with and without replays; both must be the same, and wait once in an epoch."""
    results = []
    for warm_up in (CapturedStep.warm_up, 10**9):
        with pytest.MonkeyPatch.context() as patch, pretended_cuda() as machine:
            patch.setattr(CapturedStep, "warm_up", warm_up)
            with waits_of_epochs(machine) as waits:
                results.append(train())
            n_captures = machine.waits.count("synchronize")  # torch does before a capture
            assert (machine.n_replays > 0) == (n_captures > 0) == (warm_up < 10**9)
        steady = waits[1:]  # a few optimisers read their rate in their first step
        assert {tuple(w for w in epoch if w != "synchronize") for epoch in steady} == {("tolist",)}
    (losses, outputs), (eager_losses, eager_outputs) = results
    assert losses == eager_losses
    np.testing.assert_array_equal(outputs, eager_outputs)


def network_cases():
    """Every network and option; of those with the same parts one is in the quick suite."""
    for kind in ("classifier", "regressor"):
        for name, cls in NETWORKS[kind]:
            variants = option_variants(cls) if kind == "classifier" else []  # the same networks
            for options in [{}, *variants]:
                takes_unequal = cls(**options)._accepted_lengths() != "equal"
                for unequal in {False, takes_unequal}:
                    is_quick = name in QUICK and not options and unequal == takes_unequal
                    marks = [] if is_quick else [full]
                    label = [name, *map(str, options.items()), "unequal" if unequal else "equal"]
                    yield pytest.param(cls, options, unequal, marks=marks, id=" ".join(label))


class TestCapturedIsEager:
    @pytest.mark.parametrize(("cls", "options", "unequal"), [*network_cases()])
    def test_every_network(self, cls, options, unequal):
        check_captured_is_eager(lambda: trained(cls, unequal=unequal, **options))

    @full
    @pytest.mark.parametrize(("name", "cls"), NETWORKS["forecaster"])
    def test_every_forecaster(self, name, cls):
        check_captured_is_eager(lambda: forecast(cls))

    @pytest.mark.parametrize(
        "options",
        [
            {"lr_schedule": "plateau", "plateau_patience": 1, "lr": 0.05, "max_epochs": 8},
            pytest.param({"lr_schedule": None}, marks=full),
            pytest.param({"first_cycle": 1, "target_loss": 1e-9, "max_epochs": 7}, marks=full),
            pytest.param({"fine_tune_rounds": 2}, marks=full),
            pytest.param({"restore_best": "train_loss"}, marks=full),
            pytest.param({"validation_fraction": 0.3, "early_stopping_patience": 2}, marks=full),
            {"augment": ["jitter", "scaling", "time_warp", "window_slice", "time_mask"]},
            pytest.param({"augment": "channel_dropout", "memory_limit": 0}, marks=full),
            pytest.param({"memory_limit": 0}, marks=full),
            pytest.param({"class_weight": "balanced"}, marks=full),
            pytest.param({"precision": "bfloat16"}, marks=full),
            pytest.param({"device": "cuda:1"}, marks=full),
        ],
        ids=str,
    )
    def test_every_schedule_and_way_to_train(self, options):
        check_captured_is_eager(lambda: trained(**options))

    @pytest.mark.parametrize(
        "optimizer",
        [
            pytest.param(optimizer, marks=[] if optimizer is torch.optim.NAdam else [full])
            for optimizer in OPTIMIZERS
            if can_be_captured(optimizer)
        ],
    )
    def test_every_optimiser_that_can_be_captured(self, optimizer):
        check_captured_is_eager(lambda: trained(optimizer=optimizer, weight_decay=0.0))

    @pytest.mark.parametrize("optimizer", [o for o in OPTIMIZERS if not can_be_captured(o)])
    def test_with_others_nothing_is_replayed_and_nothing_waited_for(self, optimizer, pretended):
        with waits_of_epochs(pretended) as waits:
            trained(skts.FCNClassifier, optimizer=optimizer, weight_decay=0.0)
        assert waits == [["tolist"]] * OPTIONS["max_epochs"]
        assert pretended.n_replays == 0


@contextlib.contextmanager
def numbers_for_rates(optimizer, device):
    for group in optimizer.param_groups:
        group["capturable"] = True
    yield


def captured_on_the_passing_batch(self, batch):
    step = self.step
    self.step = lambda held: step(batch)
    capture(self, batch)


def without_a_copy(self, batch):
    outputs = call(self, batch)
    return outputs if self.graph is None or len(batch[1]) != 4 else self.outputs


def share_as_a_number(self, mean, unbiased_var):
    self.steps = getattr(self, "steps", 0) + 1
    with torch.no_grad():
        self.running_mean.lerp_(mean, 1 / self.steps)
        self.running_var.lerp_(unbiased_var, 1 / self.steps)


def read_at_once(self, *args, **kwargs):
    loss = get_loss(self, *args, **kwargs)
    float(loss.detach())
    return loss


def mask_on_the_cpu(lengths, n_timepoints):
    return torch.arange(n_timepoints) < lengths[:, None, None]


capture, call = CapturedStep._capture, CapturedStep.__call__
get_loss = SeriesNet.get_loss

#: What is put in whose place, how the guard then fails.
MUTATIONS = {
    "a number for the learning rate": (
        [(net, "capturable", numbers_for_rates)],
        (AssertionError, None),
    ),
    "a capture of the batch that passes": (
        [(CapturedStep, "_capture", captured_on_the_passing_batch)],
        (AssertionError, None),
    ),
    "outputs that the next replay changes": (
        [(CapturedStep, "__call__", without_a_copy)],
        (AssertionError, None),
    ),
    "a number in batch normalisation": (
        [(BatchNorm, "_remember", share_as_a_number)],
        (AssertionError, None),
    ),
    "a loss that is read": (
        [(SeriesNet, "get_loss", read_at_once)],
        (RuntimeWarning, "continues without a CUDA graph.*not permitted.*_local_scalar_dense"),
    ),
    "a mask on the CPU": (
        [(convolution, "padding_mask", mask_on_the_cpu)],
        (RuntimeError, "Expected all tensors to be on the same device"),
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_guard_sees(mutation, monkeypatch):
    changes, (error, message) = MUTATIONS[mutation]
    for place, name, value in changes:
        monkeypatch.setattr(place, name, value)
    with pytest.raises(error, match=message):
        # with the averages that training leaves
        check_captured_is_eager(
            lambda: trained(unequal=True, recompute_norms=False, lr_schedule="one_cycle")
        )


class TestWaits:
    """Without a graph: on the CPU, for what no device need be pretended."""

    @pytest.mark.parametrize(("cls", "options", "unequal"), [*network_cases()])
    def test_no_step_of_training_waits(self, cls, options, unequal, monkeypatch):
        step, detector = SeriesNet.train_step, WaitDetector()

        def watched(self, *args, **kwargs):
            with detector:
                return step(self, *args, **kwargs)

        monkeypatch.setattr(SeriesNet, "train_step", watched)
        trained(cls, unequal=unequal, max_epochs=1, **options)
        assert detector.found == {}

    def test_the_detector_sees(self):
        x = torch.arange(3.0)
        with WaitDetector() as detector:
            x.sum().item()
            x.nonzero()
            x[x > 1]
            x[x > 1] = x[:1]
            x[torch.tensor([0, 2])]  # waits for nothing
        assert sum(detector.found.values()) == 4


class TestNumbers:
    """Learning rates are tensors only while a graph may repeat them."""

    def fitted(self, **options):
        return small(skts.FCNClassifier, device="cuda", **OPTIONS | options).fit(X, Y)

    def test_after_training_they_are_numbers(self, pretended, tmp_path):
        clf = self.fitted(lr_schedule="plateau", plateau_patience=1)
        assert pretended.n_replays > 0
        assert {type(rate) for rate in clf.history_[:, "event_lr"]} == {float}
        for group in clf.net_.optimizer_.param_groups:
            assert not group["capturable"]
            assert isinstance(group["lr"], float)
        clf.save(tmp_path / "clf")
        clf.history_.to_file(tmp_path / "history.json")

    def test_a_users_scheduler_records_numbers(self, pretended, tmp_path):
        scheduler = LRScheduler(StepLR, step_size=1)
        clf = self.fitted(lr_schedule=None, callbacks=[scheduler], lr=1e-2)
        assert pretended.n_replays == 0
        assert clf.history_[:, "event_lr"] == pytest.approx([1e-2, 1e-3, 1e-4])
        clf.history_.to_file(tmp_path / "history.json")
        clf.set_params(callbacks=None).save(tmp_path / "clf")

    def test_partial_fit_is_of_numbers(self, pretended, tmp_path):
        seen = []
        step = SeriesNet.train_step

        def watched(self, *args, **kwargs):
            seen.extend(group["lr"] for group in self.optimizer_.param_groups)
            return step(self, *args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SeriesNet, "train_step", watched)
            clf = small(skts.FCNClassifier, device="cuda", **OPTIONS).partial_fit(X, Y, [0, 1])
        assert pretended.n_replays == 0
        assert {type(rate) for rate in seen} == {float}
        clf.save(tmp_path / "clf")

    def test_steps_are_counted_where_they_are_read(self, pretended, tmp_path):
        clf = self.fitted(optimizer=torch.optim.Adamax)  # which is not fused, and reads them
        n_replays = pretended.n_replays
        with waits_of_epochs(pretended) as waits:
            clf.partial_fit(X, Y)
        assert waits == [["tolist"]]
        clf.save(tmp_path / "clf")
        again = skts.load(tmp_path / "clf")
        again.net_.partial_fit(SeriesDataset(X, Y, device="cuda"), epochs=3)
        assert pretended.n_replays > n_replays

    def test_a_checkpoint_of_them_is_gone_on_from(self, pretended, tmp_path, monkeypatch):
        options = {"checkpoint_dir": tmp_path, "lr_schedule": "plateau", "max_epochs": 4}
        expected = self.fitted(**options).predict_proba(X)

        def killed(self, *args, **kwargs):
            if len(self.history) == 3:
                raise InterruptedError
            return step(self, *args, **kwargs)

        step = SeriesNet.train_step
        with monkeypatch.context() as patch:
            patch.setattr(SeriesNet, "train_step", killed)
            with pytest.raises(InterruptedError):
                self.fitted(**options)
        (file,) = tmp_path.iterdir()
        np.testing.assert_array_equal(self.fitted(**options).predict_proba(X), expected)
        assert not file.exists()


class TestFailedCapture:
    def test_its_cause_is_told_and_training_goes_on(self, pretended, monkeypatch):
        monkeypatch.setattr(SeriesNet, "get_loss", read_at_once)
        with pytest.warns(RuntimeWarning, match="without a CUDA graph.*_local_scalar_dense"):
            losses, outputs = trained()
        assert pretended.n_replays == 0
        assert pretended.streams == pretended.default_streams
        monkeypatch.setattr(CapturedStep, "warm_up", 10**9)
        eager_losses, eager_outputs = trained()
        assert losses == eager_losses
        np.testing.assert_array_equal(outputs, eager_outputs)

    def test_memory_that_is_not_there_for_a_graph_ends_no_training(self, pretended, monkeypatch):
        def exhausted(self, *args, **kwargs):
            if pretended.capture is not None:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return get_loss(self, *args, **kwargs)

        monkeypatch.setattr(SeriesNet, "get_loss", exhausted)
        with pytest.warns(RuntimeWarning, match="without a CUDA graph.*out of memory"):
            losses, _ = trained()
        assert len(losses) == OPTIONS["max_epochs"]

    @pytest.mark.parametrize("is_broken", [False, True])
    def test_what_is_no_error_of_torch_ends_training(self, is_broken, pretended, monkeypatch):
        def interrupted(self, *args, **kwargs):
            if pretended.capture is not None:
                pretended.capture.is_broken = is_broken
                raise KeyboardInterrupt
            return get_loss(self, *args, **kwargs)

        monkeypatch.setattr(SeriesNet, "get_loss", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained()
