"""Options of forecasters."""

from typing import Literal

from skts.params import integer, param, real
from skts.training.options import TrainingParams


class ForecastingParams(TrainingParams):
    """Options of forecasters, with their own defaults of training options."""

    recompute_norms = False  # causal networks have no batch normalisation

    max_epochs: int = param(
        default=60, rule=integer(1), doc="Maximum number of passes over the history."
    )
    lr: float = 1e-3
    batch_size: int = param(
        default=16, rule=integer(1), doc="Number of series, or of windows, in one optimiser step."
    )
    target_loss: float | None = param(
        default=None,
        rule=real(0),
        doc="With ``lr_schedule='one_cycle'``: training stops after the first cycle whose last "
        "epoch has at most this training loss. The loss is that of the standardised series.",
    )
    validation_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        doc="Fraction of every series, at its end (before the part of `calibration_fraction`), "
        "whose values are not training targets. The history records their loss as "
        "``valid_loss``. Mean and scale use all values except those of "
        "`calibration_fraction`.",
    )
    refit: bool = param(
        default=False,
        group="stopping and validation",
        doc="Find the epoch with the lowest ``valid_loss``, then train again from scratch for this "
        "number of epochs, including the validation part. Needs `validation_fraction` and "
        "``lr_schedule=None``, and no other option that chooses the number of epochs. "
        "`callbacks` run in both trainings.",
    )
    warm_start: bool = param(
        default=False,
        group="optimisation",
        doc="After `pretrain`: `fit` trains on from the pretrained weights. False: `fit` keeps "
        "them, and learns only the mean and the scale of the new series.",
    )
    update_lr: float = param(
        default=1e-4,
        rule=real(0),
        group="optimisation",
        doc="Learning rate of ``update(update_params=True)``, which trains one epoch over the "
        "history.",
    )
    baseline: Literal["last", "linear"] | None = param(
        default="linear",
        group="classes and input",
        doc="The forecast that the network corrects. 'last': the last value, so the network "
        "learns the change from it. 'linear': the last value plus a ridge regression of the "
        "change on the inputs of the network. Leave-one-out cross-validation on the training time "
        "points selects the penalty. None: the mean of the series.",
    )
    n_lags: int = param(
        default=1,
        rule=integer(1),
        group="classes and input",
        doc="Number of past values of `y` that the network reads at every step, beside its hidden"
        " state.",
    )
    window_length: int | None = param(
        default=None,
        rule=integer(2),
        group="classes and input",
        doc="Maximum number of time points that the network looks back over; the minimum is half "
        "of them, rounded down. A longer history is cut into overlapping windows, in training"
        " and in prediction. None: the whole history.",
    )
    strategy: Literal["recursive", "direct"] = param(
        default="recursive",
        group="classes and input",
        doc="'recursive': a forecast is the input of the next step. 'direct': the network has one"
        " output for each step up to the largest in `fh`, so `fit` needs `fh`.",
    )
    exogenous: Literal["known", "lagged"] = param(
        default="known",
        group="classes and input",
        doc="'known': the forecast of a time point reads the `X` of that time point, and "
        "`predict` needs `X` for the whole `fh`. With `strategy='direct'`, it reads the `X` "
        "of all steps ahead, with the mean for unknown ones. 'lagged': the forecast reads the"
        " `X` of the previous time point; after the end of `X`, its last row is used.",
    )
    missing: Literal["raise", "ffill"] = param(
        default="raise",
        group="classes and input",
        doc="How to treat NaN and gaps in the index: 'raise' an error, or 'ffill' with the last "
        "value before (at the start: the first value after). The loss ignores filled time "
        "points. Integer indices have steps of 1; periods and dates have steps of their frequency.",
    )
    input_noise: float = param(
        default=0.3,
        rule=real(0),
        group="optimisation",
        doc="Standard deviation of the normal noise on the network's standardised inputs in "
        "training. It imitates the errors of earlier forecasts, which later steps read.",
    )
    calibration_fraction: float | None = param(
        default=None,
        rule=real(0, 1, open_low=True),
        group="stopping and validation",
        doc="Fraction of every series of `fit` and `pretrain`, at its end, whose values are not "
        "training targets. `update` does not train on them either, but reads them as past values. "
        "`predict_interval` and `predict_quantiles` use the forecast errors there (split conformal "
        "prediction, Vovk et al., 2005). A limit is infinite if there are too few errors: a "
        "90 % interval needs 19. A series of a panel that would keep fewer than two values is"
        " not split. None: no intervals.",
    )

    def _check_options(self):
        super()._check_options()
        chosen_otherwise = self.fine_tune_rounds > 0 or self.restore_best == "train_loss"
        if self.refit and (
            self.validation_fraction is None or self.lr_schedule is not None or chosen_otherwise
        ):
            raise ValueError(
                "refit=True needs validation_fraction, lr_schedule=None, fine_tune_rounds=0 and a "
                "restore_best other than 'train_loss', got "
                f"validation_fraction={self.validation_fraction}, "
                f"lr_schedule={self.lr_schedule!r}, fine_tune_rounds={self.fine_tune_rounds} and "
                f"restore_best={self.restore_best!r}"
            )
