"""Reports: statistics that are known, and pages that say what the rows say."""

import html.parser
import itertools
import json
import os
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from skts.benchmark import Store, plan_runs, run_study
from skts.benchmark.report import write_report
from skts.benchmark.report.figures import critical_difference
from skts.benchmark.report.published import SOURCES, published, same_split
from skts.benchmark.report.scores import scores_of
from skts.benchmark.report.sections import beside_published, summary
from skts.benchmark.report.statistics import friedman, mpce, ranks, wilcoxon_pairs, wins_and_ties
from tests.studies import bench

DATASETS = ("Adiac", "Beef", "CBF", "Coffee", "GunPoint", "Wine")
MODELS = ("LSTMFCNClassifier", "FCNClassifier", "sktime:RocketClassifier(rocket_transform='m')")


def made_up_row(dataset, model, *, seed=0, resample=0, **changed):
    """A row with made-up scores; those of real runs are in TestReal."""
    place = DATASETS.index(dataset)
    accuracy = 0.5 + 0.07 * place + 0.03 * MODELS.index(model) * (-1) ** place + 0.01 * seed
    versions = {"torch": "2", "skts": "0", "commit": "abc"}
    row = {
        "key": f"{dataset}-{MODELS.index(model)}-{seed}-{resample}",
        "dataset": dataset,
        "model": model,
        "seed": seed,
        "resample": resample,
        "status": "done",
        "error": None,
        "candidates": [],
        "prepared": [],
        "data": dataset,
        **published().loc[dataset, ["n_train", "n_test", "n_classes"]].astype(int).to_dict(),
        "n_channels": 1,
        "length": 50 * (1 + place),
        "accuracy": accuracy,
        "balanced_accuracy": accuracy - 0.01,
        "macro_f1": accuracy - 0.02,
        "log_loss": 1 - accuracy,
        "fit_seconds": 2.0 + place,
        "predict_seconds": 0.1,
        "epochs": None if "sktime" in model else 3,
        "device": "x86_64",
        "threads": 2,
        "versions": versions,
    }
    return row | changed


def made_up_rows(**changed):
    return [made_up_row(d, m, **changed) for d in DATASETS for m in MODELS]


def store_of(folder, rows):
    """A store as a study writes it."""
    store = Store(folder)
    with store.writing():
        for row in rows:
            store.add(row, {"train_loss": np.array([1.0, 0.5, 0.25])})
    return store


class TestStatistics:
    def test_the_papers_mpce(self):
        table = published().dropna(subset="testselected_lstmfcn")
        columns = ["lstmfcn", "lstmfcn_ft", "alstmfcn", "alstmfcn_ft"]
        found = mpce(table[[f"testselected_{name}" for name in columns]], table["n_classes"])
        assert len(table) == 85
        np.testing.assert_allclose(found, [0.03185, 0.02832, 0.03006, 0.02941], atol=5e-6)
        # as printed in the paper, which cuts the first one
        np.testing.assert_allclose(found, [0.0318, 0.0283, 0.0301, 0.0294], atol=6e-5)

    def test_ranks_wins_and_ties(self):
        table = pd.DataFrame({"a": [0.9, 0.5, 0.7], "b": [0.8, 0.5, 0.6], "c": [0.1, 0.4, 0.9]})
        assert ranks(table).to_numpy().tolist() == [[1, 2, 3], [1.5, 1.5, 3], [2, 3, 1]]
        wins, ties = wins_and_ties(table)
        assert (wins.tolist(), ties.tolist()) == ([1, 0, 1], [1, 1, 0])
        geometric = summary(table, pd.Series([2, 2, 2])).table["geometric mean rank"]
        np.testing.assert_allclose(geometric, np.cbrt([1 * 1.5 * 2, 2 * 1.5 * 3, 3 * 3 * 1]))

    def test_wilcoxon_and_its_corrections(self):
        rng = np.random.default_rng(0)
        table = pd.DataFrame(rng.normal([0, 0.3, 0.9], size=(20, 3)), columns=list("abc"))
        pairs = wilcoxon_pairs(table)
        expected = [stats.wilcoxon(table[a], table[b]).pvalue for a, b in ("ab", "ac", "bc")]
        np.testing.assert_allclose(pairs["p"], expected)
        smallest, middle, largest = np.sort(expected)
        holm = np.maximum.accumulate([3 * smallest, 2 * middle, largest]).clip(max=1)
        np.testing.assert_allclose(np.sort(pairs["holm"]), holm)
        np.testing.assert_allclose(pairs["dunn_sidak"], 1 - (1 - pairs["p"]) ** 3)
        first = pairs.iloc[0]
        assert first["wins"] == np.sum(table["a"] > table["b"])
        assert first["wins"] + first["draws"] + first["loses"] == 20

    def test_equal_differences_share_a_rank(self):
        table = pd.DataFrame({"a": [3, 2, 5, 6, 7, 4, 9], "b": [2, 1, 6, 5, 5, 3, 7]})
        (of_whole,) = wilcoxon_pairs(table)["p"]
        assert of_whole == pytest.approx(0.09375)
        assert wilcoxon_pairs(table / 10)["p"].item() == of_whole

    def test_equal_models(self):
        table = pd.DataFrame({"a": [0.5, 0.6], "b": [0.5, 0.6], "c": [0.5, 0.6]})
        assert wilcoxon_pairs(table)["p"].tolist() == [1, 1, 1]
        assert friedman(table) is None

    def test_friedman_needs_three_models(self):
        table = pd.DataFrame({"a": [0.1, 0.2, 0.3], "b": [0.2, 0.3, 0.1], "c": [0.3, 0.4, 0.5]})
        expected = stats.friedmanchisquare(table["a"], table["b"], table["c"])
        assert friedman(table) == (expected.statistic, expected.pvalue)
        assert friedman(table[["a", "b"]]) is None


