"""Base class of the estimators whose network is trained by gradient."""

import copy
from typing import Any, ClassVar

from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.utils.validation import check_is_fitted

from skts.base.estimator import SeriesEstimator
from skts.base.transfer import start_of, transferred
from skts.training.history import HasHistory
from skts.training.series_options import SeriesTrainingParams
from skts.training.train import draw_seed, hold_out, train
from skts.training.weights import AFRESH


class GradientTrained(HasHistory, SeriesEstimator, SeriesTrainingParams):
    """Abstract base of the estimators whose network is trained by gradient."""

    _fitted_attributes: ClassVar[tuple] = (
        (
            "history_ : skorch.history.History",
            "Losses, durations and learning rates, epoch by epoch; single batches are not kept. "
            "`history_frame` gives them as a table.",
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
        """As of SeriesEstimator; `valid` takes the place of what the options would hold out."""
        seed = draw_seed(self.random_state)
        if one_epoch and previous is not None:
            # another order of the batches in every call
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
        """What is taken from `init_from`, and what is frozen."""
        weights = {}
        if previous is None:
            vars(self).pop("transferred_", None)
            if self.init_from is None:
                return AFRESH
            weights, self.transferred_ = transferred(self, network, self._source())
        report = vars(self).get("transferred_", {"new": []})
        return start_of(self, network, weights, report)

    def _source(self):
        """The fitted estimator that `init_from` names."""
        source = self.init_from
        if not isinstance(source, BaseEstimator):
            return GradientTrained.load(source, device="cpu")
        if not isinstance(source, GradientTrained):
            raise TypeError(
                "init_from must be a fitted classifier or regressor of skts that was trained by "
                f"gradient, or a file of one, got a {type(source).__name__}. Of an ensemble take "
                "one of its estimators_, of an adapter its estimator_"
            )
        check_is_fitted(
            source,
            msg="init_from must be fitted, but this %(name)s is not. A grid search clones the "
            "estimators in its grid: save this one with skts.save, and put the path there",
        )
        return source

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters of this estimator, without those of the estimator in `init_from`.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        dict
        """
        params = super().get_params(deep)
        return {k: v for k, v in params.items() if not k.startswith("init_from__")}

    def __sklearn_clone__(self):
        if not isinstance(self.init_from, BaseEstimator):
            return super().__sklearn_clone__()
        # scikit-learn would clone the fitted estimator, and what it has learnt would be lost
        bare = copy.copy(self).set_params(init_from=None)
        return clone(bare).set_params(init_from=self.init_from)
