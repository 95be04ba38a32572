"""The documentation: ``python -m sphinx -W --keep-going -b html docs OUT``. Needs no network."""

import os
import sys
from pathlib import Path

# one thread for the examples: the same numbers everywhere, and no waiting for cores that are busy
os.environ |= {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}

import skts  # and with it torch, which looks at the environment once

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "skts"
author = "skts developers"
version = release = skts.__version__
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    # those of docs/_ext
    "api_pages",
    "gallery",
    "links",
    "options",
    "results",
]
exclude_patterns = ["_build", "description.md", "examples"]
nitpicky = True
default_role = "code"
myst_heading_anchors = 3
myst_enable_extensions = ["attrs_block"]
smartquotes = False  # 'auto' is code

autodoc_typehints = "none"  # the docstrings tell the types
numpydoc_show_class_members = False  # the pages list the methods
sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "copyfile_regex": r"index\.rst",  # the groups of examples
    "backreferences_dir": "gallery/uses",
    "doc_module": ("skts",),
    "reference_url": {"skts": None},
    "abort_on_example_error": True,
    "ignore_repr_types": "matplotlib|list",
    "show_memory": False,
    "show_signature": False,
    "download_all_examples": False,
    "write_computation_times": False,  # a page with scripts from the network
}

html_theme = "pydata_sphinx_theme"
html_title = "skts"
html_theme_options = {"navbar_align": "left", "secondary_sidebar_items": ["page-toc"]}
toc_object_entries_show_parents = "hide"
html_copy_source = False
html_use_index = html_domain_indices = False  # the reference lists all names
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_sidebars = {"index": []}
