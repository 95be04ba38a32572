"""Base class of the estimators whose network is trained by gradient descent."""

import copy
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from skts.base.estimator import SeriesEstimator
from skts.base.transfer import start_of, transferred
from skts.persistence.storable import without_frozen
from skts.training.history import HasHistory
from skts.training.series_options import SeriesTrainingParams
from skts.training.train import draw_seed, hold_out, train
from skts.training.weights import AFRESH


class GradientTrained(HasHistory, SeriesEstimator, SeriesTrainingParams):
    """Abstract base of the estimators whose network is trained by gradient descent."""

    _fitted_attributes: ClassVar[tuple] = (
        (
            "history_ : skorch.history.History",
            "Losses, durations and learning rates of each epoch; single batches are not kept. "
            "`history_frame` returns them as a table.",
        ),
        (
            "transferred_ : dict of two lists of str",
            "With `init_from`: 'taken' lists the transferred weights, 'new' the newly initialised "
            "ones.",
        ),
    )

    def _net_to_go_on_from(self):
        return vars(self).get("net_") if self.warm_start else None

    def _trained(self, data, previous, one_epoch, valid=None, n_epochs=None):
        """As in SeriesEstimator; `valid` replaces the validation split of the options."""
        seed = draw_seed(self.random_state)
        if one_epoch and previous is not None:
            # a different order of the batches in each call
            seed = (seed + len(previous.history)) % 2**32
        if valid is None:
            data, valid = hold_out(
                data, self.validation_fraction, stratify=is_classifier(self), seed=seed
            )
        data, valid = self._balanced(data, valid, seed)
        network = self._network_for(data)
        return train(
            self,
            network,
            data,
            valid,
            make_net=self._make_net,
            seed=seed,
            previous=previous,
            one_epoch=one_epoch,
            n_epochs=n_epochs,
            start=self._start(network, previous),
        )

    def _start(self, network, previous):
        """Return the weights taken from `init_from`, and the frozen ones."""
        goes_on_without = previous is not None and "transferred_" not in vars(self)
        if goes_on_without and self.init_from is not None:
            raise ValueError(
                "warm_start=True continues the last fit, which did not start from init_from. Set "
                "warm_start=False to start from init_from, or init_from=None and freeze=None"
            )
        weights = {}
        if previous is None:
            vars(self).pop("transferred_", None)
            if self.init_from is not None:
                weights, self.transferred_ = transferred(self, network, self._source())
        if self.init_from is None:
            return AFRESH
        return start_of(self, network, weights, self.transferred_)

    def _source(self):
        """Return the fitted estimator in `init_from`, read from its file if it is a path."""
        source = without_frozen(self.init_from)
        if not isinstance(source, BaseEstimator):
            return GradientTrained.load(source, device="cpu")
        if not isinstance(source, GradientTrained):
            raise TypeError(
                "init_from must be a fitted classifier or regressor of skts that was trained by "
                f"gradient descent, or the path of its file, got a {type(source).__name__}. "
                "Of an ensemble, pass one of estimators_; of an adapter, pass estimator_"
            )
        check_is_fitted(
            source,
            msg="init_from must be fitted, but this %(name)s is not. If a grid search or a library "
            "cloned it, pass sklearn.frozen.FrozenEstimator(estimator), or the path of its file",
        )
        return source

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of this estimator, without those of the estimator in `init_from`.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        params = super().get_params(deep)
        return {k: v for k, v in params.items() if not k.startswith("init_from__")}

    def set_params(self, **params: Any) -> Self:
        """Set parameters of this estimator, not those of the estimator in `init_from`.

        Parameters
        ----------
        **params

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a name is not a parameter, or is a parameter of the estimator in `init_from`.
        """
        of_source = [name for name in params if name.startswith("init_from__")]
        if of_source:
            raise ValueError(
                f"options of the estimator in init_from cannot be set, got {of_source}: set "
                "options of this estimator, or init_from itself"
            )
        return super().set_params(**params)

    def __sklearn_clone__(self):
        if not isinstance(self.init_from, BaseEstimator):
            return super().__sklearn_clone__()
        # scikit-learn would clone the estimator in init_from, which would then be unfitted
        bare = copy.copy(self).set_params(init_from=None)
        return clone(bare).set_params(init_from=self.init_from)
