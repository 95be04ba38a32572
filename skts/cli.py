"""The command line: arguments only, each command calls one function."""

import argparse
import functools
import sys

import skts
from skts.discovery import all_estimators


def main(argv=None):
    """Run the ``skts`` command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="skts", description=skts.__doc__)
    parser.add_argument("--version", action="version", version=f"skts {skts.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser("demo", help="deep networks beside baselines on shipped data")
    demo.set_defaults(run=_demo)
    listing = commands.add_parser("list", help="every estimator with its paper")
    listing.set_defaults(run=_list)
    _add_bench(commands)
    arguments = parser.parse_args(argv)
    return arguments.run(arguments) or 0


def _add_bench(commands):
    bench = commands.add_parser("bench", help="studies: many trainings on many data sets")
    run = bench.add_subparsers(required=True, metavar="command").add_parser(
        "run", help="train and score; what is done already is not done again"
    )
    options = {
        "archive": {"help": "folder of the data sets; default: what sktime ships"},
        "datasets": {"default": "all", "help": "all (default), NAME,NAME,... or @FILE of names"},
        "estimators": {"required": True, "help": "NAME,... of skts, or sktime:NAME(option=value)"},
        "recipe": {"help": "a name of skts.recipes, for the estimators of skts"},
        "set": {"action": "append", "default": [], "help": "NAME=VALUE, an option of all"},
        "grid": {"action": "append", "default": [], "help": "NAME=VALUE,VALUE: a run for each"},
        "select": {"action": "append", "default": [], "help": "NAME in --grid, chosen by 3 folds"},
        "seeds": {"type": int, "default": 1, "help": "runs with seeds 0, 1, ...; default 1"},
        "resamples": {"type": int, "default": 0, "help": "splits besides the archive's; default 0"},
        "out": {"required": True, "help": "folder of the results"},
        "device": {"default": "auto", "help": "auto, cpu, cuda or cuda:N"},
        "n-jobs": {"type": int, "default": 1, "help": "runs side by side; default 1"},
        "retry-failed": {"action": "store_true", "help": "do those again that failed"},
        "dry-run": {"action": "store_true", "help": "tell how much there is to do"},
    }
    for name, words in options.items():
        run.add_argument(f"--{name}", **words)
    run.set_defaults(run=functools.partial(_bench_run, run))


def _bench_run(parser, arguments):
    from skts.benchmark.command import bench_run

    try:
        return 1 if bench_run(arguments) else 0
    except (ValueError, RuntimeError, OSError) as error:
        return parser.exit(2, f"skts bench run: {error}\n")


def _demo(arguments):
    from skts.demo import as_text, run_demo

    print(as_text(run_demo()))


def _list(arguments):
    for name, cls in all_estimators():
        print(f"{name}\n    {cls.paper}")


if __name__ == "__main__":
    sys.exit(main())
