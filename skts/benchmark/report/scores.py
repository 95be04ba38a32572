"""Rows of a study become tables of scores, in which only what belongs together is compared."""

import dataclasses
import re

import pandas as pd

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")
FACTS = ("n_train", "n_test", "n_classes", "n_channels", "length")


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of a study.

    Attributes
    ----------
    runs : DataFrame
        A row for each run that is done and compared, its model by a short name.
    failed : DataFrame
        A row for each run that failed.
    left_out : dict of str to list of str
        Data sets that are not compared, and the models that have no run there; none, where each has
        runs, but of no common split.
    """

    runs: pd.DataFrame
    failed: pd.DataFrame
    left_out: dict

    def table(self, metric="accuracy", how="mean"):
        """A row for each data set, a column for each model: mean (or other) over its runs.

        Seeds are first averaged within each split.
        """
        within = ["dataset", "model", "resample"] if how == "mean" else ["dataset", "model"]
        values = self.runs.groupby(within, sort=False)[metric].agg(how)
        values = values.groupby(["dataset", "model"], sort=False).mean()
        # means of the same numbers in another order differ in the last digit, and are a draw
        return values.unstack("model").sort_index()[self.models].round(12)

    @property
    def models(self):
        """Their short names, in the order of the study."""
        return list(self.runs["model"].unique())

    @property
    def facts(self):
        """A row for each data set: numbers of series, classes, channels, and the length."""
        return self.runs.groupby("dataset")[list(FACTS)].first()

    def flat_runs(self):
        """The compared runs with what is a number or a word of each, for a file."""
        nested = ["options", "candidates", "parameters", "versions", "prepared", "chosen", "tried"]
        return self.runs.drop(columns=nested, errors="ignore").dropna(axis=1, how="all")

    def of_the_archives_split(self):
        """The same of the archive's own split alone."""
        return dataclasses.replace(self, runs=self.runs[self.runs["resample"] == 0])


def scores_of(rows, models=None):
    """Tables of the rows of a study.

    A data set is compared over the splits on which every model has a run that is done.

    Parameters
    ----------
    rows : list of dict
        Of skts.benchmark.Store.
    models : list of str, optional
        Those to compare, by their short names; default: all.

    Raises
    ------
    ValueError
        Where a model is unknown, no data set is left to compare, or rows of one data set are of
        different data.
    """
    frame = pd.DataFrame(rows)
    if frame.empty:
        raise ValueError("there are no results yet: `skts bench run` makes them")
    frame["model_in_full"] = frame["model"]
    frame["model"] = frame["model"].map(_short_names(frame["model"].unique()))
    if models is not None:
        if unknown := sorted(set(models) - set(frame["model"])):
            known = ", ".join(frame["model"].unique())
            raise ValueError(f"models must be of {known}, got {', '.join(unknown)}")
        frame = frame[frame["model"].isin(models)]
    done, failed = frame[frame["status"] == "done"], frame[frame["status"] != "done"]
    if done.empty:
        raise ValueError(f"no run is done, the first one failed with: {failed.iloc[0]['error']}")
    _check_same_data(done)
    done = done.assign(commit=[versions["commit"] for versions in done["versions"]])
    models = frame["model"].unique()
    of_split = done.groupby(["dataset", "resample"])["model"]
    kept = done[of_split.transform("nunique") == len(models)]
    left_out = {
        dataset: sorted(set(models) - set(done.loc[done["dataset"] == dataset, "model"]))
        for dataset in sorted(set(frame["dataset"]) - set(kept["dataset"]))
    }
    if kept.empty:
        raise ValueError(f"no data set has a run of every model: {', '.join(models)}")
    return Scores(_in_order(kept, models), failed, left_out)


def _in_order(runs, models):
    order = {model: place for place, model in enumerate(models)}
    return runs.sort_values("model", key=lambda m: m.map(order), kind="stable")


def _check_same_data(done):
    different = done.groupby(["dataset", "resample"])["data"].nunique() > 1
    if different.any():
        names = sorted({dataset for dataset, _ in different[different].index})
        raise ValueError(
            f"the runs of {', '.join(names)} were made with different data under one name: keep "
            "the results of each archive in a folder of its own"
        )


def _short_names(models):
    """Without what is the same for all, where that still tells them apart."""
    short = {model: _short(model) for model in models}
    names = list(short.values())
    return {model: name if names.count(name) == 1 else model for model, name in short.items()}


def _short(model):
    name, bracket, options = model.removeprefix("sktime:").partition("(")
    options = re.sub(r"\w+=|['\"]", "", options)
    return re.sub(r"Classifier\b", "", name) + bracket + options
