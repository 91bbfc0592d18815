# Every command of the course. `make` alone lists them.
PY = .venv/bin/python
NOTEBOOKS = $(wildcard lectures/*.ipynb solutions/*/*.ipynb)

# Torch's waiting threads sleep instead of spinning: see segutils/__init__.py.
export OMP_WAIT_POLICY = PASSIVE

help: ## list every command
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' Makefile | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## install the course into .venv (the other commands do it when needed)
	@sh tools/setup.sh

lab: setup ## open the course in JupyterLab; your exercises lie in work/
	@$(PY) -m segutils.student work
	@$(PY) -m jupyter lab --ServerApp.root_dir="$(CURDIR)" --LabApp.default_url=/lab/tree/lectures $(ROOT_FLAG) $(LAB)

check: setup ## check one exercise: make check EX=ex04_aspp
	@$(PY) -m segutils check "work/$(EX)/$(EX).ipynb"

submit: setup ## hand one exercise in: make submit EX=ex04_aspp STUDENT=name
	@$(PY) -m segutils.student submit "$(EX)" "$(STUDENT)"

student-zip: setup ## pack the course for students, without solutions
	@$(PY) -m segutils.student zip

exercises: setup ## make exercises/ from solutions/
	@$(PY) -m segutils.grading.course

collect: setup ## unpack the hand-ins that an LMS exports: make collect EX=ex04_aspp EXPORT=moodle.zip
	@$(PY) -m segutils collect "$(EX)" "$(EXPORT)"

grade: setup ## grade a class: make grade EX=ex04_aspp SUBMISSIONS=hand-in
	@$(PY) -m segutils grade "$(EX)" --submissions "$(SUBMISSIONS)" $(GRADE)

return: setup ## pack the feedback for the LMS: make return EX=ex04_aspp
	@$(PY) -m segutils return "$(EX)" --submissions "$(SUBMISSIONS)"

judge: setup ## try every wrong and every right solution on its check; the figure goes to CONTRIBUTING.md
	@PYTHONPATH=tests $(PY) -m checks.judge

bench: setup ## time grading a class against nbgrader (about six minutes)
	@$(PY) tools/bench_grading.py $(BENCH)

lectures: setup ## run every lecture and store its outputs; 07 on the toy sequence, since CamSeq01 must not be passed on
	@SEGUTILS_CAMSEQ= $(PY) tools/execute_notebooks.py lectures/*.ipynb

experiments: setup ## repeat the lectures' experiments over all seeds (about half an hour)
	@$(PY) -m segutils.experiments

checkpoint: setup ## train the network that lecture 01 shows (about ten minutes)
	@$(PY) tools/train_checkpoint.py

lint: setup ## check style and the direction of imports
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/lint-imports

test: setup lint ## run every test, lecture and solved exercise
	@$(PY) -m pytest -n 2 --dist loadfile -m "not slow and not long" tests --nbval $(NOTEBOOKS)

test-slow: setup ## run the tests that need minutes
	@$(PY) -m pytest -m slow tests

test-long: setup ## run the whole catalogue of hostile submissions and a class of 300 (half an hour)
	@$(PY) -m pytest -m long tests

lock: setup ## renew requirements.lock and environment.yml
	@UV_SYSTEM_CERTS=true .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	    --all-extras pyproject.toml --custom-compile-command "make lock" -o requirements.lock
	@$(PY) tools/write_environment.py

SUBMISSIONS = $(if $(wildcard grading/collected/$(EX)/lms.json),grading/collected/$(EX),hand-in)
ROOT_FLAG = $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help setup lab check submit student-zip exercises collect grade return judge bench lectures experiments checkpoint lint test test-slow test-long lock
