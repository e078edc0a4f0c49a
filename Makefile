PYTHON ?= $(shell for p in python3.11 python3 python; do \
            $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP_ARGS ?=
# Where PyTorch is taken from, and nothing else: an index of builds for the processor, for instance.
TORCH_INDEX ?=

BIN := .venv/bin
EXTRAS_book := book
EXTRAS_lab := book,lab,torch
EXTRAS_test := book,browser,lab,oracles,test,torch
EXTRAS_package := book,oracles,test
EXTRAS_browser := book,browser,test
SCRIPTS := .ci/run $(addprefix tools/,copies/push_notebooks setup/install setup/live setup/make_venv setup/need_chromium)
WORKFLOWS := $(wildcard .github/workflows/*.yml)
# Tests of a group share what is slow to make.
TWICE := -n 2 --dist loadgroup

# What a processor without AVX computes, in NumPy and PyTorch; sums are rounded otherwise.
OLDER := OPENBLAS_CORETYPE=Nehalem ATEN_CPU_CAPABILITY=default \
         NPY_DISABLE_CPU_FEATURES="X86_V3 X86_V4 AVX512_ICL AVX512_SPR"

# A word for the shell, whatever it holds.
quoted = '$(subst ','\'',$(1))'

.DEFAULT_GOAL := help
.PHONY: help book test older test-slow test-thorough test-browser test-pages test-package lab serve weigh notebooks pdf download chapter execute lint format bench clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r n t; do printf '  make %-13s %s\n' "$$n" "$$t"; done

book: .venv/.book  ## build the book and print the page to open
	@mkdir -p _build
	@tools/setup/live _build/book.log $(BIN)/jupyter-book build . -W -n --keep-going
	@$(BIN)/python -m tools.check.pages _build/html
	@echo "The book is built. Open: $(CURDIR)/_build/html/index.html"

test: .venv/.test  ## unit tests, and chapters against their stored outputs; CHAPTER=book/05_adam.ipynb for one
	$(BIN)/python -m pytest -q $(if $(CHAPTER),tests/book -k $(basename $(notdir $(CHAPTER))),$(TWICE))
	$(BIN)/python -m tools.check.chapters $(CHAPTER)

older: .venv/.test  ## chapters against their stored outputs, as an older processor computes
	$(OLDER) $(BIN)/python -m tools.check.chapters $(CHAPTER)

test-slow: .venv/.test  ## Colab and JupyterLab, make's own errors, and other slow tests
	$(BIN)/python -m pytest -q $(TWICE) -m "slow and not thorough" tests/book tests/optim tests/project

test-thorough: download  ## tests of tests: planted faults, small changes, wrong rules; and long ones
	$(BIN)/python -m pytest -q $(TWICE) -m thorough tests

test-browser: download  ## every page in Chromium: offline, accessible, searchable, light enough; the print
	@$(MAKE) test-pages

test-pages: .venv/.test  ## the same, of the book and its print as they were made last
	$(BIN)/python -m pytest -q $(TWICE) -m "browser and not thorough" tests/site

test-package: .venv/.package  ## what of adamtut needs no PyTorch, on any Python
	$(BIN)/python -m tools.check.package_tests

lab: .venv/.lab  ## open copies of the chapters in JupyterLab, yours to change, in work
	@$(BIN)/python -m tools.copies.work work
	$(BIN)/jupyter lab work

serve: book  ## show the built book at http://localhost:8000
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

notebooks: .venv/.book  ## the chapters as Jupyter and Colab show them best, in _build/notebooks
	$(BIN)/python -m tools.copies.notebooks _build/notebooks

weigh: book .venv/.browser  ## bytes, requests and first paint of every page, on an emulated slow line
	$(BIN)/python -m tools.check.weigh _build/html

pdf: book .venv/.browser  ## the whole book as one PDF, in _build/download; needs Chromium
	$(BIN)/python -m tools.pdf.pdf _build/html _build/download

download: notebooks pdf  ## the PDF and a zip that runs offline, and the book with links to both
	$(BIN)/python -m tools.copies.offline_zip _build/notebooks _build/download
	@$(MAKE) book

chapter: .venv/.test  ## begin a chapter: NAME=09_convergence TITLE="Does Adam converge?"
	@$(BIN)/python -m tools.chapter.new $(call quoted,$(NAME)) $(call quoted,$(TITLE))

execute: .venv/.test  ## run chapters again and store their outputs; CHAPTER=book/05_adam.ipynb for one
	$(BIN)/python -m tools.chapter.execute $(or $(CHAPTER),$(wildcard book/*.ipynb))

lint: .venv/.test  ## formatting, style and types; scripts and workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --no-progress .github

format: .venv/.test  ## format code and notebooks, and list the chapters in README.md
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tools.chapter.lists

bench: .venv/.test  ## time this machine, as ratios; writes to _build/bench
	OMP_WAIT_POLICY=passive $(BIN)/python -m adamtut.experiments.batch_time --out _build/bench
	OMP_WAIT_POLICY=passive $(BIN)/python -m adamtut.experiments.adam_cost --out _build/bench
	$(BIN)/python benchmarks/optimizer_step.py --quick --out _build/bench

clean:  ## remove everything that was built, the virtual environment too
	rm -rf .venv _build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# One virtual environment; a stamp file per set of extras says that it is installed. The tests' set
# holds the others.
.venv/.book .venv/.lab .venv/.test .venv/.browser .venv/.package: .venv/.%: pyproject.toml constraints.txt | .venv/bin/python
	@TORCH_INDEX=$(call quoted,$(TORCH_INDEX)) tools/setup/install $(BIN)/python $(EXTRAS_$*) $(PIP_ARGS)
	@touch $@ $(if $(filter test,$*),.venv/.book .venv/.lab .venv/.browser)

.venv/bin/python:
	@tools/setup/make_venv "$(PYTHON)"
