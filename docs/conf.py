"""How the site is built: `make docs`, warnings as errors."""

import re
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx

project = "Corral"
author = "The Corral authors"
release = version = installed_version("corral")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False  # names of the standard library are not links: the build reads nothing from the network

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signature above shows them once; the `Args` say what they mean
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
default_role = "code"  # docstrings are read in terminals first: `name` is code there, too

html_theme = "furo"
html_title = "Corral"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["corral.css"]


def _heads(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [re.sub(r"^(Fails|Cancellation|Cost):(?= )", r"**\1**:", line) for line in lines]


def setup(app: Sphinx) -> None:
    app.connect("autodoc-process-docstring", _heads)
