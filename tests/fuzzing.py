"""What the fuzz tests share: the rule that random input is held against."""

import contextlib
import traceback
import warnings

from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st

#: Whose ValueError or TypeError says what came. One from deeper down is an accident.
JUDGES = ("skts", "sklearn", "sktime", "skbase")


def bounded(n_examples):
    """The same examples in every run, so many of them."""
    return settings(
        max_examples=n_examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def often_first(table):
    """Keys of a table, in half of the cases the first one."""
    return st.one_of(st.just(next(iter(table))), st.sampled_from(list(table)))


class Refused(Exception):
    """A judge of input has refused it."""


@contextlib.contextmanager
def judged():
    """Turn a judge's error into Refused, and let any other through."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd and taken all the same
            yield
    except (ValueError, TypeError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        is_judged = any(f"/{judge}/" in last.filename for judge in JUDGES)
        if not (is_judged and last.line.startswith("raise") and len(str(error)) > 20):
            raise AssertionError(f"no judge of input raised {error!r}, but {last}") from error
        event(f"refused: {str(error)[:60]}")
        raise Refused from error
    event("taken")
