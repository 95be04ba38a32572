"""Types: every public function has them, and mypy finds with them what users write wrong."""

import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.test_docs import CLASSES, FUNCTIONS, NETWORKS

ROOT = Path(__file__).parents[1]
USER_CODE = "tests/user_code.py"
CONSTRUCTORS = {
    name: vars(cls)["__init__"]
    for name, cls in CLASSES.items()
    if "__init__" in vars(cls) and not hasattr(vars(cls)["__init__"], "is_generated")
}
FORWARDS = {f"{name}.forward": CLASSES[name].forward for name in NETWORKS}
TYPED = FUNCTIONS | CONSTRUCTORS | FORWARDS


def untyped(function):
    """Names of the arguments without a type, and "return"."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    names = [p.name for p in parameters if p.annotation is p.empty]
    returns_nothing = function.__name__ == "__init__"
    if signature.return_annotation is signature.empty and not returns_nothing:
        names.append("return")
    return names


def test_untyped_arguments_are_seen():
    def function(self, x, *, y: int, **options): ...

    assert untyped(function) == ["x", "options", "return"]


@pytest.mark.parametrize("name", TYPED)
def test_public_function_has_types(name):
    assert untyped(TYPED[name]) == []


def expected(text):
    """Number of each line that is wrong, and the code of its error."""
    marks = [re.search(r"# error: (.*)", line) for line in text.splitlines()]
    return Counter((n, mark[1]) for n, mark in enumerate(marks, start=1) if mark)


def told(output):
    """The same of what mypy tells; an error in another file has its name."""
    found = Counter()
    for line in output.splitlines():
        if match := re.fullmatch(r"(.*?):(\d+): error: .*\[([\w-]+)\]", line):
            file, number, code = match.groups()
            found[int(number) if file == USER_CODE else f"{file}:{number}", code] += 1
    return found


def test_errors_are_read():
    output = (
        f"{USER_CODE}:3: error: No [index] here  [call-arg]\n{USER_CODE}:3: note: x\n"
        "skts/a.py:4: error: b  [misc]\nFound 2 errors\n"
    )
    assert told(output) == Counter([(3, "call-arg"), ("skts/a.py:4", "misc")])
    assert expected("a\n\nb()  # error: call-arg\n") == Counter([(3, "call-arg")])


@pytest.mark.full
def test_mypy_finds_what_is_wrong_in_user_code_and_nothing_else():
    command = [sys.executable, "-m", "mypy", "--no-color-output", USER_CODE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    assert told(done.stdout) == expected((ROOT / USER_CODE).read_text()), done.stdout
