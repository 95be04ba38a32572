"""Input and training options of estimators that take a set of series."""

import os
from collections.abc import Mapping
from typing import Any, Literal

from sklearn.base import BaseEstimator

from skts.augment import Augmentations, Name, is_augmentations
from skts.params import Params, Rule, integer, param, real
from skts.training.options import TrainingParams

AUGMENTATIONS = Rule(
    "a non-empty sequence of such names or (name, strength) pairs; a strength must be at least 0, "
    "and below 1 for window_slice, time_mask and channel_dropout",
    is_augmentations,
    Augmentations,
)
CLASS_WEIGHTS = Rule(
    "a mapping of class label to weight (finite, not negative)",
    lambda v: isinstance(v, Mapping) and all(map(real(0).accepts, v.values())),
    Mapping[Any, float],
)


def normalize_param(default):
    """Return the field `normalize`; its default differs between classifiers and regressors."""
    return param(
        default=default,
        group="classes and input",
        doc="'series': scale each channel of each series to mean 0 and standard deviation 1, in "
        "`fit` and in `predict`. 'channel': subtract the channel's mean and divide by its "
        "standard deviation, both over all training series. None: do not scale.",
        search=(None, "series", "channel"),
    )


class InputParams(Params):
    """The options of scaling and missing values."""

    normalize: Literal["series", "channel"] | None = normalize_param(default=None)
    missing: Literal["raise", "interpolate"] = param(
        default="raise",
        group="classes and input",
        doc="How to treat NaN: 'raise' an error, or 'interpolate' linearly in time, with the "
        "nearest value beyond the ends.",
    )


class RepresentationParams(Params):
    """The option of the representation that the network reads."""

    representation: Literal["derivative", "cumulative_sum", "spectrum"] | None = param(
        default=None,
        group="classes and input",
        doc="What the network reads instead of the series, for each channel. 'derivative': the "
        "slope of a least-squares line over 11 time points. 'cumulative_sum': the cumulative "
        "sum of the mean-centred series, divided by its number of time points. 'spectrum': "
        "log(1 + amplitude) of the Fourier transform, at the frequencies of the longest "
        "training series, without frequency 0.",
        search=(None, "derivative", "cumulative_sum", "spectrum"),
    )


class SeriesTrainingParams(TrainingParams):
    """The options of training by gradient descent on a set of series."""

    _divergence_remedy = " or bring the series to a common scale (normalize='series')"

    augment: Name | Augmentations | None = param(
        default=None,
        rule=AUGMENTATIONS,
        group="optimisation",
        doc="Data augmentation in training steps: one function of `skts.augment`, or several in "
        "order. Augmentation follows ``normalize='series'`` and precedes "
        "``normalize='channel'`` and `representation`. The training loss is that of the "
        "augmented series.",
    )
    recompute_norms: bool = param(
        default=True,
        group="optimisation",
        doc="After training, replace the running averages of batch normalisation by averages over"
        " all training series (Wu and Johnson, 2021). This does not apply to `partial_fit`. "
        "It also does not apply if `restore_best` or `fine_tune_rounds` chose the weights of "
        "an epoch, because their loss was measured with the averages of that epoch.",
    )
    warm_start: bool = param(
        default=False,
        group="optimisation",
        doc="Start `fit` from the weights of the last fit instead of new weights.",
    )
    init_from: BaseEstimator | str | os.PathLike[str] | None = param(
        default=None,
        group="optimisation",
        doc="Start from the weights of this estimator: a fitted classifier or regressor of skts "
        "that was trained by gradient descent, or the path of its file. A layer is copied if its "
        "name and the shapes of its weights agree. The output layer is copied only if both "
        "estimators are regressors, or classifiers with the same labels. All other layers are "
        "newly initialised; `transferred_` lists both. `clone` does not clone the estimator in "
        "`init_from`, so it stays fitted. In the grid of a search, wrap it in "
        "``sklearn.frozen.FrozenEstimator``.",
    )
    freeze: Literal["all but head"] | None = param(
        default=None,
        group="optimisation",
        doc="'all but head': freeze the weights transferred by `init_from`, except those of the "
        "output layer. Frozen batch normalisation keeps its running averages. Newly "
        "initialised weights are trained.",
    )

    def _check_options(self):
        super()._check_options()
        if self.freeze is not None and self.init_from is None:
            raise ValueError(
                f"freeze={self.freeze!r} needs trained weights: init_from must be a fitted "
                "estimator or the path of its file, got None"
            )

    def _augmentations(self):
        return self.augment

    def _check_partial_fit_options(self):
        needs_all = {
            "validation_fraction": None,
            "early_stopping_patience": None,
            "restore_best": None,
            "fine_tune_rounds": 0,
            "checkpoint_dir": None,
        }
        self._check_options()
        for name, unset in needs_all.items():
            if getattr(self, name) != unset:
                raise ValueError(
                    f"{name} must be {unset} in partial_fit, which trains for one epoch, got "
                    f"{getattr(self, name)!r}. Call fit, or set {name}={unset}."
                )


class ClassParams(Params):
    """The options that only classifiers have."""

    class_weight: Literal["balanced"] | Mapping[Any, float] | None = param(
        default=None,
        rule=CLASS_WEIGHTS,
        group="classes and input",
        doc="Weight of each class in the loss. 'balanced': n / (n_classes * n_in_class). A "
        "mapping can contain labels that are not in `y` if it has a weight for every class in "
        "`y`. This happens in a fold that lacks a class. If all labels of the mapping are in "
        "`y`, omitted classes have weight 1.",
    )
    oversample: bool = param(
        default=False,
        group="classes and input",
        doc="Repeat series of the smaller classes at random until all classes are as large as the"
        " largest (RandomOverSampler of imbalanced-learn). The validation split is not "
        "changed.",
    )


class TargetParams(Params):
    """The options that only regressors have."""

    calibration_folds: int | None = param(
        default=3,
        rule=integer(2),
        group="stopping and validation",
        doc="Number of folds of a cross-validation before training. It determines a factor that "
        "shrinks predictions towards the mean of the targets. With a one-cycle schedule and a "
        "`target_loss`, it also stops training after the first cycle that lowers the held-out "
        "loss by less than 2 %. Folds are trained until 100 series have been held out; "
        "`callbacks` do not run in them. Predictions are clipped to the range of the targets, "
        "widened by 10 % on each side. None: no cross-validation, no shrinkage, no clipping.",
    )
