"""The doctor says what is wrong, and what to do."""

import re
import sys

import pytest

from mrcnn import __main__ as doctor


@pytest.fixture
def versions(monkeypatch):
    """The installed packages; to be changed."""
    installed = dict.fromkeys((doctor.engine(), *doctor.PACKAGES), "1.0")
    monkeypatch.setattr(doctor, "_version", installed.get)
    return installed


def test_all_pieces_work_together(versions, capsys):
    assert doctor.main([]) == 0
    out, err = capsys.readouterr()
    assert re.search(r"Trying a network.*\n.*random weights ran on a 128 x 128 image", out)
    assert "Keras runs on TensorFlow" in out and "learned from that image" in out
    assert out.endswith("All pieces work together\n") and not err


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("train", 2)])
def test_it_takes_no_arguments(capsys, argument, code):
    with pytest.raises(SystemExit) as ended:
        doctor.main([argument])
    out, err = capsys.readouterr()
    assert ended.value.code == code
    assert "Python " not in out and "usage: python -m mrcnn" in out + err


@pytest.mark.parametrize(
    ("package", "version", "advice"),
    [
        ("tensorflow", None, "tensorflow is not installed: pip install -r requirements.txt"),
        ("opencv-python-headless", "5.0", "beside opencv-python .*: pip uninstall opencv-python-h"),
        ("imgaug", "0.4", "--no-deps pyimgaug"),
    ],
)
def test_what_is_missing_or_in_the_way(versions, capsys, package, version, advice):
    versions[package] = version
    assert doctor.main([]) == 1
    out, err = capsys.readouterr()
    assert out.endswith("Something is wrong, see above\n")
    assert err.count("FAULT: ") == 1 and "random weights" not in out
    assert re.search(advice, err)


def test_an_engine_that_keras_does_not_know(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "foo")
    assert doctor.main([]) == 1
    out, err = capsys.readouterr()
    assert "FAULT: KERAS_BACKEND is foo, it must be one of tensorflow, jax, torch\n" in err
    assert "foo is not installed" not in err and "foo" not in out
    assert "random weights" not in out


def test_the_runtimes_of_exported_networks(monkeypatch):
    there = {"onnxruntime", "ai_edge_litert"}
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: name in there or None)
    words = "Exported networks run in ONNX Runtime, LiteRT; not installed: OpenVINO"
    assert doctor._runtimes() == words
    there.clear()
    assert doctor._runtimes().startswith("Exported networks run in no runtime; not installed: ONNX")


def test_another_build_of_tensorflow_will_do(versions):
    versions["tensorflow"], versions["tensorflow-cpu"] = None, "2.21"
    assert not list(doctor._check_package("tensorflow"))


def test_a_package_that_cannot_be_imported(versions, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    (fault,) = doctor._check_package("scikit-image")
    assert fault.startswith("scikit-image 1.0 cannot be imported: ModuleNotFoundError")
