"""Next day's maximum temperature of the ozone data, in five folds of a time-series split.

    python benchmarks/ozone.py --data PATH [--out DIR] [--epochs 3000] [--seeds 3] [--n-jobs 2]
        [--only published|honest]

PATH holds ozone/eighthr.csv (UCI's Ozone Level Detection). This is the experiment of van Diepen:
the first 1500 days (rows; some dates are missing) with forward-filled gaps, and T_PK of the next
day from all 72 columns of the previous days. The measure is the squared error of T_PK,
standardised over the 1500 days.

"published" trains as the source does: Adam, a learning rate for each model and fold, and the
series as target. It prints the lowest test loss of all epochs, which the source reports, and the
test loss of the last epoch. "honest" never uses the test fold for a choice: each model and fold
takes the one of four SETTINGS with the lowest validation loss (the last 15 % of the training fold,
on which early stopping also runs). It then trains again with these days for the same number of
epochs. Forecasts of the seeds are averaged.

Prints one JSON object per row of the table (also in DIR/table.csv): the baselines, and each model
as published and in both protocols. DIR stores the results of each model and fold, so that the
command can be resumed. DIR also gets figures of the loss curves, and of the honest forecasts of
the model with the lowest validation loss.
"""

import argparse
import hashlib
import json
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from joblib import Memory, Parallel, delayed
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback
from sktime.forecasting.base import ForecastingHorizon

import skts
from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster

TARGET, N_DAYS, N_FOLDS = "T_PK", 1500, 5
MODELS = {
    "LSTM": (LSTMForecaster, {}),
    "ALSTM": (ALSTMForecaster, {}),
    "Comb. 1": (LSTMALSTMForecaster, {"combination": "parallel"}),
    "Comb. 2": (LSTMALSTMForecaster, {"combination": "lstm_alstm"}),
    "Comb. 3": (LSTMALSTMForecaster, {"combination": "alstm_lstm"}),
}
#: Learning rates and lowest test losses of the source, by fold.
PUBLISHED = {
    "LSTM": ([2e-5] * 5, [0.333, 0.211, 0.165, 0.337, 0.238]),
    "ALSTM": ([1e-3, 5e-4, 2e-5, 1e-3, 5e-3], [0.444, 0.185, 0.113, 0.219, 0.0984]),
    "Comb. 1": ([4e-5, 1e-4, 1e-3, 5e-5, 1e-3], [0.624, 0.222, 0.122, 0.225, 0.155]),
    "Comb. 2": ([1e-6, 2e-5, 5e-5, 6e-3, 1e-2], [0.699, 0.303, 0.178, 0.213, 0.117]),
    "Comb. 3": ([4e-6, 5e-6, 2e-6, 2e-6, 7e-6], [0.699, 0.230, 0.209, 4.48, 0.230]),
}
#: Colours that the colour-blind tell apart (Okabe and Ito), and dashes.
LINES = [
    ("#0072b2", "-"),
    ("#e69f00", "--"),
    ("#009e73", "-."),
    ("#d55e00", ":"),
    ("#cc79a7", "-"),
]
#: What the honest protocol chooses from, by validation loss.
SETTINGS = [
    {"baseline": baseline, "input_noise": noise}
    for baseline, noise in product(("last", "linear"), (0.25, 0.5))
]
HONEST = {
    "lr": 1e-3,
    "lr_schedule": None,
    "max_epochs": 1000,
    "validation_fraction": 0.15,
    "early_stopping_patience": 50,
    "restore_best": "valid_loss",
}


def load(path):
    """The days (1500, 72) as the source prepares them."""
    days = pd.read_csv(path / "ozone" / "eighthr.csv", na_values="?").iloc[:N_DAYS, 1:-1]
    return days.ffill()


def folds(days):
    """Training and test days of each fold."""
    for train, test in TimeSeriesSplit(N_FOLDS).split(days):
        yield days.iloc[train], days.iloc[test]


def error(days, test, forecasts):
    """Mean squared error in units of the variance of the 1500 days."""
    return float(np.mean((test[TARGET] - forecasts) ** 2) / days[TARGET].var(ddof=0))


def persistence(train, test):
    return pd.concat([train, test])[TARGET].shift(1).loc[test.index]


