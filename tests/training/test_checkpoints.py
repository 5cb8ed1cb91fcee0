"""A training that is killed anywhere goes on to the same bits."""

import errno
import multiprocessing
import os
import random
import signal
from pathlib import Path

import pytest
import torch
from disc_patches import RECIPE, one_thread, pack, weights_of_all

from hrtem_shift import files
from hrtem_shift.errors import InputError
from hrtem_shift.training.checkpoints import Checkpoints
from hrtem_shift.training.loop import train_networks

pytestmark = pytest.mark.usefixtures("single_thread")

KILLS = 20


def train(folder, recipe=RECIPE, **more):
    patches, specs = pack()
    checkpoints = Checkpoints(folder, "tiny", every_epochs=2) if folder else None
    return train_networks(patches, specs, recipe, checkpoints=checkpoints, **more)


class Stop(Exception):
    pass


def stop_after(epoch):
    def look(member, row):
        if row["epoch"] == epoch:
            raise Stop

    return look


@pytest.fixture(scope="module")
def uninterrupted():
    with one_thread():
        return train(None)


@pytest.mark.parametrize("epoch", [0, 1, 3, 5])
def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, uninterrupted, epoch):
    with pytest.raises(Stop):
        train(tmp_path, on_epoch=stop_after(epoch))
    rows = []
    trained = train(tmp_path, on_epoch=lambda member, row: rows.append(row["epoch"]))
    assert weights_of_all(trained) == weights_of_all(uninterrupted)
    assert [network.curve for network in trained] == [network.curve for network in uninterrupted]
    assert [network.best_epoch for network in trained] == [
        network.best_epoch for network in uninterrupted
    ]
    assert rows[:1] == [(epoch + 1) // 2 * 2][: len(rows)]  # nothing is trained twice


def test_the_last_two_are_kept(tmp_path):
    train(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["epoch_000004.safetensors", "epoch_000006.safetensors"]


@pytest.mark.parametrize("damage", ["cut", "bytes", "empty"])
def test_a_damaged_checkpoint_costs_some_epochs_and_a_warning(
    tmp_path, uninterrupted, damage, caplog
):
    with pytest.raises(Stop):
        train(tmp_path, on_epoch=stop_after(4))
    last = sorted(tmp_path.iterdir())[-1]
    content = last.read_bytes()
    broken = {"cut": content[:-1], "bytes": b"\xff" * 64 + content[64:], "empty": b""}
    last.write_bytes(broken[damage])
    rows = []
    trained = train(tmp_path, on_epoch=lambda member, row: rows.append(row["epoch"]))
    assert last.name in caplog.text
    assert rows[0] == 2
    assert weights_of_all(trained) == weights_of_all(uninterrupted)


def test_a_checkpoint_of_something_else_is_not_taken_up(tmp_path):
    Checkpoints(tmp_path, "another", every_epochs=1).save(3, {"a": torch.zeros(2)}, {})
    assert Checkpoints(tmp_path, "tiny", every_epochs=1).latest() is None


def test_a_full_disk_is_named_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, "tiny", every_epochs=1)
    checkpoints.save(1, {"a": torch.ones(2)}, {"note": "kept"})

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "_flush", full)
    with pytest.raises(InputError, match="disk is full"):
        checkpoints.save(2, {"a": torch.zeros(2)}, {})
    epochs, tensors, about = checkpoints.latest()
    assert (epochs, tensors["a"].tolist(), about) == (1, [1.0, 1.0], {"note": "kept"})
    assert len(list(tmp_path.iterdir())) == 1


def kill_self(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def train_until_killed(folder: Path, moment: str, countdown: int) -> None:
    """Train; die when a step begins, an epoch ends or a checkpoint is half written."""
    import hrtem_shift.training.loop as loop

    def counting(function):
        left = iter(range(countdown))
        return lambda *inputs, **more: (
            function(*inputs, **more) if next(left, None) is not None else kill_self()
        )

    if moment == "step":
        loop.augment = counting(loop.augment)
    elif moment == "checkpoint":
        files._flush = counting(files._flush)
    on_epoch = counting(lambda *_: None) if moment == "epoch" else None
    with one_thread():
        train(folder, on_epoch=on_epoch)


def kill_and_go_on(root: Path) -> None:
    """Twenty kills in children that are forked when all is loaded, so that they start at once."""
    fork = multiprocessing.get_context("fork")
    with one_thread():
        expected = weights_of_all(train(None))
    chance, kills, folders = random.Random(5), 0, 0
    while kills < KILLS:
        folder = root / str(folders)
        moment = chance.choice(["step", "epoch", "checkpoint", "outside"])
        most = {"step": 12, "epoch": 6, "checkpoint": 2, "outside": 1}[moment]
        countdown = 10**6 if moment == "outside" else chance.randrange(most)
        process = fork.Process(target=train_until_killed, args=(folder, moment, countdown))
        process.start()
        process.join(chance.uniform(0.02, 0.4) if moment == "outside" else None)
        process.kill()
        process.join()
        kills += process.exitcode == -signal.SIGKILL
        if process.exitcode == 0:
            assert weights_of_all(train(folder)) == expected
            folders += 1
    assert weights_of_all(train(root / str(folders))) == expected


def test_twenty_kills_anywhere_change_nothing(tmp_path):
    """Killed from within (step, end of an epoch, half a file) and from outside, at any time."""
    process = multiprocessing.get_context("spawn").Process(target=kill_and_go_on, args=(tmp_path,))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert len(list(tmp_path.rglob("*.safetensors"))) > 0