@pytest.mark.parametrize("name", ["Model", "Model kernel_sizes=(3,) max_epochs=2 filters=(8,) "])
@pytest.mark.parametrize("ranks_", [(1.5, 1.5), (2.5,) * 4, (1.2, 2.8, 2.8, 3.2), (1.9, 1.9, 2.2)])
def test_labels_of_tied_ranks_stand_apart(ranks_, name):
    of_models = pd.Series(ranks_, index=[f"{name}{i}" for i in range(len(ranks_))])
    pairs = pd.DataFrame(
        [(*pair, 1.0) for pair in itertools.combinations(of_models.index, 2)],
        columns=["first", "second", "holm"],
    )
    figure = critical_difference(of_models, pairs)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == len(ranks_)
    assert not any(a.padded(2).overlaps(b) for a, b in itertools.combinations(boxes, 2))


class TestScores:
    def test_seeds_are_averaged_within_splits(self):
        rows = made_up_rows() + made_up_rows(seed=1) + made_up_rows(resample=1, accuracy=0.0)
        scores = scores_of(rows)
        assert scores.models == ["FCN", "LSTMFCN", "Rocket(m)"]
        assert scores.deviation().loc["Adiac", "FCN"] == pytest.approx(np.std([0, 0.01], ddof=1))
        assert scores.table().loc["Adiac", "LSTMFCN"] == pytest.approx((0.5 + 0.01 / 2) / 2)
        ours = scores.of_the_archives_split().table()
        assert ours.loc["Adiac", "LSTMFCN"] == pytest.approx(0.505)

    def test_only_common_splits_are_compared(self):
        rows = [*made_up_rows(), made_up_row("Wine", MODELS[0], resample=1, accuracy=0.0)]
        assert scores_of(rows).table().loc["Wine", "LSTMFCN"] == pytest.approx(0.85)

    def test_a_data_set_without_a_model_is_left_out(self):
        rows = made_up_rows()
        rows[4] |= {"status": "failed", "error": "ValueError: no\nmore"}
        scores = scores_of(rows)
        assert scores.left_out == {"Beef": ["FCN"]}
        assert scores.all_runs["compared"].sum() == 15
        assert list(scores.table().index) == [d for d in DATASETS if d != "Beef"]
        assert scores.failed["error"].tolist() == ["ValueError: no\nmore"]
        assert list(scores_of(rows, ["LSTMFCN", "Rocket(m)"]).table().index) == list(DATASETS)

    def test_a_model_without_any_run_takes_nothing_away(self):
        rows = [*made_up_rows(), made_up_row("Wine", MODELS[0]) | {"model": "sktime:X()"}]
        rows[-1] |= {"status": "failed", "error": "TypeError: no"}
        scores = scores_of(rows)
        assert scores.models == ["FCN", "LSTMFCN", "Rocket(m)"]
        assert scores.failed["model"].tolist() == ["X()"]
        assert len(scores.table()) == 6

    def test_splits_that_not_all_have_are_told(self, tmp_path):
        rows = made_up_rows()
        rows += [made_up_row("Wine", m, resample=r) for m in MODELS[:2] for r in range(1, 30)]
        store_of(tmp_path, rows)
        write_report(tmp_path, tmp_path / "report")
        text = (tmp_path / "report" / "report.md").read_text()
        assert "Beside these there are runs that are not compared: 58." in text

    def test_short_names(self):
        names = {
            "LSTMFCNClassifier filters=(8,) n_cells=8": "LSTMFCN filters=(8,) n_cells=8",
            "sktime:a.b.RocketClassifier(n_kernels=84, t='m')": "Rocket(84, m)",
            "sktime:RocketClassifier(84)": "sktime:RocketClassifier(84)",
            "sktime:RocketClassifier(n_kernels=84)": "sktime:RocketClassifier(n_kernels=84)",
            "FCNClassifier": "FCNClassifier",
            "sktime:a.x.FCNClassifier": "sktime:a.x.FCNClassifier",
            "sktime:b.x.FCNClassifier": "sktime:b.x.FCNClassifier",
        }
        rows = [made_up_row("Wine", MODELS[0]) | {"model": m, "key": m} for m in names]
        assert scores_of(rows).models == sorted(names.values())

    def test_different_data_of_one_name_are_refused(self):
        rows = made_up_rows()
        rows[0] |= {"data": "other"}
        with pytest.raises(ValueError, match="runs of Adiac were made with different data"):
            scores_of(rows)

    def test_nothing_to_compare(self):
        with pytest.raises(ValueError, match="there are no results yet"):
            scores_of([])
        failed = [row | {"status": "failed", "error": "MemoryError: "} for row in made_up_rows()]
        with pytest.raises(ValueError, match="no run has finished; the first one .* MemoryError"):
            scores_of(failed)
        with pytest.raises(ValueError, match="no data set has .*: FCN 1, LSTMFCN 1. Name the --mo"):
            scores_of([made_up_row("Wine", MODELS[0]), made_up_row("Beef", MODELS[1])])
        with pytest.raises(ValueError, match=r"models must be of .*, got Nope"):
            scores_of(made_up_rows(), ["Nope"])


