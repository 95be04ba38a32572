"""Files of the UCR and UEA archives: finding them, checking for classes, and reading.

Errors in a file raise a ValueError that names the file and the line.
"""

import codecs
import csv
import io
import re
from pathlib import Path

import numpy as np

SPLITS = ("train", "test")
MISSING = ("NaN", "nan", "?", "")
NUMBER = "a number with a decimal point, or NaN, ? or nothing if it is missing"


def files_of(folder, name):
    """Return the file of each split, or None if the folder does not have both."""
    for suffix in (".tsv", ".ts"):
        files = {s: Path(folder) / name / f"{name}_{s.upper()}{suffix}" for s in SPLITS}
        if all(file.is_file() for file in files.values()):
            return files
    return None


def why_no_classes(files):
    """Return why a data set has no classes, or None if it has.

    The lines of a .tsv file always have labels. The header of a .ts file declares them.
    """
    for file in files.values():
        if file.suffix == ".tsv":
            continue
        tags = _ts_tags(file)
        if tags.get("@classlabel", (0, ["false"]))[1][:1] != ["true"]:
            line, words = tags.get("@targetlabel", (0, ["false"]))
            required = "a classification data set must declare '@classLabel true' and its classes"
            if words[:1] == ["true"]:
                return (
                    f"{file}, line {line}: {required}, got '@targetLabel true'. Read a regression "
                    "data set with sktime.datasets.load_from_tsfile"
                )
            return f"{file}: {required} before '@data'"
    return None


def read_parts(files):
    """Return, for each split, the series (a list of (C, T_i) arrays) and the labels (strings).

    Raises ValueError, which names the file and the line, if a file has a wrong layout.
    """
    if reason := why_no_classes(files):
        raise ValueError(reason)
    if files["train"].suffix == ".tsv":
        return _read_tsv(files)
    parts = {split: _read_ts(file) for split, file in files.items()}
    n_train, n_test = (len(parts[split][0][0]) for split in SPLITS)
    if n_train != n_test:
        raise ValueError(
            f"{files['test']}: the series must have {n_train} channels, as in "
            f"{files['train'].name}, got {n_test}"
        )
    return parts


def _lines(file, errors="strict"):
    """Yield the number and text of each line, without blank lines and comments of .ts files."""
    comment = b"#" if file.suffix == ".ts" else b"\n"
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            line = line.removeprefix(codecs.BOM_UTF8) if number == 1 else line
            if line.strip(b" \r\n") and not line.startswith(comment):
                try:
                    text = line.decode(errors=errors).rstrip("\r\n")
                except UnicodeDecodeError as error:
                    got = line[max(0, error.start - 10) : error.end + 10]
                    raise _wrong(file, number, "text must be in UTF-8", got) from error
                if "\0" in text:
                    raise _wrong(file, number, "text must have no NUL characters", text)
                yield number, text


def _wrong(file, number, required, got):
    shown = repr(got) if len(got) <= 60 else f"{got[:60]!r} ..."
    return ValueError(f"{file}, line {number}: {required}, got {shown}")


def _check_label(file, number, label, line):
    if label.strip().lower() in map(str.lower, MISSING):
        raise _wrong(file, number, "a label must not be missing", line)


def _read_tsv(files):
    """Read lines of a label and values.

    NaN at the end of a row is padding, unless there is NaN elsewhere in the data set.
    """
    tables = {split: _table(file) for split, file in files.items()}
    padded = {split: _n_padded(values) for split, (values, _) in tables.items()}
    if any(np.isnan(tables[split][0]).sum() > padded[split].sum() for split in files):
        # no data set of the archive has both, so these are missing values
        padded = {split: np.zeros_like(n) for split, n in padded.items()}
    return {
        split: (
            [row[None, : len(row) - n] for row, n in zip(values, padded[split], strict=True)],
            labels,
        )
        for split, (values, labels) in tables.items()
    }


def _n_padded(values):
    """Return the number of NaN at the end of each row."""
    return np.logical_and.accumulate(np.isnan(values)[:, ::-1], axis=1).sum(axis=1)


def _table(file):
    """Return values (n, T) and labels of a .tsv file."""
    import pandas as pd

    lines = list(_lines(file))
    n_columns = _n_columns(file, lines)
    columns, content = range(1, n_columns), "\n".join(text for _, text in lines)
    if re.search(r"\t *(true|false)", content, re.IGNORECASE):  # pandas would read 1 and 0
        raise _first_that_is_no_number(file, lines)
    try:
        table = pd.read_csv(
            io.StringIO(content),
            sep="\t",
            names=range(n_columns),
            dtype={0: str} | dict.fromkeys(columns, np.float64),
            quoting=csv.QUOTE_NONE,
            keep_default_na=False,
            na_values=dict.fromkeys(columns, MISSING),
            skip_blank_lines=False,
        )
    except ValueError as error:
        raise _first_that_is_no_number(file, lines) or ValueError(f"{file}: {error}") from error
    values = table.iloc[:, 1:].to_numpy()
    for row in np.flatnonzero(np.isinf(values).any(axis=1))[:1]:
        raise _wrong(file, lines[row][0], "a value must be finite", lines[row][1])
    if np.isnan(values).all():
        raise ValueError(f"{file}: the series must have values, but all are missing")
    return values, table[0].to_numpy(dtype=str)


