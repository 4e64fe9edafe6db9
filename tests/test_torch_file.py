"""Tensors out of PyTorch's old files: those alone, and of others one sentence."""

import os
import pickle
import struct

import numpy as np
import pytest

from mrcnn.nn import torch_file
from tests import torch_files
from tests.torch_files import Storage, Tensor

ARRAYS = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.bias": np.arange(3, dtype=np.float32),
    "steps": np.array(7, np.int64),
    "half": np.arange(4, dtype=np.float16),
}


def write(path, *arguments, **options):
    path.write_bytes(torch_files.of(*arguments, **options))
    return path


def refused(path, reason):
    with pytest.raises(ValueError, match=reason) as raised:
        torch_file.read(path)
    text = str(raised.value)
    assert text.startswith(f"{path} is no file of tensors") and "\n" not in text
    return text


def test_tensors_come_back_by_name(tmp_path):
    path = write(tmp_path / "a.pth", ARRAYS)
    assert torch_file.is_one(path)
    found = torch_file.read(path)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
        assert not found[name].flags.writeable


def test_strides_and_offsets_count_and_storages_are_shared(tmp_path):
    storage = Storage("0", np.arange(24, dtype=np.float32))
    tensors = {
        "turned": Tensor(storage, 0, (4, 6), (1, 4)),
        "part": Tensor(storage, 10, (2, 3), (6, 1)),
    }
    found = torch_file.read(write(tmp_path / "a.pth", tensors))
    np.testing.assert_array_equal(found["turned"], np.arange(24).reshape(6, 4).T)
    np.testing.assert_array_equal(found["part"], [[10, 11, 12], [16, 17, 18]])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"shape": (5, 6)}, "has 24 numbers"),
        # Each number many times: an array of more than the file has.
        ({"shape": (10**6, 10**6), "strides": (0, 0)}, "has 24 numbers"),
        ({"offset": 1}, "leaves its storage"),
        ({"strides": (7, 1)}, "leaves its storage"),
        ({"shape": (0, 6)}, "is empty"),
        ({"shape": (2**62, 2**62)}, "has 24 numbers"),
        ({"shape": (24,)}, "1 sizes and 2 strides"),
        ({"shape": (1,) * 9, "strides": (1,) * 9}, "9 sizes and 9 strides"),
        ({"offset": -1}, "a number below 0"),
        ({"strides": (-1, 1)}, "a number below 0"),
        ({"shape": (2**63, 1)}, "above 64 bits"),
        ({"shape": (4.0, 6)}, "BINFLOAT"),
        ({"shape": [4, 6]}, "a list where a tuple"),
    ],
)
def test_sizes_that_do_not_fit(tmp_path, change, reason):
    storage = Storage("0", np.arange(24, dtype=np.float32))
    tensor = Tensor(storage, 0, (4, 6), (6, 1))._replace(**change)
    refused(write(tmp_path / "a.pth", {"a": tensor}), reason)


def test_numbers_that_are_not_there(tmp_path):
    whole = torch_files.of(ARRAYS)
    path = tmp_path / "a.pth"
    for length in (0, 3, 15, 40, 200, len(whole) - 200, len(whole) - 9, len(whole) - 1):
        path.write_bytes(whole[:length])
        refused(path, ".")
    refused(path, "storage 3 is cut short")
    # A storage that says it is the largest there can be.
    count = struct.pack("<q", 24)
    for number in (2**62, -1, 25):
        path.write_bytes(whole.replace(count, struct.pack("<q", number)))
        refused(path, "cut short or of another size")


class Calls:
    """Pickled, it calls a function when it is read."""

    def __init__(self, function, *arguments):
        self.made = function, arguments

    def __reduce__(self):
        return self.made


@pytest.mark.parametrize("protocol", range(6))
def test_no_function_is_called_or_imported(tmp_path, protocol):
    target = tmp_path / "called"
    for hostile in (
        Calls(os.mkdir, str(target)),
        Calls(eval, f"__import__('os').mkdir({str(target)!r})"),
        Calls(getattr, "a", "upper"),
        Calls(np.zeros, 10**12),
        {"a": Calls(bytearray, 2**40)},
    ):
        for place in range(5):
            path = write(tmp_path / "a.pth", ARRAYS, replaced={place: hostile}, protocol=protocol)
            refused(path, ".")
            assert not target.exists()


def test_what_a_tensor_does_not_name(tmp_path):
    for code in (b"cos\nsystem\n(S'echo'\ntR.", b"cbuiltins\neval\n.", b"ctorch\nload\n."):
        refused(write(tmp_path / "a.pth", ARRAYS, replaced={3: code}), "it names .* no part of")


def test_more_operations_than_tensors_need(tmp_path):
    code = b"\x80\x02" + b"]" * 10**6 + b"."
    refused(write(tmp_path / "a.pth", ARRAYS, replaced={3: code}), "longer than tensors need")


@pytest.mark.parametrize(
    "code",
    [
        b"cos\nsystem\n(S'echo'\ntR.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04echo\x85R.",
        b"(S'echo'\nios\nsystem\n.",
        b"ccollections\nOrderedDict\n(ccollections\nOrderedDict\nl}tb.",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R.",
        # Room for a memo or bytes of any length.
        b"\x80\x02]r\xff\xff\xff\xff.",
        b"\x80\x05\x96\xff\xff\xff\xff\xff\xff\xff\x00.",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x00.",
        b"\x80\x02X\xff\xff\xff\x7f.",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        # A tuple of itself twice, and again: its hash would take for ever.
        b"\x80\x02}()q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"K\x01u.",
        b"\x80\x02(" + b"(" * 10**5 + b".",
        b"\x80\x02" + b")" + b"\x85" * 10**5 + b".",
        b"..",
        b"h\x00.",
        b"u.",
        b"",
    ],
)
def test_what_a_dict_of_tensors_does_not_take(tmp_path, code):
    refused(write(tmp_path / "a.pth", ARRAYS, replaced={3: code}), ".")


def test_other_files(tmp_path):
    for data in (b"", b"PK\3\4", pickle.dumps(ARRAYS), b"\x89HDF\r\n\x1a\n"):
        (tmp_path / "a.pth").write_bytes(data)
        assert not torch_file.is_one(tmp_path / "a.pth")
        refused(tmp_path / "a.pth", "begins otherwise")
    assert not torch_file.is_one(tmp_path) and not torch_file.is_one(tmp_path / "none")
    whole = {"version": 1002, "system": {"little_endian": False}}
    for place, value in ((1, whole["version"]), (2, whole["system"])):
        refused(write(tmp_path / "a.pth", ARRAYS, replaced={place: value}), "another version")
    for tensors in ([], {"a": 1}, {"a": {}}):
        path = write(tmp_path / "a.pth", ARRAYS, replaced={3: pickle.dumps(tensors, 2)})
        refused(path, "other things than tensors")
    for keys in ([], ["0"], "0123", ["0", "1", "2", "4"], ["0", "1", "2", ()]):
        path = write(tmp_path / "a.pth", ARRAYS, replaced={4: keys})
        refused(path, "storages are not those|should be")


def test_a_storage_of_two_kinds(tmp_path):
    tensors = {
        "a": Tensor(Storage("0", np.zeros(4, np.float32)), 0, (4,), (1,)),
        "b": Tensor(Storage("0", np.zeros(2, np.float64)), 0, (2,), (1,)),
    }
    refused(write(tmp_path / "a.pth", tensors), ".")
