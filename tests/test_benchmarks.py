import subprocess
import sys
from argparse import ArgumentTypeError
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import fine_tuning, made_up, measuring
from benchmarks.peers import Worker

SCRIPTS = (
    "correction_loop",
    "engines",
    "fine_tuning",
    "folders",
    "inference",
    "input_pipeline",
    "memory",
    "pages",
    "peers",
    "predict_run",
    "runtimes",
    "startup",
    "tiles",
    "training_step",
    "video",
    # Windows has no such signals and limits.
    *(["interruptions"] if sys.platform != "win32" else []),
)
HELP = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    assert not end.code
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""


class TestTiming:
    def test_a_summary_is_the_median_and_the_ends(self):
        assert measuring.summarise([5.0, 1.0, 2.0]) == (2.0, 1.0, 5.0)
        assert measuring.summarise([4.0, 1.0]) == (2.5, 1.0, 4.0)
        with pytest.raises(ValueError, match="nothing was measured"):
            measuring.summarise([])

    @given(st.lists(st.floats(0, 1e6), min_size=1))
    def test_the_median_lies_between_the_ends(self, seconds):
        median, minimum, maximum = measuring.summarise(seconds)
        assert minimum <= median <= maximum
        assert {minimum, maximum} <= set(seconds)

    def test_cases_take_turns_and_warm_ups_do_not_count(self):
        order = []
        cases = {name: lambda name=name: order.append(name) for name in "ab"}
        measured = measuring.in_turns(cases, repeats=2, warm_ups=1)
        assert "".join(order) == "ababab"
        assert {name: len(seconds) for name, seconds in measured.items()} == {"a": 2, "b": 2}

    def test_a_stopwatch_times_a_function_and_puts_it_back(self):
        place = SimpleNamespace(double=lambda number: 2 * number)
        before, watch = place.double, measuring.Stopwatch()
        with watch.watching({"doubling": (place, "double")}):
            assert [place.double(3), place.double(number=4)] == [6, 8]
        assert place.double is before
        assert len(watch.seconds["doubling"]) == 2
        assert watch.total("doubling") == sum(watch.seconds["doubling"])

    def test_a_stopwatch_counts_a_call_that_raises(self):
        watch = measuring.Stopwatch()
        with pytest.raises(ZeroDivisionError):
            watch.timed("dividing", lambda: 1 / 0)()
        assert len(watch.seconds["dividing"]) == 1


class TestTables:
    def test_columns_line_up(self):
        assert measuring.table(["", "ms"], [["read", 1], ["unmold", 12.5]]).splitlines() == [
            "|        |   ms |",
            "| ------ | ---: |",
            "| read   |    1 |",
            "| unmold | 12.5 |",
        ]

    def test_times_are_compared_to_the_first_case(self):
        text = measuring.timing_table({"slow": [1.0, 2.0, 3.0], "fast": [0.5], "none": []})
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
        assert rows[0] == ["", "median, s", "minimum", "maximum", "times as fast"]
        assert rows[2:] == [
            ["slow", "2.000", "1.000", "3.000", "1.00"],
            ["fast", "0.500", "0.500", "0.500", "4.00"],
        ]

    def test_times_are_for_one_item(self):
        text = measuring.timing_table({"batch": [2.0]}, "ms", {"batch": 4}, compare=False)
        assert text.splitlines()[-1] == "| batch |      500.0 |   500.0 |   500.0 |"


