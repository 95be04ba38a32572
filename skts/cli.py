"""The command line: arguments only, each command calls one function."""

import argparse
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
    arguments = parser.parse_args(argv)
    arguments.run()
    return 0


def _demo():
    from skts.demo import as_text, run_demo

    print(as_text(run_demo()))


def _list():
    for name, cls in all_estimators():
        print(f"{name}\n    {cls.paper}")


if __name__ == "__main__":
    sys.exit(main())
