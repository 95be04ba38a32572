"""Training time of ALSTM beside a bare torch loop, and time of forecasts by their number.

    python benchmarks/forecast_speed.py --data PATH [--epochs 3000] [--repeats 3] [--steps 1600]

The training is the fifth fold of benchmarks/ozone.py, 1250 days of 72 columns, with the source's
protocol: the full history in every step, Adam, squared error. The loop has the same network and
data. Both run on one thread and take turns. Prints the median of the ratios, and the seconds.

Then each forecaster forecasts the next 100, 200, 400 ... days from a history of 300, step by step.
Prints the milliseconds per step, and the slope of log(time) over log(steps); 1 is linear.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import ozone
import torch
from torch.nn import functional as F

from skts.forecasting import ALSTMForecaster, LSTMALSTMForecaster, LSTMForecaster
from skts.models import ALSTM

FOLD = 4


def timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return time.perf_counter() - start, result


def skts_fit(train, epochs):
    return ozone.fitted(
        "ALSTM",
        train,
        baseline=None,
        input_noise=0.0,
        optimizer=torch.optim.Adam,
        weight_decay=0.0,
        lr=ozone.PUBLISHED["ALSTM"][0][FOLD],
        lr_schedule=None,
        max_epochs=epochs,
        random_state=0,
    )


def bare_fit(train, epochs):
    scaled = (train - train.mean()) / train.std(ddof=0)
    columns = [ozone.TARGET, *train.columns.drop(ozone.TARGET)]
    values = torch.tensor(scaled[columns].to_numpy().T[None], dtype=torch.float32)
    x, target = values[:, :, :-1].contiguous(), values[:, :1, 1:].contiguous()
    torch.manual_seed(0)
    network = ALSTM(72, 1)
    optimizer = torch.optim.Adam(
        network.parameters(), lr=ozone.PUBLISHED["ALSTM"][0][FOLD], fused=True
    )
    for _ in range(epochs):
        outputs, _ = network(x)
        loss = F.mse_loss(outputs, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def compare(train, epochs, repeats):
    for fit in (skts_fit, bare_fit):
        fit(train, 5)
    ours, bare = [], []
    for _ in range(repeats):
        seconds, forecaster = timed(skts_fit, train, epochs)
        ours.append(seconds)
        seconds, loss = timed(bare_fit, train, epochs)
        bare.append(seconds)
    print(
        json.dumps(
            {
                "epochs": epochs,
                "skts/bare": round(float(np.median(np.divide(ours, bare))), 3),
                "seconds, skts": [round(s, 1) for s in ours],
                "seconds, bare": [round(s, 1) for s in bare],
                "last loss": [forecaster.history_[-1]["train_loss"], loss],
            }
        ),
        flush=True,
    )


def grow(train, most, repeats):
    numbers = [n for n in 100 * 2 ** np.arange(20) if n <= most]
    for cls in (LSTMForecaster, ALSTMForecaster, LSTMALSTMForecaster):
        forecaster = cls(max_epochs=2, random_state=0).fit(train[[ozone.TARGET]].iloc[:300])
        forecaster.predict([1])
        seconds = [
            np.median([timed(forecaster.predict, np.arange(1, n + 1))[0] for _ in range(repeats)])
            for n in numbers
        ]
        slope = np.polyfit(np.log(numbers), np.log(seconds), 1)[0]
        each = {int(n): round(1e3 * s / n, 3) for n, s in zip(numbers, seconds, strict=True)}
        print(
            json.dumps(
                {"forecaster": cls.__name__, "ms for a step": each, "slope": round(slope, 3)}
            )
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=1600)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    train, _ = list(ozone.folds(ozone.load(arguments.data)))[FOLD]
    train = train.reset_index(drop=True)
    grow(train, arguments.steps, arguments.repeats)
    compare(train, arguments.epochs, arguments.repeats)


if __name__ == "__main__":
    main()
