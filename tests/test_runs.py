"""The folders of runs and their room on the disk."""

import datetime
import math
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from mrcnn.training import run_files as runs
from mrcnn.training.callbacks import Losses
from mrcnn.training.run_files import disk_text

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


def test_a_place_where_no_folder_can_be_made_is_told_before(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for path in ("file", "file/runs/new"):
        with pytest.raises(OSError, match=r"file is no folder: name one for the runs with --logs"):
            runs.check_place(tmp_path / path)
    runs.check_place(tmp_path)
    runs.check_place(tmp_path / "new" / "runs")
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(runs.os, "access", lambda path, mode: False)
    with pytest.raises(OSError, match=f"{tmp_path} cannot be written to: name another folder with"):
        runs.check_place(tmp_path / "new" / "runs")


# -- Which checkpoint --------------------------------------------------------------------------


def run_with(folder, *whiches):
    folder.mkdir(parents=True)
    for which in whiches:
        (folder / runs.checkpoint_name("Cup", which)).touch()
    return folder


def test_last_and_best_are_of_the_newest_run(tmp_path):
    run_with(tmp_path / "cup20260101T0000", 1, 2, 3, "best", "last")
    newest = run_with(tmp_path / "cup20260201T0000", 1, 2, "best", "last")
    run_with(tmp_path / "plate20260301T0000", 9, "best")
    (tmp_path / "cup20260401T0000").mkdir()  # stopped before its first epoch was done
    assert runs.find_last(tmp_path, "Cup") == newest / "mask_rcnn_cup_0002.h5"
    assert runs.find_best(tmp_path, "Cup") == newest / "best_mask_rcnn_cup.h5"
    assert runs.find_best(tmp_path, "fork") is None and runs.find_last(tmp_path, "fork") is None
    assert runs.find_last(tmp_path / "nowhere", "cup") is None


def test_runs_of_this_packages_older_names_are_known(tmp_path):
    older = run_with(tmp_path / "cup20260101T0000", 1, 2)
    for name in ("mask_rcnn_cup_best.h5", "training_state.hdf5"):
        (older / name).touch()
    assert runs.find_best(tmp_path, "cup") == older / "mask_rcnn_cup_best.h5"
    assert runs.state_file(older) == older / "training_state.hdf5"
    for name in (runs.checkpoint_name("cup", "best"), runs.STATE_FILE):
        (older / name).touch()
    assert runs.find_best(tmp_path, "cup") == older / "best_mask_rcnn_cup.h5"
    assert runs.state_file(older) == older / runs.STATE_FILE


def test_of_a_run_that_tells_no_best_the_last_is_taken(tmp_path):
    older = run_with(tmp_path / "cup20190101T0000", 9, 10)
    assert runs.best_of(older) is None
    assert runs.find_best(tmp_path, "cup") == older / "mask_rcnn_cup_0010.h5"


def test_the_name_of_a_checkpoint_tells_its_epoch():
    assert runs.epoch_of("log/" + runs.checkpoint_name("AC_Remote", 7)) == 7
    assert runs.epoch_of(runs.checkpoint_name("cup", 12345)) == 12345
    assert runs.epoch_of(runs.checkpoint_name("cup", "best")) is None
    assert runs.epoch_of("mask_rcnn_coco.h5") is None


def test_a_run_goes_on_where_it_is_ones_own(tmp_path):
    path = tmp_path / "cup20260101T0000" / "mask_rcnn_cup_0004.h5"
    assert runs.run_of(path, tmp_path, "Cup") == (path.parent, 4)
    assert runs.run_of(path, tmp_path, "plate") is None
    assert runs.run_of(path, tmp_path / "other", "Cup") is None
    assert runs.run_of(path.with_name("best_mask_rcnn_cup.h5"), tmp_path, "Cup") is None


# -- Losses ------------------------------------------------------------------------------------


def test_losses_come_back_as_they_were(tmp_path):
    assert runs.read_losses(tmp_path) == []
    rows = [
        {"epoch": 1, "loss": 2.5, "learning_rate": 0.5},
        {"epoch": 2, "loss": 2.25, "val_loss": 3.0},
    ]
    runs.write_losses(tmp_path, rows)
    file = tmp_path / runs.LOSSES_FILE
    assert file.read_text().splitlines() == [
        "epoch,loss,learning_rate,val_loss",
        "1,2.5,0.5,",
        "2,2.25,,3.0",
    ]
    first, second = read = runs.read_losses(tmp_path)
    assert first["epoch"] == 1 and first["loss"] == 2.5 and math.isnan(first["val_loss"])
    assert second["epoch"] == 2 and second["val_loss"] == 3 and math.isnan(second["learning_rate"])
    text = file.read_text()
    runs.write_losses(tmp_path, read)
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("first", "epochs"), [(0, [1, 2, 3]), (1, [1, 2, 3]), (5, [5, 6, 7])], ids=str
)
def test_older_losses_count_from_nothing(tmp_path, first, epochs):
    lines = [f"{first + index},{3 - index}" for index in range(3)]
    (tmp_path / runs.LOSSES_FILE).write_text("\n".join(["epoch,loss", *lines]))
    rows = runs.read_losses(tmp_path)
    assert [row["epoch"] for row in rows] == epochs
    assert [row["loss"] for row in rows] == [3, 2, 1]


def test_an_older_file_is_continued_from_one(tmp_path):
    (tmp_path / runs.LOSSES_FILE).write_text("epoch,loss\n0,3\n1,2\nspoilt,2\n2,1\n")
    losses = Losses(tmp_path, 2, console=None)
    losses.on_epoch_end(2, {"loss": 1.5})
    rows = runs.read_losses(tmp_path)
    assert [(row["epoch"], row["loss"]) for row in rows] == [(1, 3), (2, 2), (3, 1.5)]
    assert (tmp_path / runs.CURVES_FILE).exists()


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
