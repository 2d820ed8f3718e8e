# install  .venv/ in the checkout with every extra; quick when nothing changed
# demo     the suite with sample data on http://127.0.0.1:7860 (APPS=finance: only that app)
# test     every test        check  style, import contracts, types, licences        bench  every benchmark
.PHONY: install demo test check bench clean

PYTHON := .venv/bin/python
STAMP := .venv/.installed
# What the apps with a page need; a full installation is one, too.
PAGES := .venv/.installed-pages
APPS ?=
PORT ?=
ARGS ?=

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/install.sh
	@sh tools/install.sh all,test
	@touch $(PAGES) $(STAMP)

$(PAGES): pyproject.toml constraints.txt tools/install.sh
	@sh tools/install.sh finance,plant
	@touch $(PAGES)

demo: $(PAGES)
	@TRIVIUM_APPS="$(APPS)" .venv/bin/trivium demo $(if $(PORT),--port $(PORT))

test: $(STAMP)
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

check: $(STAMP)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/mypy packages/*/trivium apps/*/trivium tools
	@$(PYTHON) tools/licences.py

# The peers that our reader is measured beside live in an environment of their own.
bench: $(STAMP)
	@[ -x .venv-bench/bin/python ] || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check arelle-release edgartools
	@$(PYTHON) benchmarks/report.py --peers .venv-bench/bin/python $(ARGS)

clean:
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
