# make demo   install, find objects in the sample photos, say where the pictures are
# make test   install, check the style, run the tests
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO_WEIGHTS = $(or $(wildcard log/custom.h5),predictions/made_up_numbers.h5)
DEMO_OPTIONS = $(if $(wildcard log/custom.h5),,--min-confidence 0.05 --max-instances 3)

.PHONY: demo test lint clean

demo: $(VENV)/installed $(DEMO_WEIGHTS)
	$(BIN)/python -m mrcnn
	$(BIN)/python maskrcnn_predict_for_images.py dataset/val --weights $(DEMO_WEIGHTS) \
		--output predictions/demo --overwrite $(DEMO_OPTIONS)
	@echo "The pictures are in predictions/demo"

# A network with made-up numbers, in the layout of the published file: it finds nonsense.
predictions/made_up_numbers.h5: $(VENV)/installed
	@echo "log/custom.h5 is not there: the demo runs on made-up numbers and finds nonsense"
	mkdir -p predictions
	$(BIN)/python tests/conformance/make_weights.py resnet50 $@

test: lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) predictions .pytest_cache .ruff_cache .hypothesis
