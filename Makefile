# Everything starts here; each target sets up what it needs. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup test lint format demo network-demo bench energy fuzz clean
.SILENT:

bin = .venv/bin

help: ## list the targets
	sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile | expand -t 8

setup: ## install everything; the commands are in .venv/bin afterwards
	tools/setup

test: setup lint ## check style and types, run all tests
	if [ -d tests/lit ]; then $(bin)/lit -q tests/lit; fi
	$(bin)/python -m pytest

lint: setup
	$(bin)/ruff check -q .
	$(bin)/ruff format -q --check .
	$(bin)/python -m mypy -p mlcomp
	find cpp_shim -name '*.cpp' -o -name '*.h' | xargs clang-format-19 --dry-run -Werror

format: setup ## put all code into the project's format
	$(bin)/ruff check -q --fix .
	$(bin)/ruff format -q .
	find cpp_shim -name '*.cpp' -o -name '*.h' | xargs clang-format-19 -i

demo: setup ## compile real C for a microcontroller, smaller than clang -Oz, and run it
	examples/run

network-demo: setup ## benchmark this machine briefly, and estimate how long a neural network takes on it
	examples/network-demo

bench: setup ## measure what the results in benchmarks/results say
	benchmarks/run

energy: setup ## calibrate the energy of programs on gates again
	tools/setup-energy
	for core in ibex cv32e40p; do \
	  $(bin)/python benchmarks/energy.py --core $$core --out benchmarks/results/energy-$$core.json || exit; done

fuzz: setup ## compile programs in every way and compare what they do; takes hours, goes on where it stopped
	$(bin)/mlcomp fuzz --programs 1000 --folder build/fuzz --out build/fuzz/fuzz.json

clean: ## remove all that was built or installed here
	rm -rf build .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
