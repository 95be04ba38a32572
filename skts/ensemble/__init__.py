"""Ensembles of seeds, of different estimators, and of views of the series."""

from skts.ensemble.members import Ensemble
from skts.ensemble.multiview import MultiViewClassifier, MultiViewRegressor
from skts.ensemble.seeds import SeedEnsembleClassifier, SeedEnsembleRegressor
from skts.ensemble.weighted import EnsembleClassifier, EnsembleRegressor
