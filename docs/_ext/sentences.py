"""Sentence lengths of the pages, in words: python docs/_ext/sentences.py README.md docs/*.md"""

import re
import sys
from pathlib import Path
from statistics import median

SKIPPED = r"```.*?```|^\|.*?$|^#.*?$|^<.*?>$|^:::.*?$|^[(].*?[)]=$"

for name in sys.argv[1:]:
    text = re.sub(SKIPPED, "\n\n", Path(name).read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`]*`", "code", re.sub(r"\]\([^)]*\)", "]", text))
    sentences = re.split(r"(?<=[.!?])[*)]*\s+|\n\s*\n|\n\s*[*-] |\n\d+\. |:\s*\n", text)
    lengths = sorted(len(s.split()) for s in sentences if s.split()) or [0]
    print(f"{name}: {len(lengths)} sentences, median {median(lengths):g}, longest {lengths[-1]}")
