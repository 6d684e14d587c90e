# Two commands do everything: `make demo` and `make test`. Both work in .venv.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo test test-all lint bench sample clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: .venv/installed ## Index the sample pictures and search them
	$(BIN)/python index.py --dataset data/dataset/shop
	$(BIN)/python search.py --query queries/hat-tan_query.jpg

test: .venv/installed-dev lint ## Lint, and run the tests
	$(BIN)/python -m pytest -q -n 2

test-all: .venv/installed-dev lint ## The same with the long tests
	$(BIN)/python -m pytest -q -n 2 -m ''

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed-dev ## Measure speed and memory, as ratios in one run
	$(BIN)/python -m benchmarks

sample: .venv/installed ## Draw the sample pictures again
	$(BIN)/python data/make_shop.py

clean: ## Remove .venv and everything made but the feature store
	rm -rf .venv build *.egg-info .*_cache .hypothesis results index*.csv index*.csv.vectors \
	  index*.csv.cutoffs failures.csv result_similarity.tsv .*.cbir data/trained_models benchmarks/results

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) is not Python 3.11 to 3.13; name one that is: make PYTHON=python3.12 demo"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt pyproject.toml
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt -e .
	@touch $@
