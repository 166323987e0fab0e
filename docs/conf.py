"""How the site is built: `make docs`, warnings as errors."""

import re
from importlib.metadata import version as installed_version

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import corral

project = "Corral"
author = "The Corral authors"
release = version = installed_version("corral")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
nitpicky = False  # names of the standard library are not links: the build reads nothing from the network

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_google_docstring = True
napoleon_numpy_docstring = False
default_role = "code"  # docstrings are read in terminals first: `name` is code there, too

html_theme = "furo"
pygments_dark_style = "github-dark"  # the theme's own underlines what is imported, as if it were a link
html_title = "Corral"
html_show_sourcelink = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["corral.css"]


def _one_signature(app: Sphinx) -> None:
    # The overloads are for type checkers: two verbs would begin with a screen of them each.
    for verb in (corral.gather_tg, corral.join_tg, corral.map_tg, corral.stream_tg):
        analyzer = ModuleAnalyzer.for_module(verb.__module__)
        analyzer.analyze()
        analyzer.overloads.clear()


def _heads(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    lines[:] = [re.sub(r"^(Fails|Cancellation|Cost):(?= )", r"**\1**:", line) for line in lines]


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", _one_signature)
    app.connect("autodoc-process-docstring", _heads)
