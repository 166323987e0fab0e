# Needs make, and any Python >= 3.11 with pip; everything else is installed under .venvs/ and .nox/.

.DEFAULT_GOAL := help
.PHONY: help demo test coverage bench lint types docs crash dist lowest constraints clean

# Every Python that pyenv has is made findable as python3.X, newest first; without pyenv this is empty and changes nothing.
PYENVS := $(shell pyenv versions --bare 2>/dev/null | grep -E '^3\.1[1-4]\.[0-9]+$$' | sort -rV | paste -sd: -)
ifneq ($(PYENVS),)
export PYENV_VERSION := $(PYENVS)
endif

# No interpreter is ever downloaded, and a mirror that stalls is given up after half a minute and tried again.
export UV_PYTHON_DOWNLOADS := never
export UV_HTTP_TIMEOUT := 30
export UV_HTTP_RETRIES := 5
export UV_NO_PROGRESS := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# The tests start hundreds of interpreters; without its bytecode kept, each would compile what it imports once more.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3.14 python3 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
TOOLS := .venvs/tools
NOX := $(TOOLS)/bin/python -m nox
UV := $(TOOLS)/bin/uv
ARGS ?=

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --upgrade --no-header --no-annotate
GROUPS := test heavy typing lint docs recipes bench coverage
TESTED_LOWEST := cli lsp tqdm uvloop

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(TOOLS)/ready: constraints/tools.txt
	@test -n "$(PYTHON)" || { echo "make: no Python >= 3.11 with venv and pip was found; name one: make PYTHON=/path/to/python" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --timeout 30 --retries 5 -r constraints/tools.txt
	touch $@

demo: $(TOOLS)/ready ## the main job, live: a million coroutines beside asyncio.gather (ARGS="--n 10000" for fewer)
	@$(UV) venv --quiet --allow-existing --python $(TOOLS)/bin/python .venvs/demo
	@$(UV) pip install --quiet --python .venvs/demo --constraints constraints/dev.txt --reinstall-package corral ".[cli,tqdm]" aiohttp
	@.venvs/demo/bin/corral demo $(ARGS)

test: $(TOOLS)/ready ## everything CI runs, on each Python found among 3.11 to 3.14
	$(NOX) --sessions lint types docs tests lowest dist

tests-3.%: $(TOOLS)/ready
	$(NOX) --sessions $@ -- $(ARGS)

coverage: $(TOOLS)/ready ## lines and branches of src/corral
	$(NOX) --sessions coverage

bench: $(TOOLS)/ready ## measures Corral and its peers, writes the tables and plots of docs/benchmarks.md
	$(NOX) --sessions bench -- $(ARGS)

lint: $(TOOLS)/ready ## ruff: rules and format
	$(NOX) --sessions lint

types: $(TOOLS)/ready ## mypy, pyright, pyrefly, ty; and what they must infer and refuse
	$(NOX) --sessions types

docs: $(TOOLS)/ready ## the site, in docs/_build/html, warnings as errors
	$(NOX) --sessions docs

crash: $(TOOLS)/ready ## kill -9 at random moments, again and again (ARGS goes to pytest)
	$(NOX) --sessions crash -- $(ARGS)

dist: $(TOOLS)/ready ## wheel and sdist in dist/, and the wheel tested in a clean environment
	$(NOX) --sessions dist

lowest: $(TOOLS)/ready ## the tests of what has dependencies, with the lowest versions allowed
	$(NOX) --sessions lowest

constraints: $(TOOLS)/ready ## resolves every pinned version anew
	$(COMPILE) --all-extras $(GROUPS:%=--group %) --output-file constraints/dev.txt pyproject.toml
	$(COMPILE) --resolution lowest-direct $(TESTED_LOWEST:%=--extra %) --output-file constraints/lowest.txt pyproject.toml

clean: ## removes what the other commands made
	rm -rf .venvs .nox dist build docs/_build .coverage* .mypy_cache .pyrefly_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
