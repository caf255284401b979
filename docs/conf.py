"""How Sphinx makes the site: CONTRIBUTING.md has the command.

The source directory is the whole project, so that a link means the same here, on a git host and in
an editor: README, changelog and the examples' READMEs are pages of the site as well.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_site")]

import pyrolike  # noqa: E402 - found by the line above

project = "pyrolike"
author = "The pyrolike developers"
copyright = author  # noqa: A001 - Sphinx's word
version = release = pyrolike.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_parser", "sphinx_copybutton"]
extensions += ["site_marks"]  # ours, beside the static files

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "examples/*/README.md"]
exclude_patterns = ["docs/_build", "docs/_site", ".*", "build", "dist", "node_modules"]

# -- Markdown

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]  # headings may skip a level

# -- the reference from docstrings

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "exclude-members": "after_fork, bring, run_chain"}
autodoc_preserve_defaults = True
autodoc_use_type_comments = False
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
add_module_names = False
default_role = "py:obj"  # so names in docstrings lead somewhere, if they are on a page
nitpicky = True
# The site is built without network: what is not ours has no page to lead to. Ours must have one,
# but for what is behind the public names.
nitpick_ignore_regex = [
    (r"py:obj", r".*"),
    (r"py:.*", r"(?!pyrolike\.).*"),
    (r"py:class", r".*\.(AnyProxy|ClassT|Connection|Marked|ServingDaemon|TlsSocket)"),
]

# -- pages

html_theme = "furo"
html_title = f"pyrolike {release}"
html_static_path = ["_site/static"]
html_favicon = "../pyrolike/utils/httpgateway/static/gateway.svg"
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
templates_path = ["_site/templates"]
html_additional_pages = {"index": "front.html"}
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True

# -- links to the world: by `sphinx -b linkcheck`, which needs a network

linkcheck_ignore = [r"http://localhost\b.*"]
linkcheck_timeout = 20
linkcheck_workers = 2
