"""``skts bench``: from arguments of the command line to studies and reports."""

import ast
import difflib
import sys
from pathlib import Path

from tqdm import tqdm

from skts.benchmark.class_probabilities import write_class_probabilities
from skts.benchmark.estimate import Timing, estimate_of
from skts.benchmark.plan import plan_runs
from skts.benchmark.store import Store
from skts.benchmark.study import check_place, pending_runs, run_study
from skts.datasets.archive import files_of, why_no_classes
from skts.datasets.load import find_missing, list_ucr, sets_in


def bench_run(arguments):
    """Plan a study, and run what is not finished; with --dry-run, print its size.

    Returns the exit status: 1 if runs failed, and 0 otherwise.
    """
    runs = plan_runs(
        datasets_of(arguments.datasets, arguments.archive),
        split_outside_brackets(arguments.estimators),
        recipe=arguments.recipe,
        fixed=options_of(arguments.set),
        grid=grid_of(arguments.grid),
        select=arguments.select,
        search=arguments.search,
        seeds=arguments.seeds,
        resamples=range(arguments.resamples + 1),
    )
    rows = _store_of(arguments).rows()
    left = pending_runs(runs, rows, retry_failed=arguments.retry_failed)
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them made before", flush=True)
    if arguments.dry_run:
        print(_estimated(left, rows, arguments))
        return 0
    return _done(runs, left, arguments, arguments.archive, arguments.keep_weights)


def _store_of(arguments):
    """Return the store; raise an error if it is not writable or the runs are impossible."""
    check_place(arguments.device, arguments.n_jobs, arguments.scheduler)
    store = Store(arguments.out)
    store.check_folder()
    return store


def _estimated(left, rows, arguments):
    """Return the duration of the runs, in words."""
    n_jobs = arguments.n_jobs
    with Progress(left) as progress:
        found = estimate_of(
            left,
            rows,
            archive=arguments.archive,
            device=arguments.device,
            n_jobs=n_jobs,
            on_timed=progress.report_timing,
        )
    low, high = found.low / n_jobs, found.high / n_jobs
    said = [f"the others take about {as_time(low)}"]
    if as_time(high) != as_time(low):
        said.append(f"where training ends early, and at most {as_time(high)}")
    said.append("one after the other" if n_jobs == 1 else f"{n_jobs} side by side")
    if found.foreign:
        said.append(f"besides {len(found.foreign)} runs of other packages, which are not timed")
    if found.failing:
        run, error = found.failing[0]
        first = f"{run.dataset} {run.model}: {error}".partition("\n")[0]
        said.append(f"besides {len(found.failing)} runs that fail, the first with {first}")
    return ", ".join(said)


def bench_classify(arguments):
    """Train on the training split of each data set of a folder, and write the other classes.

    Returns the exit status: 1 if runs failed, and 0 otherwise.
    """
    archive, datasets = own_datasets(arguments.folder)
    runs = plan_runs(
        datasets,
        split_outside_brackets(arguments.estimators),
        recipe=arguments.recipe,
        fixed=options_of(arguments.set),
    )
    rows = _store_of(arguments).rows()
    left = pending_runs(runs, rows, retry_failed=arguments.retry_failed)
    status = _done(runs, left, arguments, archive, keep_weights=False)
    for path in write_class_probabilities(Store(arguments.out), runs):
        print(path)
    return status


def bench_report(arguments):
    """Write the report of a study."""
    from skts.benchmark.report import write_report

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
            on_row=progress.report_run,
        )
    keys = {run.key for run in runs}
    rows = [row for row in store.rows() if row["key"] in keys]
    n_failed = sum(row["status"] != "done" for row in rows)
    hint = "; --retry-failed does them again" if n_failed else ""
    print(f"{len(rows)} runs, {n_failed} of them failed{hint}; results are in {arguments.out}")
    return 1 if n_failed else 0


