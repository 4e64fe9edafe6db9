"""The run over photos on a Ray cluster; what needs Ray is skipped where it is not installed."""

import contextlib
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

import maskrcnn_predict_for_images as script
from mrcnn.commands import ray_run
from mrcnn.commands.answers import answers, take
from mrcnn.commands.outcome import Outcome
from mrcnn.data.images import read_image
from mrcnn.progress import Progress
from mrcnn.results.formats import FORMATS
from mrcnn.results.photos import RunInfo
from mrcnn.results.resuming import note_path
from tests.photos import Finder, saved

ROOT = Path(script.__file__).parent
# Photos; how many of them are in a result before Ray begins.
COUNT, BEGUN = 200, 7


def machine(alive=True, **resources):
    return {"Alive": alive, "Resources": resources}


# -- The command line ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ray", "photos"], "photos is no address of a cluster, .*: name photos before --ray"),
        (["p", "--ray"], "--ray writes --jsonl and --parquet, nothing else"),
        (["p", "--ray", "--json", "a", "--jsonl", "b"], "nothing else: name one of them or both"),
        (["p", "--ray", "--jsonl", "a", "--show"], "--ray draws no pictures"),
        (["p", "--ray", "--jsonl", "a", "--device", "gpu:1"], "gpu:1 is one GPU, and --ray takes"),
        (["p", "--predictors", "2"], "--predictors is of --ray"),
    ],
)
def test_what_goes_not_with_ray_is_said(words, said, capsys):
    with pytest.raises(SystemExit):
        script.parse_arguments(words)
    assert re.search(said, capsys.readouterr().err)


@pytest.mark.parametrize("address", ["10.0.0.1:6379", "auto", "local", "head.example:1"])
def test_what_is_an_address_of_a_cluster(address):
    arguments = script.parse_arguments(["p", "--jsonl", "a", "--ray", address])
    assert (arguments.ray, arguments.predictors, arguments.no_pictures) == (address, 1, True)
    assert script.parse_arguments(["p", "--jsonl", "a", "--ray"]).ray == ""
    assert script.parse_arguments(["p"]).ray is None


def test_without_ray_it_says_what_to_install(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert script.main(["p", "--jsonl", str(tmp_path / "a"), "--ray"]) == 1
    assert '--ray needs Ray: pip install ".[ray]"\n' in capsys.readouterr().err


# -- What runs where -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machines", "on_cpu", "each", "expected"),
    [
        ([machine(CPU=8.0), machine(CPU=8.0, GPU=2.0), machine(CPU=4.0, GPU=1.0)], False, 1, 3),
        ([machine(CPU=8.0, GPU=2.0), machine(CPU=8.0), machine(CPU=9.0)], True, 1, 3),
        ([machine(CPU=3.0)], False, 2, 2),
        ([machine(CPU=8.0), machine(CPU=8.0), machine(False, CPU=8.0)], False, 1, 2),
        ([machine(CPU=8.0), machine(CPU=16.0), machine(CPU=0.0)], False, 4, 12),
        ([machine(CPU=2.0), machine(CPU=2.0)], False, 3, 6),
    ],
)
def test_there_is_one_predictor_a_gpu_or_some_a_machine(machines, on_cpu, each, expected):
    count, needs = ray_run.places(machines, on_cpu, each)
    assert count == expected
    if "num_gpus" in needs:
        assert needs == {"num_gpus": 1, "num_cpus": 0}
    else:
        # Ray keeps parts of a core, and beyond one whole ones.
        assert 0 < needs["num_cpus"] <= 1 or needs["num_cpus"] == int(needs["num_cpus"])


def test_a_cluster_without_a_place_is_said():
    with pytest.raises(OSError, match="no machine of the cluster has a core or a GPU"):
        ray_run.places([machine(CPU=0.0), machine(False, CPU=2.0)], False, 1)


