"""Figures of a report, each a matplotlib Figure that needs no window."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from scikit_posthocs import critical_difference_diagram

#: Okabe and Ito's, which the colour-blind tell apart; with the markers also in grey.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
MARKERS = "osD^vPX*<>"
MOST_PANELS = 15


def styles(models):
    """A colour and a marker of each model."""
    return {
        model: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, model in enumerate(models)
    }


def critical_difference(mean_ranks, pairs):
    """Mean ranks on a line; a bar joins models that Wilcoxon's test with Holm's correction joins.

    Parameters
    ----------
    mean_ranks : Series of shape (n_models,)
    pairs : DataFrame
        As of wilcoxon_pairs, of all of them.
    """
    p_values = pd.DataFrame(1.0, index=mean_ranks.index, columns=mean_ranks.index)
    for pair in pairs.itertuples():
        p_values.loc[pair.first, pair.second] = p_values.loc[pair.second, pair.first] = pair.holm
    width = max(7, 3 + 0.16 * max(map(len, mean_ranks.index)))  # room for labels on both sides
    figure = Figure(figsize=(width, 1.2 + 0.28 * len(mean_ranks)), layout="constrained")
    ax = figure.add_subplot()
    drawn = critical_difference_diagram(
        mean_ranks,
        p_values,
        ax=ax,
        label_fmt_left="{label} ({rank:.2f}) ",
        label_fmt_right=" ({rank:.2f}) {label}",
        color_palette=dict.fromkeys(mean_ranks.index, "black"),
        crossbar_props={"color": COLOURS[0], "linewidth": 3},
        text_h_margin=0.02 * (np.ptp(mean_ranks) or 1),  # not 0, or labels overprint
    )
    for bar in itertools.chain(*drawn["crossbars"]):
        bar.set_xdata(sorted(bar.get_xdata()))  # else the same bar is drawn from either end
    ax.set_title("Mean rank (1 is best)", fontsize=10)
    return figure


def pairwise_scatter(scores, pairs, label):
    """A panel for each pair of models, a point for each data set, and counts on either side."""
    pairs = pairs.head(MOST_PANELS)
    n_columns = min(3, len(pairs))
    n_rows = -(-len(pairs) // n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 3.3 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    low = max(0.0, float(scores.min(axis=None)) - 0.03)
    for ax, pair in itertools.zip_longest(axes, pairs.itertuples()):
        if pair is None:
            ax.remove()
            continue
        ax.plot([low, 1], [low, 1], color="grey", linewidth=1)
        ax.scatter(scores[pair.first], scores[pair.second], s=18, alpha=0.7, color=COLOURS[0])
        ax.set(xlim=(low, 1.02), ylim=(low, 1.02), aspect="equal")
        ax.set_xlabel(f"{label}, {pair.first}", fontsize=8)
        ax.set_ylabel(f"{label}, {pair.second}", fontsize=8)
        ax.tick_params(labelsize=8)
        counts = f"{pair.loses} above, {pair.draws} on, {pair.wins} below the line"
        ax.set_title(counts, fontsize=8)
    return figure


def means_of_groups(means, label):
    """A panel for each property, a marker for each model in each group of data sets.

    Parameters
    ----------
    means : DataFrame
        With an index of (property, group) and a column for each model.
    """
    properties = means.index.unique(level=0)
    sizes = [len(means.loc[p]) for p in properties]
    figure = Figure(figsize=(7, 0.9 + 0.34 * sum(sizes)), layout="constrained")
    axes = figure.subplots(len(properties), 1, sharex=True, height_ratios=sizes, squeeze=False)
    for ax, name in zip(axes.ravel(), properties, strict=True):
        groups = means.loc[name]
        places = np.arange(len(groups))[::-1]
        for model, style in styles(means.columns).items():
            ax.plot(groups[model], places, linestyle="none", markersize=6, label=model, **style)
        ax.set_yticks(places, groups.index, fontsize=8)
        ax.set_ylim(-0.6, len(groups) - 0.4)
        ax.set_title(name, fontsize=9, loc="left")
        ax.grid(axis="x", alpha=0.3)
    axes[-1, 0].set_xlabel(f"mean {label}")
    _legend(figure, axes[0, 0])
    return figure


def time_and_score(seconds, scores, label):
    """A small marker for each data set and a large one for the means of each model.

    Parameters
    ----------
    seconds, scores : DataFrame of shape (n_datasets, n_models)
    """
    figure = Figure(figsize=(7, 4), layout="constrained")
    ax = figure.add_subplot()
    for model, style in styles(scores.columns).items():
        ax.scatter(seconds[model], scores[model], s=14, alpha=0.35, linewidth=0, **style)
        means = seconds[model].mean(), scores[model].mean()
        ax.scatter(*means, s=130, edgecolor="black", label=model, zorder=3, **style)
    ax.set(xscale="log", xlabel="training time in seconds (log scale)", ylabel=label)
    ax.grid(alpha=0.3)
    _legend(figure, ax)
    return figure


def learning_curves(losses, label="loss"):
    """A panel for each data set, a line for each model; validation losses are dashed.

    Parameters
    ----------
    losses : dict of str to dict of str to dict of str to ndarray of shape (n_epochs,)
        By data set, model, and "train_loss" or "valid_loss".
    """
    n_columns = min(2, len(losses))
    n_rows = -(-len(losses) // n_columns)
    figure = Figure(figsize=(7, 2.6 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    colours = styles(dict.fromkeys(model for of_set in losses.values() for model in of_set))
    for ax, (dataset, of_models) in itertools.zip_longest(axes, losses.items(), fillvalue=("", {})):
        if not of_models:
            ax.remove()
            continue
        for model, curves in of_models.items():
            for name, dashes in (("train_loss", "-"), ("valid_loss", "--")):
                if name in curves:
                    epochs = np.arange(1, len(curves[name]) + 1)
                    said = model if dashes == "-" else f"{model}, validation"
                    color = colours[model]["color"]
                    ax.plot(epochs, curves[name], dashes, color=color, linewidth=1.1, label=said)
        ax.set_title(dataset, fontsize=9)
        ax.set(xlabel="epoch", ylabel=label)
        low, high = ax.dataLim.intervaly
        if high > 10 * low > 0:
            ax.set_yscale("log")
            ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.yaxis.set_major_formatter("{x:g}")
            ax.yaxis.set_minor_formatter(NullFormatter())
        ax.grid(alpha=0.3)
    _legend(figure, axes[0])
    return figure


def _legend(figure, ax):
    handles, labels = ax.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=min(4, len(labels)), fontsize=8
    )
