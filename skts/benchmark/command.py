"""``skts bench``: words of the command line become a study, or what a study says."""

import ast
import sys
from pathlib import Path

from tqdm import tqdm

from skts.benchmark.classes import write_classes
from skts.benchmark.estimate import estimated_seconds
from skts.benchmark.plan import plan_runs
from skts.benchmark.store import Store
from skts.benchmark.study import run_study, undone
from skts.datasets import find_missing, list_ucr


def bench_run(arguments):
    """Plan a study as the arguments say, and do what of it is not done, or only tell of it.

    Gives 1 where runs failed, else 0, for the exit status.
    """
    runs = plan_runs(
        datasets_of(arguments.datasets, arguments.archive),
        split_outside_brackets(arguments.estimators),
        recipe=arguments.recipe,
        fixed=options_of(arguments.set),
        grid=grid_of(arguments.grid),
        select=arguments.select,
        seeds=arguments.seeds,
        resamples=range(arguments.resamples + 1),
    )
    rows = Store(arguments.out).rows()
    left = undone(runs, rows, retry_failed=arguments.retry_failed)
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them made before")
    if arguments.dry_run:
        where = {"archive": arguments.archive, "device": arguments.device}
        seconds, unknown = estimated_seconds(left, rows, **where)
        besides = f", besides {unknown} runs that cannot be told" if unknown else ""
        print(f"the others take about {as_time(seconds)} one after the other{besides}")
        return 0
    return _done(runs, left, arguments, arguments.archive, arguments.keep_weights)


def bench_classify(arguments):
    """Train on the training part of each data set of a folder, and write the classes of the rest.

    Gives 1 where runs failed, else 0, for the exit status.
    """
    archive, datasets = own_datasets(arguments.folder)
    runs = plan_runs(
        datasets,
        split_outside_brackets(arguments.estimators),
        recipe=arguments.recipe,
        fixed=options_of(arguments.set),
    )
    left = undone(runs, Store(arguments.out).rows(), retry_failed=arguments.retry_failed)
    status = _done(runs, left, arguments, archive, keep_weights=False)
    for path in write_classes(Store(arguments.out), runs):
        print(path)
    return status


def bench_report(arguments):
    """Write the report of a study."""
    try:
        from skts.benchmark.report import write_report
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'a report needs {error.name}, which is not installed: pip install "skts[bench]"',
            name=error.name,
        ) from error
    path = write_report(
        arguments.folder,
        arguments.out,
        against=arguments.against,
        models=arguments.models and split_outside_brackets(arguments.models),
        curves=arguments.curves and split_outside_brackets(arguments.curves),
    )
    print(path)


def _done(runs, left, arguments, archive, keep_weights):
    with Progress(left) as progress:
        store = run_study(
            runs,
            arguments.out,
            archive=archive,
            device=arguments.device,
            n_jobs=arguments.n_jobs,
            scheduler=arguments.scheduler,
            keep_weights=keep_weights,
            retry_failed=arguments.retry_failed,
            on_row=progress.tell,
        )
    keys = {run.key for run in runs}
    rows = [row for row in store.rows() if row["key"] in keys]
    n_failed = sum(row["status"] != "done" for row in rows)
    hint = "; --retry-failed does them again" if n_failed else ""
    print(f"{len(rows)} runs, {n_failed} of them failed{hint}; results are in {arguments.out}")
    return 1 if n_failed else 0


class Progress:
    """A bar with the oldest of the current runs on a terminal, else a line for each, on stderr."""

    def __init__(self, runs):
        self.n_runs = len(runs)
        self.left = {run.key: f"{run.dataset} {run.model} seed {run.seed}" for run in runs}
        quiet = not sys.stderr.isatty()
        self.bar = tqdm(total=len(runs), unit="run", file=sys.stderr, disable=quiet)
        self._show()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def tell(self, row):
        what = self.left.pop(row["key"])
        self.bar.update()
        self._show()
        if self.bar.disable:
            done = f"accuracy {row['accuracy']:.4f}" if "accuracy" in row else row["error"]
            first = done.partition("\n")[0]
            n_told = self.n_runs - len(self.left)
            print(f"{n_told}/{self.n_runs} {what}: {first}", file=sys.stderr, flush=True)

    def _show(self):
        self.bar.set_postfix_str(next(iter(self.left.values()), ""))


def datasets_of(text, archive):
    """Names of data sets: "all" of the archive, those in a file "@PATH", or "A,B,C".

    Raises ValueError where there are none, or one of them is not found.
    """
    if text == "all":
        names = list_ucr(archive)
    else:
        names = Path(text[1:]).read_text().split() if text.startswith("@") else text.split(",")
    names = [name.strip() for name in names if name.strip()]
    where = "nowhere" if archive is None else f"not in {archive}"
    if not names:
        raise ValueError(f"{text!r} names no data set; they are folders NAME with NAME_TRAIN.tsv")
    if missing := find_missing(names, archive):
        raise ValueError(f"there are no data sets {', '.join(missing)}: they are {where}")
    return names


def own_datasets(folder):
    """The archive, and the names of data sets, that a folder is or is of.

    Raises
    ------
    FileNotFoundError
        Where it is neither a data set's folder, NAME with NAME_TRAIN.tsv (or .ts) and the same of
        TEST, nor one of such folders.
    """
    folder = Path(folder).resolve()
    if folder.name in list_ucr(folder.parent):
        return folder.parent, [folder.name]
    if names := list_ucr(folder):
        return folder, names
    name = folder.name
    raise FileNotFoundError(
        f"{folder} is no data set and holds none: it must hold {name}_TRAIN.tsv and "
        f"{name}_TEST.tsv (or .ts), or folders NAME with NAME_TRAIN.tsv and NAME_TEST.tsv"
    )


def split_outside_brackets(text):
    """The parts between commas that stand outside brackets.

    Raises ValueError where a bracket is not closed, or a part is empty.
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    parts = [part.strip() for part in parts]
    if depth or not all(parts):
        raise ValueError(f"expected parts between commas, all brackets closed, got {text!r}")
    return parts


def options_of(texts):
    """The options "name=value"."""
    found = {}
    for text in texts:
        name, values = _named(text, found)
        found[name] = _value(values)
    return found


def grid_of(texts):
    """The options "name=value,value", a list of values for each."""
    found = {}
    for text in texts:
        name, values = _named(text, found)
        found[name] = [_value(word) for word in split_outside_brackets(values)]
    return found


def _named(text, found):
    name, equals, values = text.partition("=")
    if not (name and equals and values):
        raise ValueError(f"an option must be name=value, got {text!r}")
    if name in found:
        raise ValueError(f"{name} is given twice, the second time as {text!r}")
    return name, values


def _value(word):
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word


def as_time(seconds):
    """A time in words."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
