# Two commands make everything: `make run` and `make test`. Each sets up what it needs.
.PHONY: run test torture long-tests theory theory-cost theory-pictures paper paper-page science science-data science-short science-page bad-input setup lock lint format recipe bench timings lineage-timings tampers pictures transcripts pull checkout reproduce record report watch
.DEFAULT_GOAL := run

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
CORES ?= all
CONFIG ?=
FOLDER ?= reproduced
# Programs of the environment first, for Snakemake's and DVC's children too.
export PATH := $(BIN):$(PATH)

run: setup  ## run an experiment (CONFIG=…; the default is digits), record it, print its table
	@autophagy check $(CONFIG)
# By its name also where it is the default: Snakemake then leaves the recording to the line below,
# and would record by itself only where it had work to do.
	snakemake --cores $(CORES) --quiet rules --configfile $(or $(CONFIG),config/config.yaml)
	@$(if $(CONFIG),autophagy ledger $(CONFIG))
	@autophagy record $(CONFIG)
	@echo
	@autophagy summary $(CONFIG)
# Results that were pulled ran elsewhere: there is nothing to tell.
	@autophagy timings $(CONFIG) > /dev/null 2>&1 || true

test: setup  ## run the tests, two at a time
	python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

torture: setup  ## kill the workflow at random moments of every step, and count (at most half an hour)
	PYTHONPATH=workflow/scripts python tests/torture.py

bad-input: setup  ## try every malformed input of the tests, and count
	PYTHONPATH=tests python -m bad_input

long-tests: setup  ## run the long tests and print what they count
	python -m pytest -m long -s

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	@echo "setting up $(VENV): a minute or two"
	@$(PYTHON) -m venv $(VENV)
	"$(BIN)/python" -m pip install --quiet --requirement requirements.lock
	"$(BIN)/python" -m pip install --quiet --no-deps --editable .
	touch $@

lint: setup  ## check style, formatting and the workflow's own lint
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

format: setup  ## bring code and rules into the house style
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

recipe: setup  ## learning curve of the training recipe -> docs/recipe.md (12 minutes)
	python benchmarks/recipe.py

bench: setup  ## side by side with what one would use instead -> benchmarks/RESULTS.md (ROWS=…, QUICK=1)
	python benchmarks/bench.py $(ROWS) $(if $(QUICK),--quick)

timings: setup  ## what each step of the last run took (CONFIG=…) -> logs/<experiment>/timings.html
	@autophagy timings $(CONFIG)

lineage-timings: setup  ## what lineage, descendants and audit take at 5, 10 and 20 generations
	python benchmarks/lineage.py

tampers: setup  ## every way to tamper with every kind of artifact, and the law that tells
	python tests/tampers.py

pictures: setup  ## copy the last run's figures to where README shows them
	mkdir -p docs/figures
	cp results/digits/figures/*.png docs/figures/
	python tools/page_picture.py results/digits/report.html docs/figures/page.png

theory: setup  ## every figure of the exact loops -> results/theory-*; resumable (docs/theory.md)
	@for config in config/theory-*/config.yaml; do \
		snakemake --cores $(CORES) --quiet rules --configfile $$config || exit 1; done

theory-cost: setup  ## what a generation of the exact loops takes at n = 10³, 10⁵, 10⁷ (docs/theory.md)
	python benchmarks/exact_loops.py

theory-pictures: setup  ## copy the figures of `make theory` to where docs/theory.md shows them
	mkdir -p docs/figures/theory
	for folder in results/theory-*; do \
		cp $$folder/figures/*.png docs/figures/theory/$${folder#results/theory-}.png; done

paper: setup  ## every row of docs/paper.md that two cores can run; resumable (CORES=…)
	@for config in $$(python tools/paper.py configs); do \
		snakemake --cores $(CORES) --quiet rules --configfile $$config || exit 1; done

paper-page: setup  ## what `make paper` found -> docs/paper.md and its pictures
	python tools/paper.py collect
	python tools/paper.py write

science: science-data  ## every piece of docs/science.md, at most two hours each on two cores; resumable (CORES=…)
	@failed=; for config in $$(python tools/science.py configs); do \
		snakemake --cores $(CORES) --quiet rules --configfile $$config || failed="$$failed $$config"; \
	done; test -z "$$failed" || { echo "failed:$$failed" >&2; exit 1; }

science-data: setup  ## the data sets of our own that some of it reads -> data/
	@test -e data/digits-imbalanced.npz -a -e data/digits-unlabelled.npz || python tools/science.py data

science-short: setup  ## controls-null and controls-fork alone, with one seed and small budgets, in minutes
	@for name in $$(python tools/science.py short); do \
		snakemake --cores $(CORES) --quiet rules --configfile config/$$name/config.yaml \
			config/science-short.yaml --config experiment=short-$$name || exit 1; done

science-page: setup  ## what `make science` found (of NAMES="…" anew) -> docs/science.md
	python tools/science.py collect $(NAMES)
	python tools/science.py write

pull: setup  ## fetch recorded results (CONFIG=…) and make Snakemake believe them
	@autophagy pull $(CONFIG)

checkout: setup  ## after `git checkout`: the results that belong to this revision
	@autophagy checkout $(CONFIG)

reproduce: setup  ## run an experiment again in a fresh FOLDER and compare (CONFIG=…, CORES=…)
	@autophagy check $(CONFIG)
	@python tools/reproduce.py $(or $(CONFIG),config/config.yaml) "$(FOLDER)" $(CORES)

transcripts: setup  ## run the commands that docs/lineage.md and docs/scale.md show and put down what they print
	python tools/transcripts.py docs/lineage.md docs/scale.md

watch: setup  ## watch a running workflow: loops × generations, steps, losses (CONFIG=…)
	@autophagy watch $(CONFIG)

report: setup  ## one zip with every figure and the workflow's statistics
	snakemake --report results/report.zip

lock: setup  ## write the pins from what is installed in .venv
	python tools/pins.py
	autophagy schema > workflow/schemas/config.schema.json
	autophagy ledger
