"""The options of estimators that take whole series: what they read, and how they train on it."""

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
    """The field `normalize`, of which regressors have another default."""
    return param(
        default=default,
        group="classes and input",
        doc="'series': each channel of each series to mean 0 and standard deviation 1, in `fit` "
        "and in `predict`. 'channel': subtract the channel's mean and divide by its standard "
        "deviation, both over all training series. None: series as they are.",
        search=(None, "series", "channel"),
    )


class InputParams(Params):
    """How series are read."""

    normalize: Literal["series", "channel"] | None = normalize_param(default=None)
    missing: Literal["raise", "interpolate"] = param(
        default="raise",
        group="classes and input",
        doc="What to do with NaN: an error, or linear interpolation in time (the nearest value "
        "beyond the ends).",
    )


class RepresentationParams(Params):
    """What a network reads of series."""

    representation: Literal["derivative", "cumulative_sum", "spectrum"] | None = param(
        default=None,
        group="classes and input",
        doc="What the network reads in place of the series, each channel by itself. 'derivative': "
        "the slope of a least-squares line over 11 time points. 'cumulative_sum': the cumulative "
        "sum of the mean-centred series, divided by its number of time points. 'spectrum': log(1 + "
        "amplitude) of its Fourier transform, at the frequencies of the longest training series "
        "but for frequency 0.",
        search=(None, "derivative", "cumulative_sum", "spectrum"),
    )


class SeriesTrainingParams(TrainingParams):
    """The options of training by gradient on whole series."""

    _divergence_remedy = " or bring the series to a common scale (normalize='series')"

    augment: Name | Augmentations | None = param(
        default=None,
        rule=AUGMENTATIONS,
        group="optimisation",
        doc="Data augmentation, in training steps only: one function of `skts.augment`, or several "
        "in order. It acts after ``normalize='series'``, and before ``normalize='channel'`` and "
        "`representation`. The training loss is that of the augmented series.",
    )
    recompute_norms: bool = param(
        default=True,
        group="optimisation",
        doc="Replace the running averages of batch normalisation, once training has ended, by "
        "those over all training series (Wu and Johnson, 2021). Not done in `partial_fit`, nor "
        "where `restore_best` or `fine_tune_rounds` chose the weights of an epoch, which were "
        "judged with the averages of that epoch.",
    )
    warm_start: bool = param(
        default=False,
        group="optimisation",
        doc="Let `fit` start from the weights of the last fit instead of new ones.",
    )
    init_from: BaseEstimator | str | os.PathLike[str] | None = param(
        default=None,
        group="optimisation",
        doc="Start from the weights of this estimator: a fitted classifier or regressor of skts "
        "that was trained by gradient, or a file of one. Layers of the same name are taken where "
        "their weights have the same shapes; the output layer only where both are regressors, or "
        "classifiers of the same labels. All other layers are newly initialised; `transferred_` "
        "lists both. `clone` does not clone this estimator, so it stays fitted; in the grid of a "
        "search wrap it in ``sklearn.frozen.FrozenEstimator``.",
    )
    freeze: Literal["all but head"] | None = param(
        default=None,
        group="optimisation",
        doc="'all but head': weights transferred by `init_from` are frozen, except those of the "
        "output layer. Frozen batch normalisation keeps its running averages. Newly initialised "
        "weights are trained.",
    )

    def _check_options(self):
        super()._check_options()
        if self.freeze is not None and self.init_from is None:
            raise ValueError(
                f"freeze={self.freeze!r} needs learnt weights: init_from must be a fitted "
                "estimator or a file of one, got None"
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
                    f"{getattr(self, name)!r}. Use fit, or set it to {unset}."
                )


class ClassParams(Params):
    """The options that only make sense for classes."""

    class_weight: Literal["balanced"] | Mapping[Any, float] | None = param(
        default=None,
        rule=CLASS_WEIGHTS,
        group="classes and input",
        doc="Weight of each class in the loss. 'balanced': n / (n_classes * n_in_class). Of a "
        "mapping, labels that are no class of `y` have no effect, as in a fold without them, where "
        "every class of `y` has a weight; where none is unknown, classes not named have weight 1.",
    )
    oversample: bool = param(
        default=False,
        group="classes and input",
        doc="Repeat series of the smaller classes at random until all classes are as large as the "
        "largest (imbalanced-learn's RandomOverSampler); never in the validation split.",
    )


class TargetParams(Params):
    """The options that only make sense for numbers as targets."""

    calibration_folds: int | None = param(
        default=3,
        rule=integer(2),
        group="stopping and validation",
        doc="Number of folds of a cross-validation ahead of training. It shrinks predictions "
        "towards the mean of the targets. With a one-cycle schedule and a `target_loss` it also "
        "ends training after the first cycle that lowers the held-out loss by less than 2 %. Folds "
        "are trained until 100 series have been held out; `callbacks` do not run in them. "
        "Predictions are clipped to the range of the targets, widened by 10 % on each side. None: "
        "no cross-validation, no shrinkage, no clipping.",
    )
