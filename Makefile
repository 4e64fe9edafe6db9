# make demo   install, find remotes in photos and in a clip, fine-tune, evaluate; see demo/
# make test   install, check the style, run the tests
# make test-engines   the tests of the network on JAX and PyTorch, in .venv-jax and .venv-torch;
#             ENGINES=jax takes one
# make fuzz   give a million damaged files to all that reads files: an hour on two cores
# make clean  remove what these made

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

ENGINES ?= jax torch

.PHONY: demo test test-engines lint fuzz clean

demo: $(VENV)/installed
	@mkdir -p demo && date +%s > demo/.started
	$(BIN)/python -m mrcnn
	$(BIN)/python maskrcnn_predict_for_images.py dataset/val --weights log/custom.h5 \
		--output demo/photos --overwrite
	$(BIN)/python video_mask.py dataset/clip.mp4 --weights log/custom.h5 --min-confidence 0.6 \
		--output demo/clip_masked.mp4 --overwrite
	$(BIN)/python custom_training.py train --dataset dataset --weights imagenet \
		--backbone efficientnet_lite0 --logs demo/log --epochs 20 --seed 1
	$(BIN)/python custom_training.py evaluate --dataset dataset --weights best \
		--logs demo/log --output demo/evaluation
	@echo
	@echo "Done in $$(( $$(date +%s) - $$(cat demo/.started) )) s."
	@echo "Photos with the remotes outlined:  demo/photos"
	@echo "The clip:                          demo/clip_masked.mp4"
	@echo "How it learned in twenty epochs:   $$(ls -td demo/log/*/ | head -1)losses.png"
	@echo "What it found and missed:          demo/evaluation/index.html"

# Two processes; the tests of a file share what they build.
test: lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test-engines: $(ENGINES:%=test-%)

.PRECIOUS: $(VENV)-%/installed

test-%: $(VENV)-%/installed
	KERAS_BACKEND=$* $(VENV)-$*/bin/python -m pytest -m engines \
		$$(grep -l 'mark.engines' tests/test_*.py)

# TensorFlow is not there: nothing may ask for it.
$(VENV)-%/installed: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)-$*
	grep -v '^tensorflow' requirements.txt > $(VENV)-$*/requirements.txt
	$(VENV)-$*/bin/python tests/engine_packages.py $* >> $(VENV)-$*/requirements.txt
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check \
		-r $(VENV)-$*/requirements.txt
	touch $@

fuzz: $(VENV)/installed-dev
	$(BIN)/python -m tests.fuzz

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-jax $(VENV)-torch demo .pytest_cache .ruff_cache .hypothesis fuzz
