"""Weights files as files: every fault is one sentence with the file's name."""

import h5py
import numpy as np
import pytest

from mrcnn.nn import weights_file


@pytest.fixture
def path(tmp_path):
    layers = {"conv1": {"conv1/kernel:0": np.ones((3, 4), "f4"), "conv1/bias:0": np.ones(4, "f4")}}
    weights_file.write(tmp_path / "small.h5", layers)
    return tmp_path / "small.h5"


def refused(path, reason):
    """Assert that each way to look at a file raises one sentence with its name."""

    def read():
        with weights_file.opened(path) as file:
            return list(map(weights_file.array, weights_file.datasets(file).values()))

    for look in (read, lambda: weights_file.inspect(path)):
        with pytest.raises(weights_file.WeightsError, match=reason) as caught:
            look()
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("of_what", ["layer_names", "weight_names"])
@pytest.mark.parametrize("value", [True, 5, "conv1", b"conv1", [1.0], [[b"a"]], h5py.Empty("f4")])
def test_what_is_no_list_of_names(path, of_what, value):
    with h5py.File(path, "r+") as file:
        (file if of_what == "layer_names" else file["conv1"]).attrs[of_what] = value
    refused(path, rf"damaged .*{of_what} is not (a list of names|text)\)")


def test_names_that_are_lists_of_numbers(path):
    """Damage of one bit makes texts of any length such, and HDF5 ends the process at them."""
    with h5py.File(path, "r+") as file:
        value = np.empty(1, object)
        value[0] = np.arange(3, dtype="u1")
        file.attrs.create("layer_names", value, dtype=h5py.vlen_dtype("u1"))
    refused(path, "damaged .*layer_names is not text")


def test_an_empty_list_as_keras_writes_it(path):
    with h5py.File(path, "r+") as file:
        file["conv1"].attrs["weight_names"] = []
    with weights_file.opened(path) as file:
        assert not weights_file.datasets(file)


def test_a_driver_that_the_first_bytes_name(path):
    data = bytearray(path.read_bytes())
    assert data[48:56] == b"\xff" * 8
    data[48:56] = (0x780).to_bytes(8, "little")
    path.write_bytes(data)
    refused(path, "damaged .*its first bytes are damaged")


@pytest.mark.parametrize("several", [False, True])
def test_names_that_are_references(path, several):
    with h5py.File(path, "r+") as file:
        one = file["conv1"].ref
        value = np.array([one, one], h5py.ref_dtype) if several else one
        file.attrs.create("layer_names", value, dtype=h5py.ref_dtype)
    refused(path, "damaged .*layer_names is not text")


def test_a_float_that_no_machine_has(path):
    """Bits of a type's description are flipped: its exponent has 12 bits, not 8."""
    with h5py.File(path) as file:
        dataset = file["conv1/conv1/bias:0"]
        kind = dataset.id.get_type()
        assert kind.get_fields() == (31, 23, 8, 0, 23)
    data = bytearray(path.read_bytes())
    fields = bytes([23, 8, 0, 23])  # where exponent and mantissa begin, and how many bits they have
    assert data.count(fields) == 2
    path.write_bytes(data.replace(fields, bytes([15, 16, 0, 15])))
    refused(path, "damaged")


@pytest.fixture
def texts(path):
    """A file whose names are texts of any length, its bytes and where their heap begins."""
    with h5py.File(path, "r+") as file:
        file.attrs["layer_names"] = ["conv1"]
        assert file.attrs.get_id("layer_names").dtype.kind == "O"
    assert weights_file.inspect(path)
    data = bytearray(path.read_bytes())
    return path, data, data.index(b"GCOL")


def test_texts_without_an_end(texts):
    """The piece of the heap that is free, number 0, has no length: HDF5 never gets over it."""
    path, data, heap = texts
    free = data.index(b"conv1\0\0\0", heap) + 8
    while data[free : free + 2] != b"\0\0":
        free += 16 + -(-data[free + 8] // 8) * 8
    data[free + 8 : free + 16] = bytes(8)
    path.write_bytes(data)
    refused(path, "damaged .*have no end")


def test_a_text_of_gigabytes(texts):
    path, data, heap = texts
    place = data.index(b"\5\0\0\0" + heap.to_bytes(8, "little")) + 4
    data[place - 1] = 0xFF
    path.write_bytes(data)
    refused(path, "damaged .*a text within is not in its place")


def test_files_written_here_have_no_texts_that_damage_makes_endless(tmp_path):
    weights_file.write(tmp_path / "a.h5", {}, {"class_names": ["BG", "mug"]})
    assert b"GCOL" not in (tmp_path / "a.h5").read_bytes()
    many = {"class_names": ["BG", *map(str, range(20_000))]}
    layers = {"conv1": {"conv1/bias:0": np.ones(4, "f4")}}
    weights_file.write(tmp_path / "many.h5", layers, many)
    assert weights_file.inspect(tmp_path / "many.h5").class_names == many["class_names"]


@pytest.mark.parametrize("packed", [{"compression": "gzip", "shuffle": True}, {"chunks": (2, 2)}])
def test_packed_numbers_are_read(path, packed):
    with h5py.File(path, "r+") as file:
        del file["conv1/conv1/kernel:0"]
        file.create_dataset("conv1/conv1/kernel:0", data=np.eye(3, 4), **packed)
    with weights_file.opened(path) as file:
        kernel = weights_file.array(weights_file.datasets(file)["conv1", "kernel"])
    assert np.array_equal(kernel, np.eye(3, 4))


@pytest.mark.parametrize("packed", [{"fletcher32": True}, {"compression": "lzf"}])
def test_filters_that_no_weights_need_are_not_started(path, packed):
    with h5py.File(path, "r+") as file:
        del file["conv1/conv1/kernel:0"]
        file.create_dataset("conv1/conv1/kernel:0", data=np.eye(3, 4), **packed)
    refused(path, "conv1/kernel:0 is not a plain array of numbers")


def test_chunks_of_another_rank_than_the_array_are_not_read(path):
    with h5py.File(path, "r+") as file:
        del file["conv1/conv1/kernel:0"]
        file.create_dataset("conv1/conv1/kernel:0", data=np.eye(3, 4), chunks=(2, 2))
    data = path.read_bytes()
    # A dataspace of two dimensions (HDF5 File Format Specification 3.0, IV.A.2.b) gets one.
    space = b"\x01%c\x01" + bytes(5) + (3).to_bytes(8, "little") + (4).to_bytes(8, "little")
    assert data.count(space % 2) == 1
    path.write_bytes(data.replace(space % 2, space % 1))
    refused(path, "conv1/kernel:0 is not a plain array of numbers")
