"""The options that every forecaster has besides those of training."""

from typing import Literal

from skts.params import integer, param, real
from skts.training.options import TrainingParams


class ForecastingParams(TrainingParams):
    """The options of forecasters; their defaults of training differ where they are given here."""

    recompute_norms = False  # networks that must not look ahead have none

    max_epochs: int = param(default=60, rule=integer(1), doc="Passes over the history, at most.")
    lr: float = 1e-3
    batch_size: int = param(
        default=16, rule=integer(1), doc="Series, or windows of them, in one optimiser step."
    )
    target_loss: float | None = param(
        default=None,
        rule=real(0),
        doc="With ``lr_schedule='one_cycle'``: training ends with the first cycle in whose last "
        "epoch the training loss (of the standardised series) is at most this.",
    )
    validation_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        doc="Last part of every series (before what `calibration_fraction` takes) whose values "
        "are no targets of training, to record ``valid_loss`` there. Mean and scale are those of "
        "all but what `calibration_fraction` takes.",
    )
    refit: bool = param(
        default=False,
        group="stopping and validation",
        doc="Once the epoch of the lowest ``valid_loss`` is known, train anew for so many epochs, "
        "with the validation part. Needs `validation_fraction` and ``lr_schedule=None``, and the "
        "number of epochs to be chosen by it alone. `callbacks` see both trainings.",
    )
    warm_start: bool = param(
        default=False,
        group="optimisation",
        doc="After `pretrain`: let `fit` train on from the weights learnt there. False: it takes "
        "them as they are and learns mean and scale of the new series alone.",
    )
    update_lr: float = param(
        default=1e-4,
        rule=real(0),
        group="optimisation",
        doc="Learning rate of the epoch over the history that ``update(update_params=True)`` "
        "trains.",
    )
    baseline: Literal["last", "linear"] | None = param(
        default="linear",
        group="classes and input",
        doc="The forecast that the network corrects. 'last': the last value, so that the network "
        "learns the change from it. 'linear': besides, a ridge regression of that change on the "
        "network's inputs, its penalty chosen by leave-one-out on the time points trained on. "
        "None: the series' mean.",
    )
    n_lags: int = param(
        default=1,
        rule=integer(1),
        group="classes and input",
        doc="Past values of `y` that the network reads at every step, beside what it remembers.",
    )
    window_length: int | None = param(
        default=None,
        rule=integer(2),
        group="classes and input",
        doc="Time points that the network looks back over, at most (and half of them, rounded "
        "down, at least): a longer history is cut into overlapping windows, in training and in "
        "prediction. None: the whole history.",
    )
    strategy: Literal["recursive", "direct"] = param(
        default="recursive",
        group="classes and input",
        doc="'recursive': a forecast of one step is the next step's past. 'direct': the network "
        "has an output for every step up to the largest in `fh`, which `fit` then needs.",
    )
    exogenous: Literal["known", "lagged"] = param(
        default="known",
        group="classes and input",
        doc="'known': the forecast of a time point reads the `X` of that time point, which "
        "`predict` needs as far as `fh` goes (with `strategy='direct'`: of all steps ahead, the "
        "mean standing for those not known). 'lagged': that of the time point before; beyond what "
        "is given, the last `X` known stands.",
    )
    missing: Literal["raise", "ffill"] = param(
        default="raise",
        group="classes and input",
        doc="What to do with NaN and with gaps in the index (integers count one by one, periods "
        "and dates follow their frequency): an error, or the last value before (at the start: the "
        "first after); the loss leaves such time points out.",
    )
    input_noise: float = param(
        default=0.3,
        rule=real(0),
        group="optimisation",
        doc="Standard deviation of the normal noise on the network's standardised inputs in "
        "training; a forecast several steps ahead reads forecasts, which miss the truth too.",
    )
    calibration_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        group="stopping and validation",
        doc="Last part of every series of `fit` and `pretrain` whose values are no targets of "
        "training, nor later of `update` (which reads them, as the past). The errors of forecasts "
        "there give `predict_interval` and `predict_quantiles` (split conformal prediction, Vovk "
        "et al., 2005): a limit is infinite where there are too few for it, an interval of 90 % "
        "needs 19. A series of a panel that would be left with less than two values is not split. "
        "None: there are no intervals.",
    )

    def _check_options(self):
        super()._check_options()
        chosen_otherwise = self.fine_tune_rounds > 0 or self.restore_best == "train_loss"
        if self.refit and (
            self.validation_fraction is None or self.lr_schedule is not None or chosen_otherwise
        ):
            raise ValueError(
                "refit=True needs validation_fraction, and goes with lr_schedule=None, no "
                "fine_tune_rounds and no restore_best='train_loss', got "
                f"{self.validation_fraction}, {self.lr_schedule!r}, {self.fine_tune_rounds} and "
                f"{self.restore_best!r}"
            )