class Progress:
    """Progress on stderr: a bar with the oldest current run on a terminal, or a line per run."""

    def __init__(self, runs):
        self.n_runs, self.n_told = len(runs), 0
        self.left = {run.key: f"{run.dataset} {run.model} seed {run.seed}" for run in runs}
        quiet = not sys.stderr.isatty()
        self.bar = tqdm(total=len(runs), unit="run", file=sys.stderr, disable=quiet)
        self._show()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def report_run(self, row):
        done = f"accuracy {row['accuracy']:.4f}" if "accuracy" in row else row["error"]
        self._report(row["key"], done, self.n_runs)

    def report_timing(self, run, n_timed, found):
        """Report a timed run."""
        done = "timed" if isinstance(found, Timing) else found
        self.bar.total = n_timed
        self._report(run.key, done, n_timed)

    def _report(self, key, done, n_runs):
        what = self.left.pop(key)
        self.n_told += 1
        self.bar.update()
        self._show()
        if self.bar.disable:
            first = done.partition("\n")[0]
            print(f"{self.n_told}/{n_runs} {what}: {first}", file=sys.stderr, flush=True)

    def _show(self):
        self.bar.set_postfix_str(next(iter(self.left.values()), ""))


def datasets_of(text, archive):
    """Names of data sets: "all" of the archive, those in a file "@PATH", or "A,B,C".

    Raises ValueError where there are none, or one of them is not found or has no classes. What
    "all" leaves out and prints to stderr.
    """
    if text == "all":
        names = _with_classes(archive)
    else:
        names = Path(text[1:]).read_text().split() if text.startswith("@") else text.split(",")
    names = [name.strip() for name in names if name.strip()]
    if not names:
        raise ValueError(f"no data set in {text!r}: pass names of folders with NAME_TRAIN.tsv")
    if missing := find_missing(names, archive):
        raise ValueError(_why_missing(missing, archive))
    return names


def _with_classes(folder):
    """Return the classification data sets of a folder; print the others to stderr."""
    found = sets_in(folder)
    if others := [name for name, reason in found.items() if reason is not None]:
        print(f"left out, because they have no classes: {', '.join(others)}", file=sys.stderr)
    return [name for name, reason in found.items() if reason is None]


def _why_missing(missing, archive):
    reasons = sets_in(archive)
    for name in missing:
        if name in reasons:
            return f"{name} is not a classification data set: {reasons[name]}"
    where = "" if archive is None else f" in {archive}"
    close = {c for name in missing for c in difflib.get_close_matches(name, list_ucr(archive))}
    hint = f". Did you mean {' or '.join(sorted(close))}?" if close else ""
    return f"data sets not found{where}: {', '.join(missing)}{hint}"


def own_datasets(folder):
    """Return the archive and the data sets of a folder of data sets, or of one data set.

    Raises
    ------
    FileNotFoundError
        If the folder is neither a data set (NAME with NAME_TRAIN.tsv and NAME_TEST.tsv, or .ts)
        nor a folder of data sets.
    ValueError
        If the data set has no classes.
    """
    folder = Path(folder).resolve()
    name = folder.name
    if files := files_of(folder.parent, name):
        if reason := why_no_classes(files):
            raise ValueError(f"{name} is not a classification data set: {reason}")
        return folder.parent, [name]
    if names := _with_classes(folder):
        return folder, names
    raise FileNotFoundError(
        f"{folder} is not a data set and contains none: it must hold {name}_TRAIN.tsv and "
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
        raise ValueError(f"expected values separated by commas, with closed brackets, got {text!r}")
    return parts


def options_of(texts):
    """Parse options "name=value"."""
    found = {}
    for text in texts:
        name, values = _named(text, found)
        found[name] = _value(values)
    return found


def grid_of(texts):
    """Parse options "name=value,value" to a list of values for each name."""
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
    """Return a time in words: seconds, and minutes or hours."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds:.0f} s ({seconds / 60:.0f} min)"
    return f"{seconds:.0f} s ({seconds / 3600:.1f} h)"
