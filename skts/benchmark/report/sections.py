"""The parts of a report: text, a table and a figure each, from the scores of a study."""

import dataclasses
import re

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from skts.benchmark.report import figures
from skts.benchmark.report.published import SOURCES, published, same_split
from skts.benchmark.report.statistics import (
    best_of_each,
    friedman,
    mpce,
    ranks,
    wilcoxon_pairs,
    wins_and_ties,
)

LABELS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}
N_CURVES = 4  # data sets whose learning curves are shown if none are named


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A part of a report.

    Attributes
    ----------
    name : str
        Of its files.
    title, text : str
    table : DataFrame, optional
    best : DataFrame of bool, optional
        Of the table's shape: what is marked.
    decimals : dict of str to int
        By column, of numbers that are not whole; of others 4.
    figure : matplotlib Figure, optional
    """

    name: str
    title: str
    text: str = ""
    table: pd.DataFrame | None = None
    best: pd.DataFrame | None = None
    decimals: dict = dataclasses.field(default_factory=dict)
    figure: Figure | None = None


def protocol(scores):
    """What was done, in sentences."""
    runs = scores.runs
    n_seeds = runs.groupby(["dataset", "model", "resample"])["seed"].nunique()
    splits = runs.groupby("dataset")["resample"].unique()
    n_own = sum(0 in resamples for resamples in splits)
    own = "the archive's own split" + (f" ({n_own} of them)" if n_own < len(splits) else "")
    n_drawn = splits.map(lambda resamples: sum(resamples > 0))
    said = [
        "Every model was trained on the training part of a data set alone, and scored once on its "
        "test part; nothing was chosen by test scores.",
        f"{_counted(len(splits), 'data set')}"
        + (f", {own}" if n_own else "")
        + (
            f", splits drawn from all its series by class: {_range(n_drawn)}"
            if any(n_drawn)
            else ""
        )
        + f"; seeds of each model and split: {_range(n_seeds)}.",
    ]
    for model, of_model in runs.groupby("model"):
        said += [
            f"Of {model}, {what} was chosen by cross-validation of the training part."
            for what in _chosen(of_model)
        ]
        for what in sorted({text for texts in of_model["prepared"] for text in texts}):
            has = of_model["prepared"].map(lambda texts, what=what: what in texts)
            names = ", ".join(sorted(of_model.loc[has, "dataset"].unique()))
            said.append(f"For {model} series were {what} in {names}.")
    if n_other := int((~scores.all_runs["compared"]).sum()):
        said.append(f"Beside these there are runs that are not compared: {n_other}.")
    return " ".join(said)


def _chosen(runs):
    """What each of these runs chose, in words, if anything."""
    names = sorted({name for row in runs["candidates"] for name, _ in row})
    said = [" and ".join(names)] if names else []
    if "search" in runs and runs["search"].notna().any():
        said.append("the best draw of its search space")
    return said


def _counted(n, what):
    return f"{n} {what}{'s' * (n != 1)}"


def _range(numbers):
    low, high = numbers.min(), numbers.max()
    return str(low) if low == high else f"{low} to {high}"


def models(scores):
    """What the short names stand for, and on what the models ran."""
    table = scores.runs.groupby("model").agg(
        stands_for=("model_in_full", "first"),
        runs=("key", "size"),
        device=("device", _together),
        threads=("threads", _together),
        skts=("commit", _commits),
    )
    versions = pd.DataFrame(list(scores.runs["versions"])).drop(columns=["commit", "skts"])
    text = ", ".join(f"{name} {_together(versions[name])}" for name in versions)
    return Section(name="models", title="Models", text=f"With {text}.", table=table)


def _together(values):
    return ", ".join(str(value) for value in values.unique())


def _commits(values):
    return re.sub(r"\b(\w{7})\w{33}\b", r"\1", _together(values))


def failures(scores):
    """Runs that failed, and data sets that are not compared; nothing where there are none."""
    found = []
    if len(scores.failed):
        table = scores.failed[["dataset", "model", "seed", "resample", "error"]]
        table = table.assign(error=table["error"].str.partition("\n")[0]).set_index("dataset")
        found.append(Section(name="failed", title="Runs that failed", table=table))
    if scores.left_out:
        table = pd.DataFrame(
            {"lacks": [", ".join(n) or "a common split" for n in scores.left_out.values()]},
            index=pd.Index(scores.left_out, name="dataset"),
        )
        text = "Without a run of every model on a common split these are not compared."
        found.append(Section(name="left_out", title="Data sets left out", text=text, table=table))
    return found


def summary(table, n_classes=None, *, name="summary", title="Summary", text=""):
    """Means, ranks and counts of each model; MPCE, which is of accuracy, with `n_classes`."""
    wins, ties = wins_and_ties(table)
    of_ranks = ranks(table)
    result = pd.DataFrame(
        {
            "mean": table.mean(),
            "mean rank": of_ranks.mean(),
            "geometric mean rank": np.exp(np.log(of_ranks).mean()),
            "MPCE": None if n_classes is None else mpce(table, n_classes),
            "best alone": wins,
            "best with others": ties,
        }
    )
    result = result.rename_axis("model").dropna(axis=1)
    highest = ["mean", "best alone"]
    lowest = result.columns.intersection(["mean rank", "geometric mean rank", "MPCE"])
    best = pd.DataFrame(False, index=result.index, columns=result.columns)
    best[highest] = result[highest] == result[highest].max()
    best[lowest] = result[lowest] == result[lowest].min()
    return Section(name=name, title=title, text=text, table=result, best=best)


def other_metrics(scores):
    """Means of the other metrics and of the times."""
    columns = {
        "balanced accuracy": "balanced_accuracy",
        "macro F1": "macro_f1",
        "log loss": "log_loss",
        "training seconds": "fit_seconds",
        "prediction seconds": "predict_seconds",
        "epochs": "epochs",
    }
    table = pd.DataFrame({name: scores.table(column).mean() for name, column in columns.items()})
    text = "Means over the data sets. A model without epochs is not trained by gradient descent. A "
    text += "model without log loss gives no probabilities other than 0 and 1."
    decimals = {"training seconds": 1, "prediction seconds": 3, "epochs": 0}
    return Section(
        name="metrics", title="Other metrics and time", text=text, table=table, decimals=decimals
    )


def every_score(table, *, name="accuracy", title="Accuracy", text="", spread=None):
    """A row for each data set, the best marked."""
    best = best_of_each(table)
    text = f"{text} The best of each row is marked.".strip()
    if spread is not None and spread.notna().any(axis=None):
        text += " The deviation is over the seeds of one split."
        names = {model: f"{model}, deviation" for model in spread}
        table = table.join(spread.rename(columns=names))
        best = best.reindex(columns=table.columns, fill_value=False)
    return Section(name=name, title=title, text=text, table=table, best=best)


def tests(table):
    """Friedman's test, Wilcoxon's of all pairs, and the critical-difference diagram."""
    if table.shape[1] < 2 or len(table) < 2:
        return []
    pairs = wilcoxon_pairs(table)
    test = friedman(table)
    text = "Friedman's test needs three models or more." if table.shape[1] < 3 else ""
    if test is not None:
        text = (
            "Friedman's test that all models rank alike: statistic "
            f"{test[0]:.3f}, p = {test[1]:.2g} over {len(table)} data sets."
        )
    text += (
        " Below, Wilcoxon's signed-rank test of each pair, two-sided: on how many data sets the "
        "first model is better, equal, worse; p; and p corrected for the number of pairs."
    )
    diagram = figures.critical_difference(ranks(table).mean(), pairs)
    caption = (
        "A bar joins models between which Wilcoxon's test with Holm's correction finds no "
        "difference at the level of 0.05."
    )
    return [
        Section(name="tests", title="Tests", text=text.strip(), table=pairs.set_index("first")),
        Section(name="ranks", title="Critical-difference diagram", text=caption, figure=diagram),
        Section(
            name="pairs",
            title="Pairs of models",
            text="A point for each data set: above the line the model of the vertical axis is "
            "better, below it that of the horizontal one."
            + (f" The first {figures.MOST_PANELS}." if len(pairs) > figures.MOST_PANELS else ""),
            figure=figures.pairwise_scatter(table, pairs, "accuracy"),
        ),
    ]


def groups(table, facts):
    """Mean accuracy of data sets up to the median of a property and above it, and of each type."""
    of_types = published()["type"].reindex(table.index).fillna("unknown")
    grouped = {}
    for title, column in (
        ("length", "length"),
        ("training series", "n_train"),
        ("classes", "n_classes"),
    ):
        median = facts[column].median()
        names = np.where(facts[column] <= median, f"up to {median:g}", f"above {median:g}")
        grouped[title] = pd.Series(names, index=facts.index)
    grouped["type"] = of_types
    parts = []
    for title, names in grouped.items():
        by = names.reindex(table.index)
        means = table.groupby(by, sort=False).mean()
        means.insert(0, "data sets", by.value_counts())
        order = sorted(means.index, key=lambda text: (not text.startswith("up"), text))
        parts.append(means.loc[order].set_index(pd.MultiIndex.from_product([[title], order])))
    means = pd.concat(parts)
    means.index.names = ["by", "group"]
    text = "Mean accuracy. Groups by a number are split at its median; types are the archive's."
    accuracies = means.drop(columns="data sets")
    figure = figures.means_of_groups(accuracies, "accuracy")
    best = best_of_each(accuracies).reindex(columns=means.columns, fill_value=False)
    return Section(
        name="groups",
        title="Groups of data sets",
        text=text,
        table=means,
        best=best,
        figure=figure,
    )


def times(scores, table):
    """Training time against accuracy."""
    text = (
        "Small markers are data sets, large ones means. Times are those of the runs as they were "
        "made, with whatever ran beside them."
    )
    figure = figures.time_and_score(scores.table("fit_seconds"), table, "accuracy")
    return Section(name="time", title="Training time and accuracy", text=text, figure=figure)


def curves(scores, table, store, datasets=None):
    """Losses by epoch of the first run of each network; nothing where there are no networks.

    Raises
    ------
    ValueError
        If one of the named data sets is not in the study.
    """
    if unknown := sorted(set(datasets or ()) - set(table.index)):
        raise ValueError(f"there are no results to compare of {', '.join(unknown)}")
    networks = scores.runs[scores.runs["epochs"].notna()]
    if datasets and networks.empty:
        raise ValueError("there are no learning curves: none of the models is a network")
    text = "Of each network the run with the first seed on the first split."
    if datasets is None:
        text += " Shown are the data sets on which models are furthest apart."
        apart = (table.max(axis=1) - table.min(axis=1)).sort_values(ascending=False, kind="stable")
        datasets = sorted(apart.index[:N_CURVES])
    losses = {}
    for dataset in datasets:
        first = networks[networks["dataset"] == dataset].drop_duplicates("model")
        losses[dataset] = {run.model: store.predictions(run.key) for run in first.itertuples()}
    if not any(losses.values()):
        return []
    figure = figures.learning_curves(losses)
    return [Section(name="curves", title="Learning curves", text=text, figure=figure)]


def beside_published(scores):
    """For each published source: our models and its, over the data sets with a common split.

    Raises
    ------
    ValueError
        If the study has no run on the archive's own split.
    """
    ours = scores.of_the_archives_split()
    if ours.runs.empty:
        raise ValueError("published results are of the archive's own split, on which no run is")
    return [part for source in SOURCES for part in _compared_with(ours, source)]


def _published_name(name, taken):
    """The name of a published model, marked where a model of the study has it."""
    return _published_name(f"{name} (published)", taken) if name in taken else name


def _compared_with(ours, source):
    mine = ours.table(source.metric)
    theirs = source.table().rename(columns=lambda name: _published_name(name, mine.columns))
    if source.decimals is not None:
        mine = mine.round(source.decimals)
    same = same_split(ours.facts)
    table = mine.loc[same].join(theirs, how="inner")
    if table.empty:
        return []
    name = next(iter(source.columns)).partition("_")[0]
    text = f"{source.citation} Protocol: {source.protocol}. {_counted(len(table), 'data set')}"
    left = mine.index.difference(table.index)
    text += f"; not in it, or of another split: {', '.join(left)}." if len(left) else "."
    if source.decimals is not None:
        text += f" Our scores are rounded to its {source.decimals} decimals."
    metric = LABELS[source.metric]
    if source.test_selected:
        warning = "These columns were chosen on the test set. They are shown, and not ranked."
        text, table = f"{warning} {text}", table.sort_index()
        return [Section(name=name, title=source.title, text=text, table=table)]
    pairs = wilcoxon_pairs(table, [(a, b) for a in mine for b in theirs])
    tested = "Wilcoxon's test of each of our models and each of theirs, corrected for these pairs."
    n_classes = ours.facts.loc[table.index, "n_classes"]
    return [
        summary(
            table,
            n_classes if source.metric == "accuracy" else None,
            name=name,
            title=source.title,
            text=f"{text} The mean is of {metric}.",
        ),
        every_score(table, name=f"{name}_scores", title=f"{source.title}: {metric}"),
        Section(
            name=f"{name}_tests",
            title=f"{source.title}: tests",
            text=tested,
            table=pairs.set_index("first"),
        ),
    ]