class TestWhereAndHow:
    def test_sizes_are_height_by_width(self):
        assert measuring.picture_size("3000x4000") == (3000, 4000)
        for text in ("3000", "0x5", "3000x", "ax5", "-1x5"):
            with pytest.raises(ArgumentTypeError, match="is no size such as"):
                measuring.picture_size(text)

    def test_the_command_is_the_one_to_type(self, monkeypatch):
        script = measuring.ROOT / "benchmarks" / "memory.py"
        monkeypatch.setattr(sys, "argv", [str(script), "--weights", "my folder"])
        assert measuring.command_line() == "python benchmarks/memory.py --weights 'my folder'"

    def test_the_machine_has_cores_and_versions(self, monkeypatch):
        monkeypatch.setenv("OMP_NUM_THREADS", "3")
        text = measuring.machine()
        assert " cores" in text and "numpy " in text and "OMP_NUM_THREADS=3" in text

    @pytest.mark.parametrize("script", SCRIPTS)
    def test_help_answers_without_tensorflow(self, script):
        path = measuring.ROOT / "benchmarks" / f"{script}.py"
        result = subprocess.run(
            [sys.executable, "-c", HELP, str(path)], capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("usage: ")


class TestMadeUp:
    def test_objects_lie_in_the_image(self):
        boxes = made_up.boxes(50)
        assert (boxes >= 0).all() and (boxes <= 1).all()
        sides = boxes[:, 2:] - boxes[:, :2]
        assert sides.min() > 1 / 31 and sides.max() <= 1 / 3 + 1e-9

    def test_output_of_the_network_is_sorted_and_masks_have_an_inside(self):
        detections, masks = made_up.network_output(5)
        assert detections.shape == (5, 6) and masks.shape == (5, 28, 28)
        assert (np.diff(detections[:, 5]) <= 0).all() and (detections[:, 4] > 0).all()
        share = (masks >= 0.5).mean(axis=(1, 2))
        assert (share > 0.5).all() and (share < 0.95).all()

    def test_things_fit_their_photo(self):
        things = made_up.Things(2, 96)
        masks, class_ids = things.load_mask(1)
        assert things.load_image(1).shape == (96, 96, 3)
        assert masks.shape == (96, 96, 3) and masks.any(axis=(0, 1)).all()
        assert len(class_ids) == 3 and things.num_classes == made_up.NUM_CLASSES


def test_a_peer_that_cannot_be_imported_is_skipped(tmp_path):
    scene = tmp_path / "scene.npz"
    np.savez(scene, photo=np.zeros((64, 64, 3), np.uint8))
    request = {"peer": "older", "checkout": str(tmp_path / "gone"), "scene": str(scene)}
    worker = Worker(sys.executable, request, tmp_path)
    answer = worker.prepare()
    worker.close()
    assert answer["skipped"] == "ModuleNotFoundError: No module named 'mrcnn'"


PORT = {
    "config": "class Config:\n    LEARNING_MOMENTUM = 0.9\n",
    "utils": """
class Dataset:
    add_class = add_image = lambda *_: None
    prepare = lambda self: None
""",
    # As the port to TensorFlow 2 has it: no `data_generator`, and NumPy's older name.
    "model": """
import numpy as np
MASK = np.bool

class DataGenerator:
    def __init__(self, dataset, config, shuffle=True):
        self.dataset = dataset

    def __getitem__(self, idx):
        return [self.dataset.load_image(0)], []

class MaskRCNN:
    def __init__(self, mode, config, model_dir):
        self.keras_model = self
        self.loaded = None

    def load_weights(self, path, by_name):
        self.loaded = path

    compile = set_trainable = lambda *_: None

    def train_on_batch(self, inputs, outputs):
        assert self.loaded and inputs[0].shape == (8, 8, 3) and outputs == []

    def detect(self, images):
        return [{"scores": [0.5, 0.4]} for image in images]
""",
}


@pytest.mark.parametrize("job", ["training", "inference"])
def test_the_older_package_may_be_its_port_to_tensorflow_2(tmp_path, job):
    package = tmp_path / "checkout" / "mrcnn"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, text in PORT.items():
        (package / f"{name}.py").write_text(text)
    scene = tmp_path / "scene.npz"
    np.savez(scene, photo=np.zeros((8, 8, 3), np.uint8))
    request = {"peer": "older", "checkout": str(package.parent), "scene": str(scene)}
    request |= {"job": job, "backbone": "resnet50", "side": 64, "layers": "heads"}
    worker = Worker(sys.executable, request | {"weights": str(tmp_path)}, tmp_path)
    answer = worker.prepare()
    worker.run()
    worker.close()
    assert answer["ready"].startswith(request["checkout"])


class TestFineTuning:
    def test_a_change_without_a_value_is_refused(self, capsys):
        for change in ("layers", "=3", "layers="):
            with pytest.raises(SystemExit):
                fine_tuning.main(["mug", "--change", change])
            assert f"--change {change}: write NAME=VALUE" in capsys.readouterr().err

    def test_results_go_on_after_a_line_that_was_cut(self, tmp_path, monkeypatch):
        file = tmp_path / "results.jsonl"
        file.write_text('["{\\"seed\\": 1}", {"AP": 0.5}]\n["{\\"seed\\": 2}", {"A')
        trained = []
        monkeypatch.setattr(
            fine_tuning, "run", lambda python, request: trained.append(request) or {"AP": 0.25}
        )
        results = fine_tuning.Results(file)
        assert results.of("python", {"seed": 1}) == {"AP": 0.5} and not trained
        assert results.of("python", {"seed": 2}) == {"AP": 0.25}
        again = fine_tuning.Results(file)
        assert again.of("python", {"seed": 2}) == {"AP": 0.25} and len(trained) == 1

    def test_a_training_that_failed_is_in_the_exit_code(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(fine_tuning, "run", lambda python, request: {"skipped": "no memory"})
        assert fine_tuning.main([str(tmp_path)]) == 1
        assert "no memory" in capsys.readouterr().err
