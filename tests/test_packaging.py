"""Distributions: a source one with everything that is kept, a wheel with the package alone."""

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools import build_meta as b; getattr(b, sys.argv[1])(sys.argv[2])"


def kept_files():
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("needs a git checkout, which tells what is kept")
    return {name for name in listed.stdout.splitlines() if (ROOT / name).is_file()}


def built(kind, folder):
    """The distribution that a clean copy of the files gives."""
    tree = folder / "tree"
    for name in kept_files():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    command = [sys.executable, "-W", "ignore", "-c", BUILD, f"build_{kind}", str(folder)]
    subprocess.run(command, cwd=tree, capture_output=True, check=True)
    (file,) = [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]
    return file


def test_the_source_distribution_holds_every_file(tmp_path):
    with tarfile.open(built("sdist", tmp_path)) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    assert kept_files() - held == set()


def test_the_wheel_holds_the_package_alone(tmp_path):
    with zipfile.ZipFile(built("wheel", tmp_path)) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith("/METADATA")]
        text = archive.read(metadata).decode()
    assert held == {name for name in kept_files() if name.startswith("skts/")}
    assert not re.search(r"\]\((?!https?://)", text)  # no link dies where there are no other files


def version_of(requirement):
    (specifier,) = requirement.specifier
    return Version(specifier.version)


def requirements():
    """What setup.cfg requires, extras included."""
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n")
    for name, extra in config["options.extras_require"].items():
        lines += [] if name == "docs" else extra.split("\n")
    found = (line.partition("#")[0].strip() for line in lines)
    return [Requirement(line) for line in found if line and not line.startswith("%")]


def test_the_lowest_versions_that_are_tested_are_those_declared():
    lines = (ROOT / "constraints-lowest.txt").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    tested = {canonicalize_name(pin.name): version_of(pin) for pin in pins}
    bounds = [requirement for requirement in requirements() if requirement.specifier]
    assert len(bounds) > 20
    for bound in bounds:
        assert str(bound.specifier).startswith(">=")
        assert version_of(bound) == tested[canonicalize_name(bound.name)], bound