class TestPublished:
    def test_every_column_has_one_source(self):
        columns = [column for source in SOURCES for column in source.columns]
        facts = ["type", "n_train", "n_test", "length", "n_classes", "same_split_2018"]
        assert sorted(columns + facts) == sorted(published().columns)

    def test_what_was_chosen_on_the_test_set_says_so(self):
        selected = {c for source in SOURCES if source.test_selected for c in source.columns}
        assert selected == {c for c in published() if c.startswith("testselected")}

    def test_another_split_of_the_same_name_is_known_by_its_size(self):
        facts = published().loc[["Chinatown", "Wine"], ["n_train", "n_test", "n_classes"]]
        assert list(same_split(facts)) == ["Chinatown", "Wine"]
        facts.loc["Chinatown", "n_test"] += 2
        assert list(same_split(facts)) == ["Wine"]

    def test_other_splits_and_misprints_are_left_out(self):
        for source in SOURCES:
            table = source.table()
            if source.split == 2015:
                assert (published().loc[table.index, "same_split_2018"] == "yes").all()
            assert len(table) > 20
        (of_training_loss,) = [s for s in SOURCES if "trainloss_lstmfcn" in s.columns]
        assert "Trace" not in of_training_loss.table().index

    @pytest.mark.parametrize(
        "model",
        [
            "sktime:InceptionTimeClassifier",
            "sktime:MLPClassifier (review)",
            "LSTM-FCN, refined",
        ],
    )
    def test_the_name_of_a_model_of_a_study(self, model):
        rows = [row for row in made_up_rows() if row["model"] != MODELS[1]]
        rows = [row | {"model": model} if row["model"] == MODELS[0] else row for row in rows]
        scores = scores_of(rows)
        (own,) = {*scores.models} - {"Rocket(m)"}
        parts = beside_published(scores)
        for part in parts:
            names = list(part.table if "model" not in part.table.index.names else part.table.index)
            assert len(set(names)) == len(names)
        shown = {name for part in parts for name in part.table}
        assert own in shown
        published_too = {name for source in SOURCES for name in source.columns.values()}
        assert (f"{own} (published)" in shown) == (own in published_too)


