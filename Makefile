# ncaengine: `make demo` and `make test` install what they need, into .venv and with apt.
PYTHON ?= python3
BIN := .venv/bin
DEMO := bubbles
# Textures of the contact sheet and of the page.
GALLERY := bubbles giraffe zebra knit cracks lichen scales feathers coral leopard marble wood honeycomb weave waves bricks pebbles
# Textures of the model of many textures.
MANY := zebra bubbles scales honeycomb giraffe coral cracks pebbles
# Feature nets for `make gallery`: names or files, as for `ncaengine train --features`.
FEATURES ?= auto
# Minutes of `make soak`; formats of `make fuzz`, all if empty.
MINUTES ?= 60
FORMATS ?=
TRAIN = $(BIN)/ncaengine train --author "the ncaengine authors" --licence Apache-2.0 --features $(FEATURES)
# OpenGL, with Mesa's software renderer, and what GLFW loads for a window.
SYSTEM := libegl1 libgl1 libegl-mesa0 libgl1-mesa-dri libx11-6 libxext6 libxcursor1 libxi6 libxinerama1 libxrandr2 libxkbcommon0

# What the tests show pages in; Ubuntu has no such package, and there those tests are skipped.
BROWSER := chromium

.DEFAULT_GOAL := help
.PHONY: fuzz soak help setup system browser demo test lint types unit faults docs format pictures page gallery study oldest newest sbom wheel clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: light  ## Open a window with a shipped model; without a display, record a video of it
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && $(BIN)/ncaengine view; then exit 0; fi; \
	echo "No window can be opened here; recording a video instead."; \
	$(BIN)/ncaengine record assets/$(DEMO).safetensors -o demo.mp4 --size 128x128 --scale 4 --steps 600 && \
	echo "The video is $(CURDIR)/demo.mp4"


test: setup lint types unit  ## Check style and types, run all tests (one builds the documentation)

unit: setup browser  ## Run the tests only
	$(BIN)/pytest -n auto --dist worksteal --durations 30 --durations-min 8

lint: setup  ## Check style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup  ## Check types
	$(BIN)/mypy

faults: setup  ## Kill every writer 30 times, let each system call fail, fill the disk; print a table (some 20 minutes)
	PYTHONPATH=tests $(BIN)/python tests/faults.py --kills 30

docs: setup  ## Build the documentation as a site, build/docs; a broken link is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs
	@echo "The site is $(CURDIR)/build/docs/index.html"

format: setup  ## Fix style
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

pictures: setup  ## Redraw the pictures and the table of keys in the README and docs
	$(BIN)/python assets/pictures/make.py
	$(BIN)/python assets/pictures/film.py
	$(BIN)/ncaengine sheet $(GALLERY:%=assets/%.safetensors) -o assets/pictures/gallery.png --steps 1000 --columns 6

page: setup  ## Write docs/gallery.html, the page with all shipped models
	$(BIN)/ncaengine export $(GALLERY) -o docs/gallery.html --kernels square hexagonal

# Continues a run that was stopped; delete build/gallery to start over. The file of each model in assets/ says how it was
# trained: some in shorter or smaller runs, and some are smaller (12 channels, 96 hidden units).
gallery: setup  ## Retrain the models in assets/ (half a day on two cores)
	$(TRAIN) $(GALLERY) -o build/gallery --format safetensors --from auto --size 96 --batch 1 --pool 12 --fresh 0.015 --learning-rate 5e-4 --iterations 3600 --resume
	for name in $(GALLERY); do for kernel in square hexagonal; do \
	    $(BIN)/ncaengine evaluate build/gallery/$$name.safetensors --target $$name --features $(FEATURES) --kernel $$kernel \
	        --size 96 --steps 500 1000 10000 --note || exit 1; \
	done; done
	$(TRAIN) --together $(MANY) -o build/gallery/young/many.safetensors --size 64 --iterations 4700 --batch 4 --fresh 0.25
	$(TRAIN) --together $(MANY) -o build/gallery/many.safetensors --size 64 --from build/gallery/young/many.safetensors --iterations 4000 --batch 4 --learning-rate 4e-4 --drops 0.5 0.8
	cp build/gallery/*.safetensors assets/

study: setup  ## Repeat the study of channels (an hour on a CPU)
	$(BIN)/ncaengine study channels giraffe --iterations 500 --features $(FEATURES) -o build/study --resume
	mkdir -p assets/studies/channels && cp build/study/report.* build/study/*.png assets/studies/channels/

fuzz: setup  ## Try 10,000 mutated inputs of each format (half an hour); FORMATS="session journal" tries some
	$(BIN)/python tests/fuzz.py $(FORMATS)

soak: setup  ## Run random commands on each backend and in a window for an hour, and watch the memory
	$(BIN)/python tests/soak.py --minutes $(MINUTES)

oldest: setup .venv/.supply  ## Test the lowest versions of all dependencies that pyproject.toml allows
	$(call try_versions,$@,lowest-direct)

newest: setup .venv/.supply  ## Test their newest versions
	$(call try_versions,$@,highest)

# Only what ncaengine itself installs has these versions; the tools of the tests are the newest that go with them.
define try_versions
@mkdir -p build
$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/$(1)
$(BIN)/uv pip install --quiet --python build/$(1) --resolution $(2) --editable ".[all]"
$(BIN)/uv pip freeze --exclude-editable --python build/$(1) > build/$(1).txt
$(BIN)/uv pip install --quiet --python build/$(1) --constraint build/$(1).txt --group dev
build/$(1)/bin/python -m pytest -n auto --dist worksteal --ignore tests/test_docs.py --ignore tests/test_wheel.py
endef

sbom: setup .venv/.supply  ## Write build/sbom.json, a bill of materials (CycloneDX) of what `pip install ncaengine` installs
	@mkdir -p build
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/light
	@$(BIN)/uv pip install --quiet --python build/light .
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --of JSON -o build/sbom.json build/light/bin/python
	@echo "The bill of materials is $(CURDIR)/build/sbom.json"

.venv/.supply: .venv/.ready
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group supply
	@touch $@

wheel: setup  ## Build dist/*.whl
	$(BIN)/python -m build --wheel

setup: system .venv/.ready  ## Install system libraries, and .venv with all that training and tests need

light: system .venv/.light  ## Install system libraries, and .venv without torch: enough for all but training

.venv/.light: pyproject.toml
	@echo "Setting up .venv with ncaengine (about 450 MB, less than a minute)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable .
	@touch $@

.venv/.ready: pyproject.toml
	@echo "Setting up .venv with ncaengine, torch and the test tools (about 6 GB, a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[all]" --group dev
	@touch .venv/.light $@

# Installs only missing packages; does nothing on machines without apt.
system:
	@command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || exit 0; \
	missing=; for package in $(SYSTEM); do \
	    dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q '^install ok installed' || missing="$$missing $$package"; \
	done; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -n "$$missing" ] || exit 0; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "Installing with apt:$$missing"; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing

# Not needed by the program, so it may fail.
browser: system
	@command -v $(BROWSER) >/dev/null && exit 0; command -v apt-get >/dev/null || exit 0; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	echo "Installing with apt: $(BROWSER)"; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(BROWSER) || \
	echo "$(BROWSER) can't be installed here; tests of pages are skipped."

clean:  ## Remove everything that the targets made
	rm -rf .venv build dist demo.mp4 .mypy_cache .pytest_cache .ruff_cache .hypothesis
