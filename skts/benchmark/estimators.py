"""Estimators of a study, by name.

A name is the name of a classifier of skts, with or without "Classifier" (``LSTMFCN``), or
``sktime:`` and an argument of sktime's ``craft``
(``sktime:RocketClassifier(rocket_transform='minirocket')``), with or without the module.
"""

import difflib
import functools
import inspect

from skts import recipes
from skts.discovery import all_estimators
from skts.model_selection import search_space

FOREIGN = "sktime:"


def recipe_names():
    """Return the names of the recipes."""
    return sorted(recipes.__all__)


def _needs_no_argument(cls):
    parameters = inspect.signature(cls).parameters.values()
    return all(parameter.default is not parameter.empty for parameter in parameters)


@functools.cache
def _classifiers():
    found = all_estimators("classifier")
    return {name: cls for name, cls in found if _needs_no_argument(cls)}


def full_name(name):
    """The name in full: of a class of skts, or as it is of sktime.

    Raises ValueError where skts has no such classifier.
    """
    if not is_own(name):
        return name
    for full in (name, f"{name}Classifier"):
        if full in _classifiers():
            return full
    own = {full: full.removesuffix("Classifier") for full in _classifiers()}
    theirs = {known: FOREIGN + known for known in _names_of_sktime()}
    raise ValueError(
        f"an estimator must be one of {', '.join(own.values())}, or {FOREIGN}NAME(...), got "
        f"{name!r}{_hint(name, theirs | own)}"
    )


def _hint(name, known):
    """Return similar names, ignoring case and the ending "Classifier"."""
    full = {key.lower(): shown for key, shown in known.items()}
    bare = {key.removesuffix("classifier"): shown for key, shown in full.items()}
    word, like = name.lower(), difflib.get_close_matches
    found = [full[w] for w in like(word, full, n=1, cutoff=0.9)]
    found += [bare[w] for w in like(word.removesuffix("classifier"), bare, cutoff=0.7)]
    return f"; there is {', '.join(dict.fromkeys(found))}" if found else ""


def is_own(name):
    """Return whether the name is an estimator of skts."""
    return not name.startswith(FOREIGN)


def has_option(name, option):
    """Return whether the name is an estimator of skts that has the option."""
    if not is_own(name):
        return False
    return option in inspect.signature(_classifiers()[full_name(name)]).parameters


def make(name, *, recipe=None, options=(), seed=None):
    """The estimator of that name, unfitted, all its random states from `seed`.

    Raises ValueError where there is none, or an option has an unfit value.
    """
    if not is_own(name):
        return _sktime_classifier(name, seed)
    training = {} if recipe is None else getattr(recipes, recipe)
    if unknown := [option for option in training if not has_option(name, option)]:
        raise ValueError(f"the recipe {recipe} does not fit {name}, which has no {unknown}")
    cls = _classifiers()[full_name(name)]
    estimator = cls(**(training | dict(options) | {"random_state": seed}))
    estimator._check_options()
    return estimator


def space_of(estimator, *, recipe=None, options=()):
    """Return the search space of an estimator of skts, without fixed options."""
    fixed = {*dict(options), *({} if recipe is None else getattr(recipes, recipe))}
    return {n: values for n, values in search_space(estimator).items() if n not in fixed}


def _names_of_sktime():
    from sktime.registry import all_estimators as all_of_sktime

    return [name for name, _ in all_of_sktime("classifier")]


def _sktime_classifier(name, seed):
    from sktime.classification.base import BaseClassifier
    from sktime.registry import craft

    path, bracket, options = name.removeprefix(FOREIGN).partition("(")
    module, _, spec = path.rpartition(".")
    if "random_state" in options:
        raise ValueError(f"random_state comes from the seeds of the study: leave it out of {name}")
    try:
        estimator = craft(spec + (bracket + options or "()"), safe=True)
    except (ImportError, NameError, SyntaxError, TypeError, ValueError) as error:
        known = {known: known for known in _names_of_sktime()}
        if spec in known:
            raise ValueError(f"{name!r} cannot be made: {error.__cause__ or error}") from error
        hint = _hint(spec, known)
        raise ValueError(f"{name!r} is not an estimator of sktime{hint}: {error}") from error
    if not type(estimator).__module__.startswith(module):
        raise ValueError(f"{spec} of sktime is in {type(estimator).__module__}, not in {module}")
    if not isinstance(estimator, BaseClassifier):
        raise ValueError(f"{name!r} must be a classifier, got {type(estimator).__name__}")
    random_states = [p for p in estimator.get_params() if p.rpartition("__")[2] == "random_state"]
    return estimator.set_params(**dict.fromkeys(random_states, seed))
