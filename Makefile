# install  .venv/ in the checkout with every extra; quick when nothing changed
# demo     the suite with sample data on http://127.0.0.1:7860 (APPS=finance: only that app, a twentieth of the download)
# test     every test        check  style, import contracts, security, types, licences        bench  every benchmark
# bundle   dist/trivium-*.tar for a machine without network (EXTRAS=finance: that app alone, 131 MiB; all by default)
.PHONY: install demo test check bench bundle clean

PYTHON := .venv/bin/python
STAMP := .venv/.installed
# What the apps with a page need: without models, and with medical and the inspection of scans, which bring them. A full
# installation is both, too.
PAGES := .venv/.installed-pages
MEDICAL := .venv/.installed-medical
APPS ?=
EXTRAS ?= all
PORT ?=
ARGS ?=
comma := ,
DEMO := $(if $(filter medical,$(subst $(comma), ,$(or $(APPS),medical))),$(MEDICAL),$(PAGES))

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tools/install.sh
	@sh tools/install.sh all,test
	@touch $(PAGES) $(MEDICAL) $(STAMP)

$(PAGES): pyproject.toml constraints.txt tools/install.sh
	@sh tools/install.sh finance,plant
	@touch $(PAGES)

# Where medical cannot be installed its tile is gray, and the others work.
$(MEDICAL): pyproject.toml constraints.txt tools/install.sh
	@if sh tools/install.sh finance,maintenance,medical; then touch $(PAGES) $(MEDICAL); \
	else echo "Going on without medical." && sh tools/install.sh finance,plant && touch $(PAGES); fi

demo: $(DEMO)
	@TRIVIUM_APPS="$(APPS)" .venv/bin/trivium demo $(if $(PORT),--port $(PORT))

test: $(STAMP)
	@$(PYTHON) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: $(STAMP)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports
	@.venv/bin/bandit --quiet -ll -c pyproject.toml -r packages apps tools
	@.venv/bin/mypy packages/*/trivium apps/*/trivium tools
	@$(PYTHON) tools/licences.py

# The peers that our reader is measured beside live in an environment of their own.
bench: $(STAMP)
	@[ -x .venv-bench/bin/python ] || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/pip install --quiet --disable-pip-version-check arelle-release edgartools
	@$(PYTHON) benchmarks/report.py --peers .venv-bench/bin/python $(ARGS)

bundle: $(PAGES)
	@sh tools/bundle.sh "$(EXTRAS)"

clean:
	rm -rf dist .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
