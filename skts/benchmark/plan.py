"""Plans of studies. This module is pure: it does not train, read archives or write files."""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from skts.benchmark.estimators import full_name, has_option, is_own, make, recipe_names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One training and its scores on the test split: one row of the results.

    Parameters
    ----------
    dataset : str
    estimator : str
        A classifier of ``skts list`` that is not an ensemble, or ``"sktime:NAME(option=value)"``.
    recipe : str or None, default=None
        A name of skts.recipes.
    options : tuple of (name, value), default=()
        Options besides the recipe and the defaults.
    candidates : tuple of (name, values), default=()
        Options chosen by cross-validation on the training split.
    seed : int, default=0
    resample : int, default=0
        0 is the archive's own split. Others are random splits, stratified by class.
    search : int, optional
        Number of draws from skts.model_selection.search_space, without the options already set.
        Cross-validation on the training split chooses one. `seed` determines the draws.

    Examples
    --------
    >>> from skts.benchmark import Run
    >>> run = Run(dataset="GunPoint", estimator="FCNClassifier", options=(("max_epochs", 2),))
    >>> run.model
    'FCNClassifier max_epochs=2'
    """

    dataset: str
    estimator: str
    recipe: str | None = None
    options: tuple[tuple[str, Any], ...] = ()
    candidates: tuple[tuple[str, tuple], ...] = ()
    seed: int = 0
    resample: int = 0
    search: int | None = None

    @property
    def described(self) -> dict[str, Any]:
        """Return the parameters by name; `search` only if set, so that older studies resume."""
        found = dataclasses.asdict(self)
        return found if self.search else {k: v for k, v in found.items() if k != "search"}

    @property
    def key(self) -> str:
        """Return an identifier of this run that is the same in every process."""
        text = json.dumps(self.described, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def model(self) -> str:
        """Return the estimator with everything that identifies it in a study, except the seed."""
        parts = [self.estimator.removesuffix("()")]
        parts += [self.recipe] if self.recipe else []
        parts += [f"{name}={value}" for name, value in self.options]
        parts += [f"{name} of {'/'.join(map(str, values))}" for name, values in self.candidates]
        parts += [f"best of {self.search} draws"] if self.search else []
        return " ".join(parts)


def plan_runs(
    datasets: Sequence[str],
    estimators: Sequence[str],
    *,
    recipe: str | None = None,
    fixed: Mapping[str, Any] | None = None,
    grid: Mapping[str, Sequence[Any]] | None = None,
    select: Sequence[str] = (),
    search: int | None = None,
    seeds: int = 1,
    resamples: Sequence[int] = (0,),
) -> list[Run]:
    """Return the runs of a study, ordered by data set.

    Parameters
    ----------
    datasets : list of str
        Names of the archive's data sets.
    estimators : list of str
        As in Run; ``Classifier`` can be omitted.
    recipe : str, optional
        A name of skts.recipes, for the estimators of skts.
    fixed : dict, optional
        Options of the estimators of skts that have them.
    grid : dict of lists, optional
        Values of options. Each combination is a run of the estimators that have these options.
    select : list of str, optional
        Names in `grid` that one run chooses on the training split, by cross-validation.
    search : int, optional
        Number of draws from the search space of the options that are not set otherwise. Each run of
        an estimator of skts chooses one by cross-validation. Not allowed with `select`.
    seeds : int, default=1
        Number of seeds: 0, 1 and so on.
    resamples : list of int, default=(0,)
        As in Run.

    Returns
    -------
    list of Run, without duplicates

    Raises
    ------
    ValueError
        If an estimator, recipe or option is unknown, or an option has an invalid value.

    Examples
    --------
    >>> from skts.benchmark import plan_runs
    >>> runs = plan_runs(["GunPoint"], ["FCN"], grid={"lr": [1e-3, 5e-3]}, seeds=2)
    >>> len(runs), runs[0].model
    (4, 'FCNClassifier lr=0.001')
    """
    fixed, grid, select = fixed or {}, grid or {}, sorted(set(select))
    named = map(full_name, estimators)
    estimators = list({name.removesuffix("()"): name for name in named}.values())
    _check_numbers(seeds, resamples)
    _check(estimators, recipe, fixed, grid, select)
    _check_search(estimators, select, search)
    models = [m for e in estimators for m in _variants(e, recipe, fixed, grid, select, search)]
    runs = [
        Run(dataset=dataset, resample=resample, seed=seed, **model)
        for dataset, resample, model, seed in itertools.product(
            datasets, resamples, models, range(seeds)
        )
    ]
    return list({run.key: run for run in runs}.values())  # a grid may name a value twice


def _variants(estimator, recipe, fixed, grid, select, search):
    """Return the options that distinguish the models of one estimator, as dicts."""
    own = {name: values for name, values in grid.items() if has_option(estimator, name)}
    shared = [(name, value) for name, value in fixed.items() if has_option(estimator, name)]
    varied = [[(n, v) for v in values] for n, values in own.items() if n not in select]
    for combination in itertools.product(*varied):
        yield {
            "estimator": estimator,
            "recipe": recipe if is_own(estimator) else None,
            "options": tuple(sorted([*shared, *combination])),
            "candidates": tuple((name, tuple(own[name])) for name in select if name in own),
            "search": search if is_own(estimator) else None,
        }


def _check_numbers(seeds, resamples):
    if seeds < 1 or min(resamples, default=-1) < 0:
        raise ValueError(
            f"seeds must be at least 1, resamples not negative, got {seeds}, {list(resamples)}"
        )


def _check_search(estimators, select, search):
    if search is None:
        return
    if search < 1:
        raise ValueError(f"search must be at least 1 draw, got {search}")
    if select:
        raise ValueError(f"search and select cannot be combined, got both for {select}")
    if not any(map(is_own, estimators)):
        raise ValueError(f"a search is for estimators of skts, got only {estimators}")


def _check(estimators, recipe, fixed, grid, select):
    if recipe is not None and recipe not in recipe_names():
        raise ValueError(f"recipe must be one of {', '.join(recipe_names())}, got {recipe!r}")
    if recipe is not None and not any(map(is_own, estimators)):
        raise ValueError(f"the recipe {recipe} is for estimators of skts, got only {estimators}")
    if twice := sorted(set(fixed) & set(grid)):
        raise ValueError(f"an option is either fixed or in the grid, but {twice} are both")
    if unknown := [name for name in select if name not in grid]:
        raise ValueError(f"select needs values in the grid to choose from, got none for {unknown}")
    for name in (*fixed, *grid):
        if name in ("random_state", "device"):
            raise ValueError(f"{name} is not an option of a plan: use seeds or device")
        if not any(has_option(estimator, name) for estimator in estimators):
            raise ValueError(f"none of {', '.join(estimators)} has an option {name!r}")
    for name, value in (*fixed.items(), *grid.items()):
        try:
            json.dumps(value, sort_keys=True)
        except TypeError as error:
            raise ValueError(
                f"the value of {name} must be of numbers, words, lists and dicts with keys of one "
                f"type, got {value!r}"
            ) from error
    for estimator in estimators:
        own = {n: v for n, v in fixed.items() if has_option(estimator, n)}
        make(estimator, recipe=recipe, options=own)
        for name, values in grid.items():
            for value in values if has_option(estimator, name) else ():
                make(estimator, recipe=recipe, options=own | {name: value})