def ridge(train, test):
    """All columns of today, penalty by leave-one-out on the training fold."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 21)))
    model.fit(train.iloc[:-1], train[TARGET].iloc[1:])
    today = pd.concat([train.iloc[-1:], test.iloc[:-1]])
    return model.predict(today)


def code():
    """A hash of the package and of this file: results of other code are not taken for these."""
    files = sorted(Path(skts.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in [*files, Path(__file__)])).hexdigest()


def fitted(name, train, **options):
    cls, architecture = MODELS[name]
    forecaster = cls(exogenous="lagged", device="cpu", **architecture, **options)
    return forecaster.fit(train[[TARGET]], X=train.drop(columns=TARGET))


def one_day_ahead(forecaster, test):
    """Each test day forecast from all days before it, by a forecaster that is not trained on."""
    forecaster.update(test[[TARGET]], X=test.drop(columns=TARGET), update_params=False)
    fh = ForecastingHorizon(test.index, is_relative=False)
    return forecaster.predict(fh)[TARGET]


class TestLoss(Callback):
    """Records the test loss of every epoch, as the source looks at it."""

    def __init__(self, x, truth, mean, scale):
        self.x, self.truth, self.mean, self.scale = x, truth, mean, scale

    def on_epoch_end(self, net, **kwargs):
        net.module_.eval()
        outputs, _ = net.outputs(self.x)
        forecasts = outputs[0, -len(self.truth) :] * self.scale + self.mean
        net.history.record("test_loss", float(np.mean((self.truth - forecasts) ** 2)))


def published(days, name, fold, epochs, code):
    """Test loss of every epoch under the source's own protocol; `code` tells results apart."""
    torch.set_num_threads(1)
    train, test = list(folds(days))[fold]
    columns = [TARGET, *days.columns.drop(TARGET)]
    seen = pd.concat([train, test])[columns]
    mean, scale = train[columns].mean(), train[columns].std(ddof=0)
    scale = scale.where(scale > 0, 1.0)
    before = ((seen - mean) / scale).shift(1).fillna(0.0).to_numpy().T  # (72, days)
    spread = days[TARGET].std(ddof=0)
    truth, mean, scale = (
        (v / spread) for v in (test[TARGET].to_numpy(), mean.iloc[0], scale.iloc[0])
    )
    forecaster = fitted(
        name,
        train,
        baseline=None,
        input_noise=0.0,
        optimizer=torch.optim.Adam,
        weight_decay=0.0,
        lr=PUBLISHED[name][0][fold],
        lr_schedule=None,
        max_epochs=epochs,
        random_state=fold,
        callbacks=[TestLoss(before, truth, mean, scale)],
    )
    losses = forecaster.history_[:, "test_loss"]
    at_last = error(days, test, one_day_ahead(forecaster, test))
    if abs(at_last - losses[-1]) > 1e-3 * at_last:
        raise RuntimeError(f"the forecaster's loss {at_last} is not the recorded {losses[-1]}")
    return losses


def honest(days, name, fold, seeds, epochs, code):
    """Forecasts of each seed (seeds, days), the setting taken, epochs and validation losses."""
    torch.set_num_threads(1)
    train, test = list(folds(days))[fold]
    options = HONEST | {"max_epochs": min(epochs, HONEST["max_epochs"])}
    validation = []
    for setting in SETTINGS:
        nets = [fitted(name, train, **options, **setting, random_state=s) for s in range(seeds)]
        validation.append(np.mean([min(net.history_[:, "valid_loss"]) for net in nets]))
    chosen = SETTINGS[int(np.argmin(validation))]
    forecasts, lengths = [], []
    for seed in range(seeds):
        forecaster = fitted(name, train, **options, **chosen, refit=True, random_state=seed)
        forecasts.append(one_day_ahead(forecaster, test).to_numpy())
        lengths.append(len(forecaster.history_))
    return {
        "forecasts": np.array(forecasts),
        "setting": chosen,
        "epochs": lengths,
        "validation": validation,
    }


def row(losses):
    """A row of the table: the folds, and their mean."""
    return [round(float(loss), 4) for loss in (*losses, np.mean(losses))]


