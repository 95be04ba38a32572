"""Constructors generated from typed, documented, validated fields.

A class below :class:`Params` states each constructor argument once, as ``name: type = param(...)``;
that line gives the keyword argument, its default, its documentation and its check.
"""

import contextlib
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a value must be, in words (``text``) and as a test (``accepts``)."""

    text: str
    accepts: Callable[[typing.Any], bool]

    def __or__(self, other):
        return Rule(f"{self.text} or {other.text}", lambda v: self.accepts(v) or other.accepts(v))


def choice(*options):
    """One of the given strings or None."""
    text = "one of " + ", ".join(map(repr, options))
    return Rule(text, lambda v: (v is None or isinstance(v, str)) and v in options)


def integer(low, high=None):
    """An integer of at least `low` and, where it is given, at most `high`."""
    return Rule(
        f"an integer of at least {low}" + ("" if high is None else f" and at most {high}"),
        lambda v: (
            isinstance(v, Integral)
            and not isinstance(v, bool)
            and low <= v
            and (high is None or v <= high)
        ),
    )


def real(low, high=float("inf"), *, open_low=False, open_high=True):
    """A finite number between `low` and `high`; an open end is excluded."""
    text = f"a number in {'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"

    def accepts(v):
        if not isinstance(v, Real) or isinstance(v, bool):
            return False
        return (low < v if open_low else low <= v) and (v < high if open_high else v <= high)

    return Rule(text, accepts)


def tuple_of(rule):
    """A non-empty tuple or list whose items all satisfy `rule`."""
    return Rule(
        f"a non-empty tuple, each item {rule.text}",
        lambda v: isinstance(v, (tuple, list)) and len(v) > 0 and all(map(rule.accepts, v)),
    )


NONE = Rule("None", lambda v: v is None)
BOOLEAN = Rule("True or False", lambda v: isinstance(v, (bool, np.bool_)))


def param(*, default=dataclasses.MISSING, doc, rule, kw_only=True):
    """Declare a constructor argument: its default, its documentation and the rule it must obey.

    Without a default it is required.
    """
    return dataclasses.field(default=default, metadata={"doc": doc, "rule": rule}, kw_only=kw_only)


@typing.dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(param,))
class Params:
    """Base of every estimator: a constructor that assigns its keywords and does nothing else."""

    paper: typing.ClassVar[str] = ""  # the source of the architecture, for the docs and `skts list`
    _fitted_attributes: typing.ClassVar[tuple] = ()  # (name and type, text), for the docs
    _example: typing.ClassVar[str] = ""  # a doctest; {name} stands for the class

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(kw_only=True, eq=False, repr=False)(cls)
        if cls.paper and not cls.__name__.startswith("_"):
            attributes = [
                a for base in cls.__mro__ for a in vars(base).get("_fitted_attributes", ())
            ]
            cls.__doc__ = documented(cls, attributes, cls._example)

    def _check_options(self):
        """Raise ValueError for the first option whose value breaks its rule."""
        for field in dataclasses.fields(self):
            value, rule = getattr(self, field.name), field.metadata["rule"]
            if not rule.accepts(value):
                raise ValueError(
                    f"{field.name} of {type(self).__name__} must be {rule.text}, got {value!r}"
                )


def documented(cls, attributes, example):
    """A docstring for `cls`: its own summary, then what its fields, `attributes` and paper state.

    `attributes` are pairs of name and type, and text; `example` is a doctest with {name} for the
    class. Parameters come nearest base first.
    """
    sections = [
        inspect.cleandoc(cls.__doc__).partition("\n\nParameters\n")[0],
        _section("Parameters", [_parameter(field) for field in _nearest_first(cls)]),
        _section("Attributes", [_entry(*attribute) for attribute in attributes]),
        _section("References", [_wrapped(".. [1] " + cls.paper, "   ")]),
        _section("Examples", [example.format(name=cls.__name__)]),
    ]
    return "\n\n".join(sections) + "\n"


def _section(title, entries):
    return "\n".join([title, "-" * len(title), *entries])


def _entry(head, text):
    return f"{head}\n{_wrapped('    ' + text, '    ')}"


def _wrapped(text, indent):
    return textwrap.fill(
        text, width=88, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _nearest_first(cls):
    """The fields of `cls`, those of its nearest base first: architecture before training."""
    nearest = {}
    for distance, base in enumerate(cls.__mro__):
        for name in inspect.get_annotations(base):
            nearest.setdefault(name, distance)
    return sorted(dataclasses.fields(cls), key=lambda field: nearest[field.name])


def _parameter(field):
    kind = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
    text = f"{field.metadata['doc']} Must be {field.metadata['rule'].text}."
    if field.default is dataclasses.MISSING:
        return _entry(f"{field.name} : {kind}", text)
    default = getattr(field.default, "__name__", repr(field.default))
    return _entry(f"{field.name} : {kind}, default={default}", text)


@contextlib.contextmanager
def unchanged_on_error(estimator):
    """Undo whatever the block set on the estimator if it fails, even by an interrupt."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise
