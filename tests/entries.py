"""What the tests of files share: entries that do not fit, with a digest that does."""

import copy

import skts
from skts.persistence.files import check_digest, read_file, write_file
from skts.persistence.storable import ENTRY

#: What parts of an entry are replaced by; each part by every third one.
WRONG = (None, -7, "x", {"tensor": "99"}, 10**13, [])


def parts_of(tree):
    """Pairs of a container and a key in it, of all parts of JSON."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = []
    for key, value in items:
        found.append((tree, key))
        if isinstance(value, dict | list):
            found += parts_of(value)
    return found


def check_every_part(path, assert_alike, labels):
    """Replace every part of the estimator in a file: load refuses it, or it predicts the same.

    But for `labels`, the user's own words, of which any other would be as right.
    """
    whole, tensors = read_file(path, ENTRY, "")
    check_digest(path, whole, tensors)
    del whole["digest"]
    n_tried = n_refused = 0
    for number in range(len(parts_of(whole["estimator"]))):
        for wrong in WRONG[number % 3 :: 3]:
            header = copy.deepcopy(whole)
            holder, key = parts_of(header["estimator"])[number]
            if holder[key] in labels or holder[key] == wrong:
                continue
            holder[key] = wrong
            write_file(path, ENTRY, header, tensors)
            n_tried += 1
            try:
                again = skts.load(path)
            except ValueError:
                n_refused += 1
            else:
                assert_alike(again)
    assert n_tried > 300
    assert 0.85 * n_tried < n_refused < n_tried
