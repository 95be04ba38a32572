"""Constructors generated from typed, documented, validated fields.

A subclass of :class:`Params` declares each constructor argument once: ``name: type = param(...)``.
This line defines the keyword argument, its default, its documentation and its validation.
"""

import dataclasses
import functools
import inspect
import itertools
import os
import textwrap
import types
import typing
from collections.abc import Callable, Sequence
from numbers import Integral, Real

import numpy as np

#: Groups of options, in the order of signatures and documentation.
Group = typing.Literal[
    "architecture",
    "optimisation",
    "stopping and validation",
    "classes and input",
    "device and speed",
    "bookkeeping",
]
GROUPS = typing.get_args(Group)
LONGEST_CHOICE = 60  # most characters of the choices in a documented type; else only the text


@dataclasses.dataclass(frozen=True)
class Rule:
    """A requirement for a value.

    ``text`` states it, ``accepts`` tests it, and ``of`` is the type of the values.
    """

    text: str
    accepts: Callable[[typing.Any], bool]
    of: typing.Any


BOOLEAN = Rule("a boolean", lambda v: isinstance(v, (bool, np.bool_)), bool)
INTEGER = Rule("an integer", lambda v: isinstance(v, Integral) and not isinstance(v, bool), int)
NUMBER = Rule("a number", lambda v: isinstance(v, Real) and not isinstance(v, bool), float)
STRING = Rule("a string", lambda v: isinstance(v, str), str)
PATH = Rule("a path", lambda v: isinstance(v, os.PathLike), os.PathLike[str])
NONE = Rule("None", lambda v: v is None, types.NoneType)
RULES = {rule.of: rule for rule in (BOOLEAN, INTEGER, NUMBER, STRING, PATH, NONE)}


def integer(low, high=None):
    """Require an integer of at least `low` and, if given, at most `high`."""
    return Rule(
        f"an integer of at least {low}" + ("" if high is None else f" and at most {high}"),
        lambda v: INTEGER.accepts(v) and low <= v and (high is None or v <= high),
        int,
    )


def real(low, high=float("inf"), *, open_low=False, open_high=True):
    """Require a finite number between `low` and `high`; an open end is excluded."""
    text = f"a number in {'(' if open_low else '['}{low}, {high}{')' if open_high else ']'}"

    def accepts(v):
        if not NUMBER.accepts(v):
            return False
        return (low < v if open_low else low <= v) and (v < high if open_high else v <= high)

    return Rule(text, accepts, float)