def test_an_answer_is_written_as_the_photo_itself_would_be(tmp_path, capsys):
    good = [saved(tmp_path / "in" / f"{number}.png") for number in range(3)]
    broken, gone = tmp_path / "in" / "empty.jpg", tmp_path / "gone" / "a.jpg"
    broken.touch()
    names = [*map(str, good), str(broken), str(gone)]
    info = RunInfo(tmp_path / "w.h5", ["BG", "mug"], 0.7, [])
    writers = [FORMATS[name](tmp_path / name, info) for name in ("jsonl", "parquet")]
    outcome = Outcome()
    with Progress(5, every=0) as progress:
        for answer in answers(Finder(), names, info.class_names, "polygons"):
            take(json.loads(json.dumps(answer)), outcome, progress, writers)
    for writer in writers:
        writer.close()
    assert (outcome.done, outcome.failed, outcome.unreached.total()) == (3, 1, 1)
    assert outcome.closest[0] == (pytest.approx(0.3), "mug", str(good[2]))
    assert "in/2.png: nothing (closest: mug, 0.30)" in capsys.readouterr().out
    for name in ("jsonl", "parquet"):
        files = [file for file, _ in FORMATS[name].photos_in(tmp_path / name)]
        assert files == [*map(str, good), str(broken)]


# -- With Ray --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A folder of small photos, some with an AC remote, and one that is broken."""
    folder = tmp_path_factory.mktemp("photos")
    samples = [read_image(path) for path in sorted((ROOT / "dataset" / "val").glob("*.jpg"))]
    for number in range(COUNT):
        image = cv2.resize(samples[number % len(samples)], (150 + number % 7, 112))
        saved(folder / f"{number:03}.jpg", np.roll(image, number, axis=1))
    broken = folder / "050.jpg"
    broken.write_bytes(broken.read_bytes()[:-300])
    return folder


@pytest.fixture(scope="module")
def cluster():
    """A head and a second node, each with one core: processes of this machine."""
    pytest.importorskip("ray")
    utils = pytest.importorskip("ray.cluster_utils")
    # It is noticed within two seconds that a node is lost, not within half a minute.
    system = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500}
    system |= {"health_check_failure_threshold": 2, "health_check_timeout_ms": 1000}
    node = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    made = utils.Cluster(True, head_node_args=node | {"_system_config": system})
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(made.shutdown)
        yield made, made.add_node(**node)


def arguments(photos, *words):
    few = ["--image-size", "128", "--min-confidence", "0.3", "--json-masks", "both"]
    weights = ["--weights", str(ROOT / "log" / "custom.h5")]
    return [str(photos), "--no-pictures", *few, *weights, *words]


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_node_is_lost_and_every_photo_is_there_once(cluster, photos, tmp_path):
    """A run that was begun without Ray goes on with it; a node is killed when a third is done."""
    made, second = cluster
    plain, result, log = tmp_path / "plain.jsonl", tmp_path / "ray.jsonl", tmp_path / "log"
    assert script.main(arguments(photos, "--jsonl", str(plain))) == 1
    result.write_text("".join(plain.read_text().splitlines(keepends=True)[:BEGUN]))
    note_path(result).write_text(note_path(plain).read_text())
    words = arguments(photos, "--jsonl", str(result), "--resume", "--ray", made.address)
    command = [sys.executable, str(ROOT / "maskrcnn_predict_for_images.py"), *words]
    with open(log, "w") as file, subprocess.Popen(command, stdout=file, stderr=file) as child:
        while child.poll() is None and len(records(result)) < COUNT // 3:
            time.sleep(0.05)
        at_loss = len(records(result))
        made.remove_node(second, allow_graceful=False)
        code = child.wait(180)
    said = log.read_text()
    assert code == 1 and at_loss < COUNT, said
    assert f"{BEGUN} photos are in {result} already\n" in said
    assert "\n2 predictors on the Ray cluster\n" in said
    assert f"{COUNT - BEGUN - 1} images, " in said and ", 1 failed" in said
    assert "050.jpg: truncated" in said and "lost by Ray" not in said
    found, expected = records(result), records(plain)
    assert len(found) == len(expected) == COUNT
    assert {record["file"]: record for record in found} == {each["file"]: each for each in expected}
    assert sum(len(record.get("objects", ())) for record in found) > COUNT // 10


def test_nobody_at_the_address(photos, tmp_path, capsys):
    pytest.importorskip("ray")
    words = arguments(photos, "--jsonl", str(tmp_path / "a.jsonl"), "--ray", "127.0.0.1:1")
    assert script.main(words) == 1
    assert capsys.readouterr().err.endswith("--ray 127.0.0.1:1: [Errno 111] Connection refused\n")
    assert not (tmp_path / "a.jsonl").exists()
