"""The command line: it parses arguments, and each command calls one function."""

import argparse
import os
import sys

import skts
from skts.discovery import KINDS, all_estimators

GOES_ON = "; finished runs are stored, and the same command continues"


def main(argv=None):
    """Run the ``skts`` command and return its exit status."""
    try:
        try:
            return _run(_parser().parse_args(argv))
        finally:
            print(end="", flush=True)  # raises here if the rest of the output cannot be written
    except OSError as error:  # of stdout: _run handles all other errors
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed again at exit
        if isinstance(error, BrokenPipeError):
            return 128 + 13  # the exit status of a program ended by SIGPIPE
        print(f"skts: {error}", file=sys.stderr)
        return 2


def _run(arguments):
    """Run the command, and print errors meant for the user as one line."""
    try:
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        behind = "\n" * sys.stderr.isatty()  # a terminal shows ^C
        print(f"{behind}skts {arguments.name}: interrupted{arguments.hint}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except (ValueError, RuntimeError, OSError, ImportError) as error:
        print(f"skts {arguments.name}: {error}", file=sys.stderr)
        return 2


def _parser():
    parser = argparse.ArgumentParser(prog="skts", description=skts.__doc__)
    parser.add_argument("--version", action="version", version=f"skts {skts.__version__}")
    commands = parser.add_subparsers(required=True, metavar="command")
    demo = commands.add_parser(
        "demo", help="compare networks with classical methods on shipped data"
    )
    demo.add_argument("--quick", action="store_true", help="one data set, without MiniRocket")
    demo.set_defaults(run=_demo, name="demo", hint="")
    listing = commands.add_parser("list", help="print every estimator with its paper")
    listing.add_argument("--kind", choices=KINDS, help="only estimators of this kind")
    listing.set_defaults(run=_list, name="list", hint="")
    _add_bench(commands)
    return parser


def _add_bench(commands):
    bench = commands.add_parser("bench", help="run studies: many estimators on many data sets")
    bench = bench.add_subparsers(required=True, metavar="command")
    run = bench.add_parser("run", help="train and score; finished runs are not repeated")
    _add(run, WHAT_TO_RUN, HOW_TO_RUN)
    run.set_defaults(run=_command("bench_run"), name="bench run", hint=GOES_ON)
    classify = bench.add_parser("classify", help="write the classes of a folder's test series")
    classify.add_argument(
        "folder", type=_folder, help="folder of a data set, or of folders of data sets"
    )
    _add(classify, HOW_TO_RUN)
    classify.set_defaults(run=_command("bench_classify"), name="bench classify", hint=GOES_ON)
    report = bench.add_parser(
        "report", help="compare the models of a study in tables, tests and figures"
    )
    report.add_argument("folder", type=_folder, help="folder of the results")
    _add(report, WHAT_TO_REPORT)
    report.set_defaults(run=_command("bench_report"), name="bench report", hint="")


def _folder(text):
    if not text:
        raise argparse.ArgumentTypeError("a folder must have a name")
    return text


WHAT_TO_RUN = {
    "archive": {"help": "folder of the data sets; default: those that sktime ships"},
    "datasets": {"default": "all", "help": "all (default), NAME,NAME,... or @FILE of names"},
    "grid": {"action": "append", "default": [], "help": "NAME=VALUE,VALUE: one run for each value"},
    "select": {
        "action": "append",
        "default": [],
        "help": "NAME in --grid: choose its value by 3-fold cross-validation",
    },
    "search": {
        "type": int,
        "help": "number of draws from the search space, chosen by 3-fold cross-validation",
    },
    "seeds": {"type": int, "default": 1, "help": "runs with seeds 0, 1, ...; default 1"},
    "resamples": {
        "type": int,
        "default": 0,
        "help": "number of splits besides the archive's; default 0",
    },
    "keep-weights": {
        "action": "store_true",
        "help": "store the weights of the networks trained by this command",
    },
    "dry-run": {"action": "store_true", "help": "print the number of runs and their duration"},
}
HOW_TO_RUN = {
    "estimators": {"required": True, "help": "NAME,... of skts, or sktime:NAME(option=value)"},
    "recipe": {"help": "name in skts.recipes, for the estimators of skts"},
    "set": {
        "action": "append",
        "default": [],
        "help": "NAME=VALUE: set an option of all estimators",
    },
    "out": {"required": True, "type": _folder, "help": "folder of the results"},
    "device": {"default": "auto", "help": "auto, cpu, cuda or cuda:N"},
    "n-jobs": {"type": int, "default": 1, "help": "runs in parallel; default 1"},
    "scheduler": {"help": "address of a Dask scheduler; its workers do the runs"},
    "retry-failed": {"action": "store_true", "help": "repeat failed runs"},
}
WHAT_TO_REPORT = {
    "out": {"required": True, "type": _folder, "help": "folder of the report"},
    "against": {"choices": ["published"], "help": "also compare with published results"},
    "models": {"help": "NAME,... as in the report; default: all"},
    "curves": {"help": "NAME,... of data sets: show their learning curves"},
}


def _add(parser, *groups):
    for group in groups:
        for name, words in group.items():
            parser.add_argument(f"--{name}", **words)


def _command(name):
    """Return the function of skts.benchmark.command, imported when called."""

    def run(arguments):
        from skts.benchmark import command

        return getattr(command, name)(arguments)

    return run


def _demo(arguments):
    from skts.demo import as_text, run_demo

    what = "Five models on four data sets take about two minutes"
    if arguments.quick:
        what = "Four models on one data set take less than 20 seconds"
    print(f"{what} on two idle cores.", flush=True)
    print(as_text(run_demo(quick=arguments.quick)))


def _list(arguments):
    for name, cls in all_estimators(arguments.kind):
        print(f"{name}\n    {cls.paper}")


if __name__ == "__main__":
    sys.exit(main())