def is_sequence(value):
    """Return whether a value is a sequence (tuple, list, range, ...) but not str or bytes."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def sequence_of(rule):
    """Require a non-empty sequence whose items all satisfy `rule`."""
    return Rule(
        f"a non-empty sequence (each item {rule.text})",
        lambda v: is_sequence(v) and len(v) > 0 and all(map(rule.accepts, v)),
        Sequence[rule.of],
    )


def rule_of(kind, narrowing=None):
    """Return the rule of a type or union; `narrowing` replaces the rule of its member type."""
    rules = [narrowing if narrowing and narrowing.of == m else _rule_of(m) for m in _members(kind)]
    if narrowing and narrowing not in rules:
        raise TypeError(
            f"rule must be for a member of the type {described(kind)}, got a rule for "
            f"{described(narrowing.of)}"
        )
    text = _enumerated([rule.text for rule in rules])
    return Rule(text, lambda v: any(rule.accepts(v) for rule in rules), kind)


def _rule_of(kind):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in RULES:
        return RULES[kind]
    if origin is typing.Literal:
        text = "one of " * (len(arguments) > 1) + ", ".join(map(repr, arguments))
        return Rule(text, lambda v: isinstance(v, str) and v in arguments, kind)
    if origin is type:
        (base,) = arguments
        text = f"a subclass of {inspect.formatannotation(base)}"
        return Rule(text, lambda v: isinstance(v, type) and issubclass(v, base), kind)
    if origin is None and isinstance(kind, type):
        text = f"an instance of {inspect.formatannotation(kind)}"
        return Rule(text, lambda v: isinstance(v, kind), kind)
    raise TypeError(f"the type {described(kind)} has no default rule: pass rule= to param")


def described(kind):
    """Return a type as numpydoc writes it."""
    members, origin, arguments = _members(kind), typing.get_origin(kind), typing.get_args(kind)
    if len(members) > 1:
        return _enumerated(list(map(described, members)))
    if kind in (types.NoneType, os.PathLike[str]):
        return "None" if kind is types.NoneType else "path-like"
    if origin is typing.Literal:
        options = ", ".join(map(repr, arguments))
        if len(options) > LONGEST_CHOICE:
            return "str"
        return f"{{{options}}}" if len(arguments) > 1 else options
    if origin is type:
        return f"subclass of {arguments[0].__name__}"
    if origin is Sequence and len(_members(arguments[0])) == 1:
        return f"sequence of {described(arguments[0])}"
    if origin is not None:
        return origin.__name__.lower()
    return kind if isinstance(kind, str) else inspect.formatannotation(kind).rpartition(".")[2]


def _members(kind):
    """Return the types of a union, or the type itself."""
    is_union = typing.get_origin(kind) in (types.UnionType, typing.Union)
    return typing.get_args(kind) if is_union else (kind,)


def _enumerated(texts):
    *others, last = texts
    return f"{', '.join(others)} or {last}" if others else last


def param(
    *,
    default: typing.Any = dataclasses.MISSING,
    doc: str,
    rule: Rule | None = None,
    group: Group | None = None,
    search: typing.Any = None,
    kw_only: bool = True,
) -> typing.Any:
    """Declare a constructor argument with its default, its documentation and its group.

    A value must have the annotated type; `rule` restricts one member of this type. Without a
    default, the argument is required. `search` holds the values for a search, or a distribution
    of scipy.stats. `group` and `search` are inherited from the option of the same name in a base
    class. Otherwise the group is "architecture", and `search` is None.
    """
    metadata = {"doc": doc, "narrowing": rule, "group": group, "search": search}
    return dataclasses.field(default=default, metadata=metadata, kw_only=kw_only)


@typing.dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(param,))
class Params:
    """Base of every estimator, with a constructor that only assigns its keywords."""

    paper: typing.ClassVar[str] = ""  # reference of the architecture, for the docs and `skts list`
    _fitted_attributes: typing.ClassVar[tuple] = ()  # pairs ("name : type", text), for the docs
    _example: typing.ClassVar[str] = ""  # a doctest; {name} stands for the class

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        text, written = vars(cls).get("__doc__"), _written_init(cls)
        _inherit_declarations(cls)
        dataclasses.dataclass(kw_only=True, eq=False, repr=False, init=written is None)(cls)
        if written is None:
            cls.__init__.__signature__ = _grouped_signature(cls)
            cls.__init__.is_generated = True
        else:
            cls.__init__ = _with_forwarded_options(cls, written)
        cls.__doc__ = text  # dataclass replaces a missing docstring by the signature
        is_public = not cls.__name__.startswith("_") and (cls.paper or not _is_of_skts(cls))
        if is_public and not _documents_parameters(text):
            attributes = [
                a for base in cls.__mro__ for a in vars(base).get("_fitted_attributes", ())
            ]
            cls.__doc__ = documented(cls, attributes, cls._example)

    def _check_options(self):
        """Raise ValueError for the first option whose value breaks its rule."""
        for field in dataclasses.fields(self):
            value, rule = getattr(self, field.name), field.metadata.get("rule")
            if rule is not None and not rule.accepts(value):
                raise ValueError(
                    f"{field.name} of {type(self).__name__} must be {rule.text}, got {value!r}"
                )


def _written_init(cls):
    """Return the hand-written constructor of `cls`, or None if it must be generated."""
    init = next(vars(base)["__init__"] for base in cls.__mro__ if "__init__" in vars(base))
    if init is object.__init__ or hasattr(init, "is_generated"):
        return None
    return getattr(init, "written", init)


def _inherit_declarations(cls):
    """Keep the rule and text of inherited options that `cls` sets or annotates again."""
    annotations, inherited = dict(inspect.get_annotations(cls)), {}
    for base in filter(dataclasses.is_dataclass, reversed(cls.__mro__[1:])):
        inherited |= {field.name: field for field in dataclasses.fields(base)}
    for name in annotations:
        field = vars(cls).get(name)
        if isinstance(field, dataclasses.Field) and "doc" in field.metadata:
            field.metadata = _complete(field.metadata, _annotation(cls, name), inherited.get(name))
    for name, field in inherited.items():
        value = getattr(cls, name, dataclasses.MISSING)
        is_new = name in annotations or value is not field.default
        if is_new and not isinstance(value, (dataclasses.Field, property)):
            annotations.setdefault(name, field.type)
            own = dataclasses.field(
                default=value, metadata=field.metadata, kw_only=field.kw_only, init=field.init
            )
            setattr(cls, name, own)
    cls.__annotations__ = annotations


def _annotation(cls, name):
    """Return the type of an annotation in the body of `cls`."""
    kind = inspect.get_annotations(cls)[name]
    return inspect.get_annotations(cls, eval_str=True)[name] if isinstance(kind, str) else kind


def _complete(metadata, kind, inherited):
    """Complete the metadata of `param` with the rule of the type and inherited values."""
    group = metadata["group"] or group_of(inherited)
    search = metadata["search"]
    if search is None and inherited is not None:
        search = inherited.metadata.get("search")
    rule = rule_of(kind, metadata["narrowing"])
    return types.MappingProxyType({**metadata, "rule": rule, "group": group, "search": search})


def group_of(field):
    """Return the group of a field; without `param` it is "architecture"."""
    return GROUPS[0] if field is None else field.metadata.get("group", GROUPS[0])


def _grouped_signature(cls):
    """Return the signature of the generated constructor, ordered by group."""
    place = {f.name: GROUPS.index(group_of(f)) for f in dataclasses.fields(cls)}
    signature = inspect.signature(cls.__init__)
    parameters = sorted(
        signature.parameters.values(), key=lambda p: (p.kind, place.get(p.name, -1))
    )
    return signature.replace(parameters=parameters)


def _with_forwarded_options(cls, init):
    """Return a hand-written constructor whose signature also names its ``**`` options.

    ``get_params`` and ``clone`` read the signature.
    """
    signature = inspect.signature(init)
    kinds = {name: parameter.kind for name, parameter in signature.parameters.items()}
    various = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    named = [p for p in signature.parameters.values() if p.kind not in various]
    others = [field for field in dataclasses.fields(cls) if field.name not in kinds]
    is_own = "__init__" in vars(cls)
    for field in dataclasses.fields(cls):
        if field.name in inspect.get_annotations(cls) and (field in others or not is_own):
            raise TypeError(
                f"{cls.__name__} declares {field.name} without effect, because its constructor "
                f"{init.__qualname__} is written by hand. Write a constructor of {cls.__name__} "
                f"with this argument, or declare {field.name} in a base class without a "
                "hand-written constructor"
            )
    if inspect.Parameter.VAR_KEYWORD not in kinds.values():
        return init

    @functools.wraps(init)
    def __init__(self, *args, **options):  # noqa: N807
        init(self, *args, **options)

    named += [p for name, p in _forwarded_parameters(cls, init).items() if name not in kinds]
    __init__.written = init
    __init__.__signature__ = signature.replace(parameters=named)
    return __init__


def _forwarded_parameters(cls, init):
    """Return, by name, the parameters of base constructors that get the ``**`` of `init`."""
    inits = [vars(base)["__init__"] for base in cls.__mro__ if "__init__" in vars(base)]
    inits = [getattr(other, "written", other) for other in inits]
    behind, taken = len(inits) - inits[::-1].index(init), {}
    for other in inits[behind:]:
        _, *parameters = inspect.signature(other).parameters.values()
        keywords = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        taken = {p.name: p.replace(kind=p.KEYWORD_ONLY) for p in keywords} | taken
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return taken


def _is_of_skts(cls):
    return cls.__module__.partition(".")[0] == __name__.partition(".")[0]


def _documents_parameters(text):
    return text is not None and "\nParameters\n---" in inspect.cleandoc(text)


def documented(cls, attributes, example):
    """Return a docstring for `cls`: summary, parameters, `attributes`, reference and example.

    `attributes` are pairs ("name : type", text). `example` is a doctest with {name} for the
    class; only classes of skts get it.
    """
    sections = [
        _summary(cls),
        _section("Parameters", _parameters(cls)),
        _section("Attributes", [_entry(*attribute) for attribute in attributes]),
    ]
    if cls.paper:
        sections.append(_section("References", [_wrapped(".. [1] " + cls.paper, "   ")]))
    if _is_of_skts(cls):
        sections.append(_section("Examples", [example.format(name=cls.__name__)]))
    return "\n\n".join(sections) + "\n"


def _summary(cls):
    """Return the docstring of `cls`, or of the nearest base with a paper, without parameters."""
    for base in cls.__mro__:
        text = vars(base).get("__doc__")
        if text and (base is cls or getattr(base, "paper", "")) and issubclass(base, Params):
            return inspect.cleandoc(text).partition("\n\nParameters\n")[0]
    return f"{cls.__name__}."


def _section(title, entries):
    return "\n".join([title, "-" * len(title), *entries])


def _entry(head, text):
    return f"{head}\n{_wrapped('    ' + text, '    ')}" if text else head


def _wrapped(text, indent):
    return textwrap.fill(
        text, width=88, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _parameters(cls):
    """Return an entry for each argument; the first entry of a group states the group."""
    fields, entries = {field.name: field for field in dataclasses.fields(cls)}, []
    for group, of_group in itertools.groupby(
        inspect.signature(cls).parameters.values(),
        lambda parameter: group_of(fields.get(parameter.name)),
    ):
        first, *others = of_group
        extent = f" (down to `{others[-1].name}`)" if others else ""
        entries.append(_parameter(first, fields, f"**{group.capitalize()}**{extent}. "))
        entries += [_parameter(parameter, fields) for parameter in others]
    return entries


def _parameter(parameter, fields, heading=""):
    metadata = fields[parameter.name].metadata if parameter.name in fields else {}
    text = _text_of(metadata) if "doc" in metadata else ""
    return _entry(_head(parameter), (heading + text).strip())


def _head(parameter):
    head, kind, default = parameter.name, parameter.annotation, parameter.default
    if kind is not parameter.empty:
        head += f" : {described(kind)}"
    if default is not parameter.empty:
        head += f", default={getattr(default, '__name__', repr(default))}"
    return head


def _text_of(metadata):
    if metadata["narrowing"] is None:  # the documented type states the whole rule
        return metadata["doc"]
    return f"{metadata['doc']} Must be {metadata['rule'].text}."
