"""The folders of runs and their room on the disk."""

import datetime
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from mrcnn.training import run_files as runs
from mrcnn.training.checkpoints import disk_text

NOON = datetime.datetime(2026, 11, 23, 12, 0)
# How the older package finds name and time in a folder's name.
OLDER = re.compile(r"\w+(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})")

# -- Folders -----------------------------------------------------------------------------------


def test_a_folder_is_named_by_run_and_minute(tmp_path):
    assert runs.new_folder(tmp_path, "AC_Remote", NOON) == tmp_path / "ac_remote20261123T1200"
    now = runs.new_folder(tmp_path, "cup")
    assert runs.RUN.fullmatch(now.name)["name"] == "cup"
    assert not now.exists()


def test_a_minute_that_is_taken_is_left_to_its_run(tmp_path):
    (tmp_path / "cup20261231T2359").mkdir()
    (tmp_path / "cup20270101T0000").mkdir()
    (tmp_path / "plate20270101T0001").mkdir()
    late = datetime.datetime(2026, 12, 31, 23, 59, 40)
    assert runs.new_folder(tmp_path, "cup", late).name == "cup20270101T0001"


def test_runs_that_start_at_once_get_folders_of_their_own(tmp_path):
    wanted = [runs.new_folder(tmp_path, "cup", NOON)] * 12
    with ThreadPoolExecutor(12) as pool:
        claimed = list(pool.map(runs.claim_folder, wanted))
    assert sorted(folder.name for folder in claimed) == [
        f"cup20261123T12{i:02d}" for i in range(12)
    ]
    assert all(folder.is_dir() and OLDER.fullmatch(folder.name) for folder in claimed)
    for folder in claimed:
        (folder / "mask_rcnn_cup_0001.h5").touch()
    assert runs.find_last(tmp_path, "cup").parent.name == "cup20261123T1211"


def test_a_folder_of_ones_own_name_is_used_as_it_is(tmp_path):
    folder = tmp_path / "deep" / "mine"
    assert runs.claim_folder(folder) == runs.claim_folder(str(folder)) == folder
    (tmp_path / "file").touch()
    for path in ("file", "file/cup20261123T1200"):
        with pytest.raises(OSError, match="cannot be made"):
            runs.claim_folder(tmp_path / path)


# -- The disk ----------------------------------------------------------------------------------


def test_what_a_run_takes_is_said(tmp_path):
    text = disk_text(tmp_path / "not" / "there", 14_100_000, 3_000_000, 30)
    assert text.startswith("Disk: 30 checkpoints of 14 MB and the training state, 429 MB in all; ")
    assert re.search(r"; [\d.]+ [GM]B are free$", text)
    assert not (tmp_path / "not").exists()
    one = disk_text(tmp_path, 2_500, 0, 1)
    assert one.startswith("Disk: 1 checkpoint of 2 kB and the training state, 2 kB in all")
    assert disk_text(tmp_path, 1_340_000, 0, 1).startswith("Disk: 1 checkpoint of 1.3 MB")


def test_too_little_room_for_all_epochs_is_a_warning(tmp_path):
    quarter = shutil.disk_usage(tmp_path).free // 4
    first, warning = disk_text(tmp_path, quarter, 0, 8).splitlines()
    assert first.startswith("Disk: 8 checkpoints")
    assert re.match(r"  Warning: that is room for [34] of 8 epochs; ", warning)
    assert re.search("room for [12] of 8", disk_text(tmp_path, quarter, quarter, 8))


def test_the_state_is_there_twice_while_a_new_one_is_written(tmp_path):
    def megabytes(epochs):
        return int(re.search(r"(\d+) MB in all", disk_text(tmp_path, 10**7, 10**7, epochs))[1])

    assert [megabytes(epochs) for epochs in (1, 2)] == [20, 40]
    (tmp_path / runs.STATE_FILE).touch()
    assert [megabytes(epochs) for epochs in (1, 2)] == [20, 30]


def test_too_little_room_for_an_epoch_is_refused(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    for sizes in ((2 * free, 0), (1, free)):
        with pytest.raises(OSError, match=r"free, an epoch takes .*make room there, or choose"):
            disk_text(tmp_path / "run", *sizes, 1)
