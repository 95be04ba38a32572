"""Rows of a study become tables of scores, in which only what belongs together is compared."""

import dataclasses
import re

import pandas as pd

FACTS = ("n_train", "n_test", "n_classes", "n_channels", "length")
#: Of a row, what is no number or word, or tells of a machine: left to the rows themselves.
LEFT_TO_ROWS = (
    "options",
    "candidates",
    "search",
    "parameters",
    "versions",
    "prepared",
    "chosen",
    "tried",
    "traceback",
    "host",
)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Scores of a study.

    Attributes
    ----------
    all_runs : DataFrame
        A row for each run, its model by a short name, with what is a number or a word of each;
        `compared` tells whether the run has a part in what follows.
    runs : DataFrame
        The runs that are compared, with all that is known of them.
    left_out : dict of str to list of str
        Data sets that are not compared, and the models that have no run there; none, where each has
        runs, but of no common split.
    """

    all_runs: pd.DataFrame
    runs: pd.DataFrame
    left_out: dict

    def table(self, metric="accuracy"):
        """A row for each data set, a column for each model: mean over splits of that over seeds."""
        values = self.runs.groupby(["dataset", "model", "resample"])[metric].mean()
        return self._of_datasets(values)

    def deviation(self):
        """As `table`, of the standard deviation of the accuracy over the seeds of one split."""
        values = self.runs.groupby(["dataset", "model", "resample"])["accuracy"].std()
        return self._of_datasets(values)

    def _of_datasets(self, values):
        table = values.groupby(["dataset", "model"]).mean().unstack("model")
        # means of the same numbers in another order differ in the last digit, and are a draw
        return table.round(12)

    @property
    def models(self):
        """Their short names, sorted."""
        return sorted(self.runs["model"].unique())

    @property
    def facts(self):
        """A row for each data set: numbers of series, classes, channels, and the length."""
        return self.runs.groupby("dataset")[list(FACTS)].first()

    @property
    def failed(self):
        """The rows of `all_runs` that failed."""
        return self.all_runs[self.all_runs["status"] != "done"]

    def of_the_archives_split(self):
        """The same of the archive's own split alone."""
        return dataclasses.replace(self, runs=self.runs[self.runs["resample"] == 0])


def scores_of(rows, models=None):
    """Tables of the rows of a study.

    A data set is compared over the splits on which every model has a run that is done; a model that
    has none at all is not compared.

    Parameters
    ----------
    rows : list of dict
        Of skts.benchmark.Store.
    models : list of str, optional
        Those to compare, by their short names; default: all.

    Raises
    ------
    ValueError
        If a model is unknown, no data set is left to compare, or rows of one data set are of
        different data.
    """
    frame = pd.DataFrame(rows)
    if frame.empty:
        raise ValueError("there are no results yet: run `skts bench run`")
    frame["model_in_full"] = frame["model"]
    frame["model"] = frame["model"].map(_short_names(frame["model"].unique()))
    frame = _of_models(frame, models).sort_values(["dataset", "model", "resample", "seed"])
    done = frame[frame["status"] == "done"]
    if done.empty:
        raise ValueError(
            f"no run has finished; the first one failed with: {frame.iloc[0]['error']}"
        )
    _check_same_data(done)
    done = done.assign(commit=[versions["commit"] for versions in done["versions"]])
    per_model = done.groupby("model")["dataset"].nunique()
    of_split = done.groupby(["dataset", "resample"])["model"]
    runs = done[of_split.transform("nunique") == len(per_model)]
    if runs.empty:
        counts = ", ".join(f"{model} {count}" for model, count in per_model.items())
        raise ValueError(
            f"no data set has a run of every model on one split; data sets with runs: {counts}. "
            "Name the --models to compare"
        )
    left_out = {
        dataset: sorted(set(per_model.index) - set(done.loc[done["dataset"] == dataset, "model"]))
        for dataset in sorted(set(frame["dataset"]) - set(runs["dataset"]))
    }
    all_runs = frame.assign(compared=frame["key"].isin(runs["key"]))
    return Scores(all_runs.drop(columns=[*LEFT_TO_ROWS], errors="ignore"), runs, left_out)


def _of_models(frame, models):
    if models is None:
        return frame
    if unknown := sorted(set(models) - set(frame["model"])):
        known = ", ".join(frame["model"].unique())
        raise ValueError(f"models must be of {known}, got {', '.join(unknown)}")
    return frame[frame["model"].isin(models)]


def _check_same_data(done):
    different = done.groupby("dataset")["data"].nunique() > 1
    if different.any():
        raise ValueError(
            f"the runs of {', '.join(different[different].index)} were made with different data "
            "under one name: keep the results of each archive in a folder of its own"
        )


def _short_names(models):
    """Short names of the models, in full where two would be the same."""
    short = {model: _short(model) for model in models}
    names = list(short.values())
    return {model: name if names.count(name) == 1 else model for model, name in short.items()}


def _short(model):
    """Without "Classifier", and of an estimator of sktime without the names of its options."""
    if model.startswith("sktime:"):
        name, bracket, options = model.removeprefix("sktime:").partition("(")
        name, options = name.strip().rpartition(".")[2], re.sub(r"\w+=|['\"]", "", options)
        return re.sub(r"Classifier\b", "", name) + bracket + options
    return model.replace("Classifier", "", 1)