class Page(html.parser.HTMLParser):
    """Text by element, and whatever would be fetched from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.titles, self.cells, self.fetched, self.tags = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "xlink:href") and not value.startswith("#"):
                self.fetched.append(value)

    def handle_data(self, data):
        if self.tags[-1:] == ["h2"] and data.strip():
            self.titles.append(data)
        if self.tags[-1:] == ["td"] and data.strip():
            self.cells.append(data)


class TestReport:
    @pytest.fixture(scope="class")
    @staticmethod
    def out(tmp_path_factory):
        folder = tmp_path_factory.mktemp("study")
        rows = made_up_rows() + made_up_rows(seed=1)
        rows[0] |= {"prepared": ["padded with zeros", "interpolated"]}
        rows = [row | {"n_test": 99} if row["dataset"] == "CBF" else row for row in rows]
        rows.append(made_up_row("Wine", MODELS[0], seed=2, status="failed", error="No: <b>\nx"))
        store_of(folder, rows)
        write_report(folder, folder / "report", against="published", curves=["Wine", "CBF"])
        return folder / "report"

    def test_the_page_needs_nothing_from_elsewhere(self, out):
        page = Page((out / "report.html").read_text())
        assert page.fetched == []
        assert {"script", "link", "img", "iframe"}.isdisjoint(page.tags)
        assert page.tags.count("svg") == 5

    def test_every_part_is_there_once(self, out):
        page = Page((out / "report.html").read_text())
        expected = ["Summary", "Tests", "Critical-difference diagram", "Pairs of models"]
        expected += ["Accuracy", "Other metrics and time", "Groups of data sets"]
        expected += ["Training time and accuracy", "Learning curves"]
        assert page.titles[: len(expected)] == expected
        assert page.titles[-2:] == ["Models", "Runs that failed"]
        assert len(set(page.titles)) == len(page.titles)
        in_markdown = [
            line.removeprefix("## ")
            for line in (out / "report.md").read_text().splitlines()
            if line.startswith("## ")
        ]
        assert in_markdown == page.titles

    def test_the_first_line_is_the_protocol(self, out):
        _, _, line, *_ = (out / "report.md").read_text().splitlines()
        assert line == (
            "Every model was trained on the training part of a data set alone, and scored once on "
            "its test part; nothing was chosen by test scores. 6 data sets, the archive's own "
            "split; seeds of each model and split: 2. For LSTMFCN series were interpolated in "
            "Adiac. For LSTMFCN series were padded with zeros in Adiac. Beside these there are "
            "runs that are not compared: 1."
        )

    def test_a_choice_by_cross_validation_is_told(self, tmp_path):
        rows = made_up_rows(resample=3) + made_up_rows(resample=3, seed=1)[:1]
        rows[0] |= {"candidates": [["n_cells", [8, 64]]]}
        store_of(tmp_path, rows)
        write_report(tmp_path, tmp_path / "report")
        text = (tmp_path / "report" / "report.md").read_text()
        assert "Of LSTMFCN, n\\_cells was chosen by cross-validation of the training part." in text
        assert "6 data sets, splits drawn from all its series by class: 1; seeds" in text
        assert "seeds of each model and split: 1 to 2." in text
        with pytest.raises(ValueError, match="of the archive's own split, on which no run is"):
            write_report(tmp_path, tmp_path / "report", against="published")

    def test_a_search_is_told(self, tmp_path):
        rows = made_up_rows()
        rows[0] |= {"search": 10}
        store_of(tmp_path, rows)
        write_report(tmp_path, tmp_path / "report")
        text = (tmp_path / "report" / "report.md").read_text()
        assert (
            "Of LSTMFCN, the best draw of its search space was chosen by cross-validation of the "
            "training part." in text
        )

    def test_the_best_is_marked_in_both(self, out):
        text = (out / "report.md").read_text()
        assert "| Adiac | 0.5350 | 0.5050 | **0.5650** |" in text
        assert '<td class="number best">0.5650</td>' in (out / "report.html").read_text()

    def test_tables_hold_what_the_page_shows(self, out):
        table = pd.read_csv(out / "tables" / "accuracy.csv", index_col="dataset")
        assert table.loc["Adiac", "Rocket(m)"] == pytest.approx(0.565)
        assert table.loc["Adiac", "FCN, deviation"] == pytest.approx(np.std([0, 0.01], ddof=1))
        assert pd.read_csv(out / "tables" / "runs.csv")["compared"].sum() == 36
        tables = {path.stem for path in (out / "tables").iterdir()}
        assert {"summary", "tests", "groups", "metrics", "models", "failed"} <= tables

    def test_what_was_chosen_on_the_test_set_is_not_ranked(self, out):
        shown = pd.read_csv(out / "tables" / "testselected.csv", index_col=0)
        assert "LSTM-FCN, refined" in shown
        assert not (out / "tables" / "testselected_tests.csv").exists()
        for path in (out / "tables").iterdir():
            if path.stem not in ("testselected", "runs"):
                assert "LSTM-FCN, refined" not in path.read_text()

    def test_balanced_accuracy_is_compared_with_its_like(self, out):
        swartz = pd.read_csv(out / "tables" / "swartz_scores.csv", index_col="dataset")
        accuracy = pd.read_csv(out / "tables" / "accuracy.csv", index_col="dataset")
        np.testing.assert_allclose(swartz["FCN"], accuracy.loc[swartz.index, "FCN"] - 0.01)
        assert "MPCE" not in pd.read_csv(out / "tables" / "swartz.csv")
        assert "MPCE" in pd.read_csv(out / "tables" / "dl4tsc.csv")

    def test_data_sets_of_another_split_are_not_paired(self, out):
        review = pd.read_csv(out / "tables" / "dl4tsc_scores.csv", index_col="dataset")
        assert sorted(review.index) == sorted(set(DATASETS) - {"CBF"})
        text = (out / "report.md").read_text()
        assert "5 data sets; not in it, or of another split: CBF." in text

    def test_scores_of_two_decimals_meet_their_like(self, out):
        columbia = pd.read_csv(out / "tables" / "columbia_scores.csv", index_col="dataset")
        assert len(columbia) > 0
        np.testing.assert_array_equal(columbia, columbia.round(2))

    def test_groups_are_split_at_the_median(self, out):
        groups = pd.read_csv(out / "tables" / "groups.csv", index_col=["by", "group"])
        accuracy = pd.read_csv(out / "tables" / "accuracy.csv", index_col="dataset")
        of_short = accuracy["FCN"].iloc[:3].mean()
        assert groups.loc[("length", "up to 175"), "FCN"] == pytest.approx(of_short)
        assert groups.loc[("type", "Spectro"), "data sets"] == 3

    def test_errors_are_told_and_harmless(self, out):
        text = (out / "report.html").read_text()
        assert "No: &lt;b&gt;" in text
        assert "| No: \\<b> |" in (out / "report.md").read_text()

    @pytest.mark.full
    def test_the_same_rows_make_the_same_files(self, out, tmp_path):
        again, words = tmp_path / "again", ["--against", "published", "--curves", "Wine,CBF"]
        other_order = os.environ | {"PYTHONHASHSEED": "1"}
        bench(again, str(out.parent), *words, command="report", env=other_order, check=True)
        for path in sorted(out.rglob("*.*")):
            assert path.read_bytes() == (again / path.relative_to(out)).read_bytes(), path

    @pytest.mark.full
    def test_a_new_report_leaves_nothing_of_the_old_one(self, out, tmp_path):
        write_report(out.parent, tmp_path, against="published")
        write_report(out.parent, tmp_path)
        assert not (tmp_path / "tables" / "testselected.csv").exists()
        assert (tmp_path / "tables" / "summary.csv").exists()

    def test_curves_of_no_network(self, out, tmp_path):
        with pytest.raises(ValueError, match="none of the models is a network"):
            write_report(out.parent, tmp_path, models=["Rocket(m)"], curves=["Wine"])

    def test_a_name_with_marks_of_markdown(self, tmp_path):
        rows = [made_up_row("Wine", m) for m in MODELS[:2]]
        rows[0]["model"] = "sktime:A() * B(x='|')"
        store_of(tmp_path, rows)
        write_report(tmp_path, tmp_path / "report")
        text = (tmp_path / "report" / "report.md").read_text()
        assert "| data set | A() \\* B(\\|) | FCN |" in text

    def test_columns_have_words_and_commits_are_short(self, tmp_path):
        versions = {"torch": "2", "skts": "0", "commit": "0123456789" * 4 + "-dirty"}
        store_of(tmp_path, made_up_rows(versions=versions))
        write_report(tmp_path, tmp_path / "report")
        text = (tmp_path / "report" / "report.md").read_text()
        assert "| first | second | wins | draws | loses | p | Holm | Dunn-Sidak |" in text
        assert "| model | stands for | runs | device | threads | skts |" in text
        assert "| 2 | 0123456-dirty |" in text

    def test_unknown_names(self, out, tmp_path):
        with pytest.raises(ValueError, match="no results to compare of Nope"):
            write_report(out.parent, tmp_path, curves=["Nope"])
        with pytest.raises(ValueError, match="against must be 'published' or None"):
            write_report(out.parent, tmp_path, against="others")

    def test_a_folder_that_is_none_is_named(self, tmp_path):
        (tmp_path / "file").touch()
        for name in ("absent", "file"):
            with pytest.raises(FileNotFoundError, match=f"no such folder: .*{name}"):
                write_report(tmp_path / name, tmp_path / "report")
        with pytest.raises(ValueError, match=f"there are no results in {tmp_path}: `skts bench"):
            write_report(tmp_path, tmp_path / "report")
        assert not (tmp_path / "report").exists()

    def test_two_models_one_data_set(self, tmp_path):
        store_of(tmp_path, [made_up_row("Wine", model) for model in MODELS[:2]])
        write_report(tmp_path, tmp_path / "report", against="published")
        assert "Tests" not in Page((tmp_path / "report" / "report.html").read_text()).titles

    @pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
    @pytest.mark.parametrize("width", [400, 1200])
    def test_a_browser_shows_it(self, out, tmp_path, width):
        page = (out / "report.html").read_text()
        measure = (
            "<script>document.title = JSON.stringify({wide: document.documentElement.scrollWidth,"
            "figures: [...document.querySelectorAll('svg')].map(s => s.getBoundingClientRect()"
            ".height)})</script></body>"
        )
        (tmp_path / "page.html").write_text(page.replace("</body>", measure))
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--window-size={width},2000", f"file://{tmp_path / 'page.html'}"]
        command += [f"--user-data-dir={tmp_path / 'profile'}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        title = done.stdout.partition("<title>")[2].partition("</title>")[0]
        found = json.loads(title)
        assert found["wide"] <= max(width, 500)  # a headless window is not narrower
        assert len(found["figures"]) == 5
        assert min(found["figures"]) > 80


class TestReal:
    @pytest.mark.full
    def test_from_training_to_a_page(self, tmp_path):
        fixed = {"max_epochs": 2, "filters": (8,), "kernel_sizes": (3,)}
        names = ["ItalyPowerDemand", "UnitTest"]
        runs = plan_runs(names, ["FCN", "LSTMFCN", "sktime:DummyClassifier"], fixed=fixed)
        run_study(runs, tmp_path / "out", device="cpu")
        write_report(tmp_path / "out", tmp_path / "report", against="published")
        table = pd.read_csv(tmp_path / "report" / "tables" / "accuracy.csv", index_col=0)
        rows = Store(tmp_path / "out").rows()
        for row in rows:
            (column,) = [c for c in table if c[0] == row["model"].removeprefix("sktime:")[0]]
            assert table.loc[row["dataset"], column] == pytest.approx(row["accuracy"])
        losses = [Store(tmp_path / "out").predictions(row["key"]) for row in rows[:2]]
        assert all(len(of_run["train_loss"]) == 2 for of_run in losses)
        review = pd.read_csv(tmp_path / "report" / "tables" / "dl4tsc_scores.csv", index_col=0)
        assert review.index.tolist() == ["ItalyPowerDemand"]
        assert review["FCN (review)"].item() == published().loc["ItalyPowerDemand", "dl4tsc_fcn"]
