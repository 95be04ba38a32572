"""``skts bench run``: words of the command line become a plan, which is done or told."""

import ast
import sys
from pathlib import Path

from tqdm import tqdm

from skts.benchmark.estimate import estimated_seconds
from skts.benchmark.plan import plan_runs
from skts.benchmark.store import Store
from skts.benchmark.study import run_study, undone
from skts.datasets import list_ucr


def bench_run(arguments):
    """Plan a study as the arguments say, and do what of it is not done, or only tell of it.

    Gives the number of runs that failed.
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
    print(f"{len(runs)} runs, {len(runs) - len(left)} of them done before")
    where = {"archive": arguments.archive, "device": arguments.device}
    if arguments.dry_run:
        seconds, unknown = estimated_seconds(left, rows, **where)
        besides = f", besides {unknown} runs that cannot be told" if unknown else ""
        print(f"the others take about {as_time(seconds)} one after the other{besides}")
        return 0
    with Progress(len(left)) as progress:
        run_study(
            runs,
            arguments.out,
            **where,
            n_jobs=arguments.n_jobs,
            retry_failed=arguments.retry_failed,
            on_row=progress.tell,
        )
    print(f"{progress.n_failed} of {len(left)} runs failed; results are in {arguments.out}")
    return progress.n_failed


class Progress:
    """A bar on a terminal, else a line for each run, on stderr."""

    def __init__(self, n_runs):
        self.n_runs, self.n_told, self.n_failed = n_runs, 0, 0
        self.bar = tqdm(total=n_runs, unit="run", file=sys.stderr, disable=not sys.stderr.isatty())

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.bar.close()

    def tell(self, row):
        self.n_told += 1
        self.n_failed += row["status"] != "done"
        what = f"{row['dataset']} {row['model']} seed {row['seed']}"
        self.bar.set_postfix_str(what, refresh=False)
        self.bar.update()
        if self.bar.disable:
            done = f"accuracy {row['accuracy']:.4f}" if "accuracy" in row else row["error"]
            first = done.partition("\n")[0]
            print(f"{self.n_told}/{self.n_runs} {what}: {first}", file=sys.stderr, flush=True)


def datasets_of(text, archive):
    """Names of data sets: "all" of the archive, those in a file "@PATH", or "A,B,C".

    Raises ValueError where a given archive does not hold one of them.
    """
    if text == "all":
        return list_ucr(archive)
    names = Path(text[1:]).read_text().split() if text.startswith("@") else text.split(",")
    names = [name.strip() for name in names if name.strip()]
    missing = set() if archive is None else set(names) - set(list_ucr(archive))
    if missing:
        raise ValueError(f"{archive} holds no data sets of the names {sorted(missing)}")
    return names


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
