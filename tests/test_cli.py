"""The command line, run as a user runs it, and the documents that tell of it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import skts
from skts import demo
from skts.benchmark import command
from skts.discovery import KINDS, all_estimators

ROOT = Path(__file__).parent.parent


def skts_command(*arguments, **options):
    command = [Path(sys.executable).with_name("skts"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


@pytest.mark.full
def test_version():
    assert skts_command("--version").stdout == f"skts {skts.__version__}\n"


def test_list_names_every_estimator_with_its_paper():
    listed = skts_command("list").stdout
    for name, cls in all_estimators():
        assert f"{name}\n    {cls.paper}\n" in listed


@pytest.mark.parametrize("kind", KINDS)
def test_list_names_the_estimators_of_a_kind(kind, capsys):
    from skts.cli import main

    assert main(["list", "--kind", kind]) == 0
    listed = [line for line in capsys.readouterr().out.splitlines() if line[:1].strip()]
    assert listed == [name for name, _ in all_estimators(kind)]


@pytest.mark.full
def test_without_a_command_it_says_which_there_are():
    finished = skts_command()
    assert finished.returncode == 2
    assert "required: command" in finished.stderr


@pytest.mark.full
@pytest.mark.parametrize(("option", "n_models"), [(["--quick"], 4), ([], 5)])
def test_demo_prints_one_table(option, n_models, monkeypatch, capsys):
    # the real demo on one data set, with two epochs
    monkeypatch.setattr(demo, "DATASETS", ("ItalyPowerDemand",))
    monkeypatch.setattr(demo, "TRAINING", demo.TRAINING | {"max_epochs": 2})
    from skts.cli import main

    assert main(["demo", *option]) == 0
    shown = capsys.readouterr()
    assert re.match(r"\w+ models on \w+ data sets? take", shown.out)
    row = re.search(r"ItalyPowerDemand(.*)", shown.out).group(1)
    cells = [float(cell) for cell in re.findall(r"(\d\.\d{3}) \(\d+\.\d s\)", row)]
    assert len(cells) == n_models
    assert min(cells[3:]) > 0.9
    assert f"{n_models}/{n_models}" in shown.err
    compiled = re.findall(r"Compiling MiniRocket before its first fit took \d+\.\d s", shown.out)
    assert len(compiled) == n_models - 4


def test_demo_needs_numba(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install .*"\.\[bench\]"'):
        demo.run_demo()
    from skts.cli import main

    assert main(["demo"]) == 2
    told = capsys.readouterr().err
    assert re.fullmatch(r"skts demo: .* needs numba, .*\n", told)


@pytest.mark.full
@pytest.mark.parametrize("words", [["list"], ["--help"], ["bench", "run", "--help"]])
def test_a_reader_that_goes_away_is_not_told(words):
    command = [sys.executable, "-m", "skts.cli", *words]
    read, write = os.pipe()
    os.close(read)  # as of a `head` that has ended
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, timeout=300)
    os.close(write)
    assert done.stderr == b""
    assert done.returncode == (141 if words == ["list"] else 0)  # argparse takes it as well done


@pytest.mark.parametrize("name", ["demo", "list", "bench run", "bench classify", "bench report"])
def test_an_interrupt_is_a_line(name, monkeypatch, capsys, tmp_path):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    from skts import cli

    options = ["--out", str(tmp_path / "out")]
    trained = ["--estimators", "FCN", *options]
    words = {
        "bench run": ["--datasets", "UnitTest", *trained],
        "bench classify": [str(tmp_path), *trained],
        "bench report": [str(tmp_path), *options],
    }
    monkeypatch.setattr(demo, "run_demo", interrupted)
    monkeypatch.setattr(cli, "all_estimators", interrupted)
    for function in ("bench_run", "bench_classify", "bench_report"):
        monkeypatch.setattr(command, function, interrupted)
    assert cli.main([*name.split(), *words.get(name, [])]) == 130
    goes_on = name in ("bench run", "bench classify")
    hint = "; finished runs are stored, and the same command continues" if goes_on else ""
    assert capsys.readouterr().err == f"skts {name}: interrupted{hint}\n"


def test_ci_runs_the_readmes_test_command():
    commands = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    (test_command,) = [line for c in commands for line in c.splitlines() if "pytest" in line]
    assert test_command in (ROOT / ".ci" / "run").read_text().splitlines()
