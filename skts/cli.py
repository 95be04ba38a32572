"""The command line: arguments only, each command calls one function."""

import argparse
import os
import sys

import skts
from skts.discovery import all_estimators

GOES_ON = "; what is done is kept, and the same command goes on"


def main(argv=None):
    """Run the ``skts`` command; returns its exit status."""
    try:
        try:
            return _run(_parser().parse_args(argv))
        finally:
            print(end="", flush=True)  # where what is left cannot be written, it is told here
    except OSError as error:  # of stdout: what else there is is told in _run
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # flushed once more at exit
        if isinstance(error, BrokenPipeError):
            return 128 + 13  # as a program that SIGPIPE ends
        print(f"skts: {error}", file=sys.stderr)
        return 2


def _run(arguments):
    """Do the command; what it raises for the user becomes a line."""
    try:
        return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        behind = "\n" * sys.stderr.isatty()  # what the terminal shows of Ctrl-C
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
    demo = commands.add_parser("demo", help="deep networks beside baselines on shipped data")
    demo.set_defaults(run=_demo, name="demo", hint="")
    listing = commands.add_parser("list", help="every estimator with its paper")
    listing.set_defaults(run=_list, name="list", hint="")
    _add_bench(commands)
    return parser


def _add_bench(commands):
    bench = commands.add_parser("bench", help="studies: many trainings on many data sets")
    bench = bench.add_subparsers(required=True, metavar="command")
    run = bench.add_parser("run", help="train and score; what is done already is not done again")
    _add(run, WHAT_TO_RUN, HOW_TO_RUN)
    run.set_defaults(run=_command("bench_run"), name="bench run", hint=GOES_ON)
    classify = bench.add_parser("classify", help="the classes of a folder's test series, as tables")
    classify.add_argument(
        "folder", type=_folder, help="of a data set, or of several in folders of their names"
    )
    _add(classify, HOW_TO_RUN)
    classify.set_defaults(run=_command("bench_classify"), name="bench classify", hint=GOES_ON)
    report = bench.add_parser(
        "report", help="compare the models of a study: tables, tests, figures"
    )
    report.add_argument("folder", type=_folder, help="of the results")
    _add(report, WHAT_TO_REPORT)
    report.set_defaults(run=_command("bench_report"), name="bench report", hint="")


def _folder(text):
    if not text:
        raise argparse.ArgumentTypeError("a folder must have a name")
    return text


WHAT_TO_RUN = {
    "archive": {"help": "folder of the data sets; default: what sktime ships"},
    "datasets": {"default": "all", "help": "all (default), NAME,NAME,... or @FILE of names"},
    "grid": {"action": "append", "default": [], "help": "NAME=VALUE,VALUE: a run for each"},
    "select": {"action": "append", "default": [], "help": "NAME in --grid, chosen by 3 folds"},
    "search": {"type": int, "help": "chosen by 3 folds from so many draws of the search space"},
    "seeds": {"type": int, "default": 1, "help": "runs with seeds 0, 1, ...; default 1"},
    "resamples": {"type": int, "default": 0, "help": "splits besides the archive's; default 0"},
    "keep-weights": {
        "action": "store_true",
        "help": "keep those of the networks that are trained now",
    },
    "dry-run": {"action": "store_true", "help": "tell how much there is to do"},
}
HOW_TO_RUN = {
    "estimators": {"required": True, "help": "NAME,... of skts, or sktime:NAME(option=value)"},
    "recipe": {"help": "a name of skts.recipes, for the estimators of skts"},
    "set": {"action": "append", "default": [], "help": "NAME=VALUE, an option of all"},
    "out": {"required": True, "type": _folder, "help": "folder of the results"},
    "device": {"default": "auto", "help": "auto, cpu, cuda or cuda:N"},
    "n-jobs": {"type": int, "default": 1, "help": "runs side by side; default 1"},
    "scheduler": {"help": "address of a Dask scheduler, whose workers do the runs"},
    "retry-failed": {"action": "store_true", "help": "do those again that failed"},
}
WHAT_TO_REPORT = {
    "out": {"required": True, "type": _folder, "help": "folder of the report"},
    "against": {"choices": ["published"], "help": "also compare with results of the literature"},
    "models": {"help": "NAME,... as the report gives them; default: all"},
    "curves": {"help": "NAME,... of data sets whose learning curves are shown"},
}


def _add(parser, *groups):
    for group in groups:
        for name, words in group.items():
            parser.add_argument(f"--{name}", **words)


def _command(name):
    """The function of skts.benchmark.command, which is imported when it is called."""

    def run(arguments):
        from skts.benchmark import command

        return getattr(command, name)(arguments)

    return run


def _demo(arguments):
    from skts.demo import as_text, run_demo

    print(as_text(run_demo()))


def _list(arguments):
    for name, cls in all_estimators():
        print(f"{name}\n    {cls.paper}")


if __name__ == "__main__":
    sys.exit(main())