def draw_losses(losses, out):
    """Test loss by epoch, a panel for each fold."""
    figure, axes = plt.subplots(1, N_FOLDS, figsize=(16, 3.6), sharey=True, layout="constrained")
    for fold, ax in enumerate(axes):
        for (name, of_folds), (color, style) in zip(losses.items(), LINES, strict=True):
            epochs = np.arange(1, len(of_folds[fold]) + 1)
            ax.plot(epochs, of_folds[fold], style, color=color, label=name, linewidth=1.4)
        ax.set(title=f"Fold {fold + 1}", xlabel="Epoch", ylim=(0, 1.5))
    axes[0].set_ylabel("Test loss (variance of T_PK = 1)")
    axes[-1].legend()
    figure.savefig(out / "loss_curves.svg")
    figure.savefig(out / "loss_curves.png", dpi=120)


def draw_forecasts(days, name, forecasts, out):
    """Forecasts of all folds beside the truth."""
    figure, axes = plt.subplots(N_FOLDS, 1, figsize=(11, 12), sharey=True, layout="constrained")
    for fold, (ax, (_, test)) in enumerate(zip(axes, folds(days), strict=True)):
        ax.plot(test.index, test[TARGET], color="black", linewidth=1.2, label="Truth")
        label = f"{name}, forecast the day before"
        ax.plot(test.index, forecasts[fold], "--", color="#d55e00", linewidth=1.2, label=label)
        ax.set(ylabel="T_PK (°C)", title=f"Fold {fold + 1}")
    axes[0].legend(loc="upper right", ncols=2)
    axes[-1].set_xlabel("Day")
    figure.savefig(out / "forecasts.svg")
    figure.savefig(out / "forecasts.png", dpi=120)


def run_published(days, table, arguments, memory):
    run, pairs = memory.cache(published), list(product(MODELS, range(N_FOLDS)))
    found = Parallel(n_jobs=arguments.n_jobs)(
        delayed(run)(days, name, fold, arguments.epochs, arguments.code) for name, fold in pairs
    )
    losses = {
        name: [x for (n, _), x in zip(pairs, found, strict=True) if n == name] for name in MODELS
    }
    for name, of_folds in losses.items():
        table[f"{name}, as published"] = row(PUBLISHED[name][1])
        table[f"{name}, published protocol, lowest test loss"] = row([min(x) for x in of_folds])
        table[f"{name}, published protocol, last epoch"] = row([x[-1] for x in of_folds])
    draw_losses(losses, arguments.out)


def run_honest(days, table, arguments, memory):
    run, pairs = memory.cache(honest), list(product(MODELS, range(N_FOLDS)))
    found = Parallel(n_jobs=arguments.n_jobs)(
        delayed(run)(days, name, fold, arguments.seeds, arguments.epochs, arguments.code)
        for name, fold in pairs
    )
    tests, means = [test for _, test in folds(days)], {}
    for name in MODELS:
        of_folds = [x for (n, _), x in zip(pairs, found, strict=True) if n == name]
        forecasts = [x["forecasts"].mean(axis=0) for x in of_folds]
        losses = [error(days, *pair) for pair in zip(tests, forecasts, strict=True)]
        table[f"{name}, honest"] = row(losses)
        single = [
            np.mean([error(days, test, f) for f in x["forecasts"]])
            for test, x in zip(tests, of_folds, strict=True)
        ]
        table[f"{name}, honest, one seed"] = row(single)
        validation = np.mean([min(x["validation"]) for x in of_folds])
        means[name] = validation, forecasts
        settings = [x["setting"] | {"epochs": x["epochs"]} for x in of_folds]
        print(json.dumps({"model": name, "settings by fold": settings}))
    best = min(means, key=lambda name: means[name][0])
    draw_forecasts(days, best, means[best][1], arguments.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("ozone"))
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--n-jobs", type=int, default=2)
    parser.add_argument("--only", choices=("published", "honest"))
    arguments = parser.parse_args()
    arguments.code = code()
    arguments.out.mkdir(parents=True, exist_ok=True)
    memory = Memory(arguments.out / "runs", verbose=0)
    days, table = load(arguments.data), {}
    for baseline in (persistence, ridge):
        losses = [error(days, test, baseline(train, test)) for train, test in folds(days)]
        table[baseline.__name__] = row(losses)
    if arguments.only != "published":
        run_honest(days, table, arguments, memory)
    if arguments.only != "honest":
        run_published(days, table, arguments, memory)
    frame = pd.DataFrame(table, index=[*map(str, range(1, N_FOLDS + 1)), "mean"]).T
    frame.to_csv(arguments.out / "table.csv")
    for name, values in table.items():
        print(json.dumps({"row": name, "folds": values[:-1], "mean": values[-1]}))


if __name__ == "__main__":
    main()