def _n_columns(file, lines):
    layout = "a label and tab-separated values in each line"
    if not lines:
        raise ValueError(f"{file} must hold {layout}, got an empty file")
    first, text = lines[0]
    n_columns = text.count("\t") + 1
    if n_columns < 2:
        hint = " (not commas)" if "," in text else ""
        raise _wrong(file, first, f"the file must hold {layout}{hint}", text)
    for number, text in lines:
        _check_label(file, number, text.partition("\t")[0], text)
        if (found := text.count("\t") + 1) != n_columns:
            raise ValueError(
                f"{file}, line {number}: there must be {n_columns} columns, as in line {first}, "
                f"got {found}. Pad shorter series with NaN"
            )
    return n_columns


def _first_that_is_no_number(file, lines):
    import pandas as pd

    for number, text in lines:
        fields = pd.Series(text.split("\t")[1:])
        wrong = pd.to_numeric(fields, errors="coerce").isna() & ~fields.isin(MISSING)
        for place in np.flatnonzero(wrong)[:1]:
            return _wrong(file, number, f"value {place + 1} must be {NUMBER}", fields[place])
    return None


def _ts_tags(file):
    """Return the header's tags in lower case, each with its line and words, up to ``@data``."""
    tags = {}
    for number, text in _lines(file, errors="replace"):
        words = text.split()
        if words[0].startswith("@"):
            tag = words[0].lower()
            tags[tag] = (
                number,
                [w.lower() if w.lower() in ("true", "false") else w for w in words[1:]],
            )
            if tag == "@data":
                break
    return tags


def _read_ts(file):
    """Return series and labels of a .ts file; labels are in lower case, as in sktime and aeon."""
    tags = _ts_tags(file)
    start = _start_of_data(file, tags)
    timed = tags.get("@timestamps", (0, []))[1] == ["true"]
    line, (_, *classes) = tags["@classlabel"]
    lower = {label.lower() for label in classes}
    if len(lower) < len(set(classes)):
        raise _wrong(file, line, "classes must differ in more than case", " ".join(classes))
    n_channels, series, labels = _n_channels(file, tags), [], []
    for number, text in _lines(file):
        if number <= start:
            continue
        line = text.strip().lower().replace("?", "nan")
        # a time stamp can contain a colon
        *channels, label = re.split(r":(?![^(]*\))" if timed else ":", line)
        n_channels = n_channels or len(channels)
        if len(channels) != n_channels:
            required = f"there must be {n_channels} channels, each followed by ':', and a label"
            raise ValueError(f"{file}, line {number}: {required}, got {len(channels)} channels")
        label = label.strip()
        _check_label(file, number, label, text[-60:])
        if lower and label not in lower:
            raise _wrong(file, number, f"a label must be one of {', '.join(classes)}", label)
        series.append(_channels(file, number, channels, timed))
        labels.append(label)
    if not series:
        raise ValueError(f"{file}: there must be series after '@data', got none")
    return series, np.array(labels)


def _start_of_data(file, tags):
    if "@data" in tags:
        return tags["@data"][0]
    for number, text in _lines(file):
        if not text.lstrip().startswith("@"):
            raise _wrong(file, number, "'@data' must precede the first series", text)
    raise ValueError(f"{file}: there must be '@data' and series, got neither")


def _n_channels(file, tags):
    """Return the number of channels in the header, or None if the header does not state it."""
    if tags.get("@univariate", (0, []))[1] == ["true"]:
        return 1
    line, words = tags.get("@dimensions") or tags.get("@dimension") or (0, [])
    if line and not (len(words) == 1 and words[0].isdecimal() and int(words[0]) > 0):
        raise _wrong(file, line, "@dimensions must be a number above 0", " ".join(words))
    return int(words[0]) if line else None


def _channels(file, number, channels, timed):
    """Return one series, (C, T)."""
    rows = [_values(file, number, place, text, timed) for place, text in enumerate(channels, 1)]
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{file}, line {number}: the channels of a series must have equal numbers of values, "
            f"got {', '.join(str(len(row)) for row in rows)}"
        )
    return np.array(rows)


def _values(file, number, channel, text, timed):
    words = text.split(",")
    if timed:
        if re.fullmatch(r"\s*\([^()]*,[^()]*\)\s*(,\s*\([^()]*,[^()]*\)\s*)*", text) is None:
            raise _wrong(file, number, f"channel {channel} must have (time, value), ...", text)
        pairs = [pair.rpartition(",") for pair in re.findall(r"\(([^()]*)\)", text)]
        _check_times(file, number, [time.strip() for time, _, _ in pairs])
        words = [value for _, _, value in pairs]
    values = []
    for place, word in enumerate(words, start=1):
        try:
            values.append(float(word.replace("_", "no digit")))
        except ValueError as error:
            required = (
                f"value {place} of channel {channel} must be {NUMBER.replace(' or nothing', '')}"
            )
            raise _wrong(file, number, required, word) from error
    if np.isinf(values).any():
        raise _wrong(file, number, f"the values of channel {channel} must be finite", text)
    return values


def _check_times(file, number, times):
    """Raise ValueError if time stamps are repeated, or numbers or ISO dates are not sorted."""
    import pandas as pd

    if len(set(times)) < len(times):
        twice = next(time for place, time in enumerate(times) if time in times[:place])
        raise _wrong(file, number, "the times of a series must be unique", twice)
    order = pd.to_numeric(pd.Series(times), errors="coerce")
    if order.isna().any():
        order = pd.to_datetime(pd.Series(times), errors="coerce", format="ISO8601")
    if order.notna().all() and not order.is_monotonic_increasing:
        raise _wrong(file, number, "the times of a series must be sorted", ", ".join(times))
