"""Weights and trainings on disk: they come back bit for bit, survive a kill, and say what is wrong with them."""

import copy
import json
import math
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.models.segmentation import deeplabv3_resnet50

from segutils import checkpoints, models
from segutils.checkpoints import load_training, load_weights, save_training, save_weights
from segutils.errors import CourseError
from segutils.training import fit, seed_everything

NUM_CLASSES, EPOCHS, NUM_IMAGES = 3, 5, 6
SEED = 8  # with which the third epoch is the best one by far

pytestmark = pytest.mark.usefixtures("settings_are_given_back")


class Augmented(Dataset):
    """Random crops whose brightness, noise and mirroring come from three sources of chance; `stop` interrupts it."""

    def __init__(self, stop: int | None = None) -> None:
        self.items_left = stop

    def __len__(self) -> int:
        return NUM_IMAGES

    def __getitem__(self, index):
        if self.items_left is not None:
            if self.items_left == 0:
                raise KeyboardInterrupt
            self.items_left -= 1
        mask = torch.arange(64).view(8, 8) * (index + 1) // 16 % NUM_CLASSES
        image = nn.functional.one_hot(mask, NUM_CLASSES).movedim(-1, 0).float()
        image = image * random.uniform(0.5, 1.5) + float(np.random.normal()) / 5 + torch.randn(3, 1, 1) / 5
        return image, mask


class Network(nn.Module):
    """Normalisation with running statistics and dropout: a state beside the weights, and chance beside the data."""

    def __init__(self, channels: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.Dropout(0.3),
            nn.Conv2d(channels, NUM_CLASSES, 1),
        )  # fmt: skip

    def forward(self, x):
        return {"out": self.layers(x)}


def run(
    folder=None,
    resume=False,
    stop=None,
    own_generator=False,
    seed=SEED,
    model=None,
    epochs=EPOCHS,
    batch_size=2,
    **options,
):
    """One training; with `resume` in a process that has drawn other random numbers than the one before."""
    seed_everything(seed, threads=1)
    model = model or Network()
    generator = torch.Generator().manual_seed(seed) if own_generator else None
    train_loader = DataLoader(Augmented(stop), batch_size, shuffle=True, generator=generator)
    val_loader = DataLoader(Augmented(), batch_size=3)
    options = {"max_lr": 0.1, **options}
    history = fit(
        model, train_loader, val_loader, NUM_CLASSES, epochs, folder=folder, resume=resume, device="cpu", **options
    )
    return history, model.state_dict(), torch.rand(3), random.random(), np.random.rand()


def assert_same(one, other):
    history, weights, *numbers = one
    other_history, other_weights, *other_numbers = other
    assert history == other_history
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(numbers, other_numbers, strict=True))


def contents(folder: Path) -> dict[str, tuple]:
    """Names, metadata (whose order in the file is left to chance) and tensors of all files."""
    return {
        path.name: (read_metadata(path), {name: tensor.tolist() for name, tensor in load_file(path).items()})
        for path in folder.iterdir()
    }


def read_metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The training without an interruption: what it returned and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run(folder), folder


def test_the_test_tells_trainings_apart(whole):
    """The best epoch is neither the first nor the last, and other random numbers give other weights.

    A kill between the two files of the third epoch leaves an older file of best weights.
    """
    (history, weights, *_), _ = whole
    assert checkpoints.best_of(history)["epoch"] == checkpoints.best_of(history[:3])["epoch"] == 3
    assert not torch.equal(run(seed=3)[1]["layers.0.weight"], weights["layers.0.weight"])


def test_files_change_nothing(whole):
    assert_same(run(), whole[0])


@pytest.mark.parametrize("stop", [2, NUM_IMAGES, 2 * NUM_IMAGES + 3, 4 * NUM_IMAGES + 5])
def test_an_interrupted_training_goes_on_bit_for_bit(whole, tmp_path, stop):
    """Interrupted before the first epoch is complete, at the start of an epoch, and in the middle of others."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop=stop)
    seed = SEED if stop < NUM_IMAGES else 7  # without a complete epoch it begins anew
    assert_same(run(tmp_path, resume=True, seed=seed), whole[0])
    assert contents(tmp_path) == contents(whole[1])


def test_two_interruptions_and_a_loaders_own_generator(tmp_path):
    expected = run(own_generator=True)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, own_generator=True, stop=2 * NUM_IMAGES)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, own_generator=True, stop=NUM_IMAGES + 1, resume=True, seed=7)
    assert_same(run(tmp_path, own_generator=True, resume=True, seed=8), expected)


def test_a_complete_training_returns_at_once(whole, tmp_path):
    run(tmp_path)
    before = contents(tmp_path)
    history, weights, *_ = run(tmp_path, resume=True, stop=0, seed=7)  # the first item would interrupt it
    assert history == whole[0][0]
    assert all(torch.equal(weights[name], tensor) for name, tensor in whole[0][1].items())
    assert contents(tmp_path) == before


def be_killed(moment: str, folder: str) -> None:
    """Train in this process until the file of epoch 3 is written, and kill it then, at the moment that is asked for."""
    save_file, replace = checkpoints.save_file, os.replace

    def kill():
        os.kill(os.getpid(), signal.SIGKILL)

    def interrupted_save(tensors, path, metadata):
        save_file(tensors, path, metadata)
        third = "last" in Path(path).name and len(json.loads(metadata["training"])["notes"]) == 3
        if third and moment == "half a file":
            os.truncate(path, Path(path).stat().st_size // 2)
            kill()

    def interrupted_replace(source, target):
        third = "last" in target.name and len(json.loads(read_metadata(source)["training"])["notes"]) == 3
        if third and moment == "before the rename":
            kill()
        replace(source, target)
        if third and moment == "between the two files":
            kill()

    checkpoints.save_file, checkpoints.os.replace = interrupted_save, interrupted_replace
    run(Path(folder))


def be_killed_at_each_moment(folders: list[str]) -> None:
    """A child for each moment: torch is loaded once, and has started no threads yet that a child would miss."""
    for moment, folder in zip(MOMENTS, folders, strict=True):
        if (child := os.fork()) == 0:
            be_killed(moment, folder)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


MOMENTS = {"half a file": 2, "before the rename": 2, "between the two files": 3}  # and the epochs that survive it


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """One folder for each moment, in which a process was killed."""
    folders = {moment: tmp_path_factory.mktemp("killed") for moment in MOMENTS}
    code = "import sys; from test_checkpoints import be_killed_at_each_moment as go; go(sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, *folders.values()], cwd=Path(__file__).parent, check=True, timeout=300)
    return folders


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_while_a_checkpoint_is_written_loses_nothing(whole, killed, moment):
    folder = killed[moment]
    assert len(json.loads(read_metadata(folder / "last.safetensors")["training"])["notes"]) == MOMENTS[moment]
    assert len(list(folder.glob("*.tmp"))) == (moment != "between the two files")
    assert_same(run(folder, resume=True, seed=7), whole[0])
    assert contents(folder) == contents(whole[1])  # nothing is left over either


@pytest.fixture
def unfinished(tmp_path):
    """A folder with three epochs of a training, and its contents."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop=3 * NUM_IMAGES + 1)
    return tmp_path


OTHERS = {
    r"begun with epochs = 5, and now it is 8: go on with the same settings, or begin anew": {"epochs": 8},
    r"begun with epochs = 5, and now it is 2": {"epochs": 2},
    r"begun with max_lr = 0\.1, and now it is 0\.2": {"max_lr": 0.2},
    r"begun with len\(train_loader\) = 3, and now it is 6": {"batch_size": 1},
    r"begun with own generators = 0, and now it is 1": {"own_generator": True},
    r"does not fit this model: layers\.0\.weight is \(4, 3, 3, 3\) in the file, \(5, 3, 3, 3\)": {"model": Network(5)},
    r"begun with model = Network, and now it is Conv2d": {"model": nn.Conv2d(3, NUM_CLASSES, 1)},
    r"holds a training already: continue it with resume=True, or name another folder": {"resume": False},
}


@pytest.mark.parametrize("message", OTHERS)
def test_another_training_is_refused_and_nothing_is_changed(unfinished, message):
    options = {"model": Network(), "resume": True, **OTHERS[message]}
    before, weights = contents(unfinished), copy.deepcopy(options["model"].state_dict())
    with pytest.raises(CourseError, match=message):
        run(unfinished, **options)
    assert contents(unfinished) == before
    assert all(torch.equal(weights[name], tensor) for name, tensor in options["model"].state_dict().items())
    torch.manual_seed(1)
    expected = torch.rand(3)
    parts = {"model": Network(9)}
    torch.manual_seed(1)
    with pytest.raises(CourseError, match="begun with"):
        load_training(unfinished / "last.safetensors", parts)
    assert torch.equal(torch.rand(3), expected)  # nor any random number


def test_broken_and_foreign_files_are_named(unfinished):
    last, best = unfinished / "last.safetensors", unfinished / "best.safetensors"
    whole_file = last.read_bytes()
    for content in (whole_file[:-5], whole_file[:100], b""):
        last.write_bytes(content)
        with pytest.raises(CourseError, match=r"last.safetensors is no readable safetensors file"):
            run(unfinished, resume=True)
    last.write_bytes(best.read_bytes())
    with pytest.raises(CourseError, match="last.safetensors holds weights, but no training that could go on"):
        run(unfinished, resume=True)
    checkpoints.write(last, {}, {"training": json.dumps({"plan": {}})})
    with pytest.raises(CourseError, match=r"no training that this version wrote \(KeyError"):
        run(unfinished, resume=True)
    last.unlink()
    with pytest.raises(CourseError, match="holds best.safetensors but no last.safetensors, so nothing can go on there"):
        run(unfinished, resume=True)


def test_best_weights_of_another_training_are_named(tmp_path):
    """After four epochs the best one is older than the last: its weights are in their own file alone."""
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, stop=4 * NUM_IMAGES + 1)
    best = tmp_path / "best.safetensors"
    assert read_metadata(best)["epoch"] == "3"
    save_weights(Network(), best, {"epoch": "1"})
    with pytest.raises(CourseError, match=r"best.safetensors is not of the training in last.safetensors"):
        run(tmp_path, resume=True)
    save_weights(Network(5), best, {"epoch": "3"})
    with pytest.raises(CourseError, match=r"best.safetensors does not fit this model"):
        run(tmp_path, resume=True)
    best.unlink()
    with pytest.raises(CourseError, match=r"there are no weights at .*best\.safetensors"):
        run(tmp_path, resume=True)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CourseError, match="file cannot be made a folder .* name another one"):
        run(tmp_path / "file")


@pytest.mark.parametrize("error", [OSError("No space left"), SafetensorError("No space left on device")])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(unfinished, monkeypatch, error):
    before = contents(unfinished)

    def full_disk(tensors, file, metadata):
        Path(file).write_bytes(b"half a file")
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_file", full_disk)
        with pytest.raises(CourseError, match=r"cannot be written \(No space left.*make room or permit writing"):
            save_weights(Network(), unfinished / "best.safetensors")
    assert contents(unfinished) == before


def test_any_optimizer_schedule_and_scale_come_back(tmp_path):
    def parts():
        model = Network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        scaler = torch.amp.GradScaler("cpu", init_scale=64.0, growth_interval=2)
        return {"model": model, "optimizer": optimizer, "scheduler": scheduler, "scaler": scaler}

    def step(model, optimizer, scheduler, scaler):
        optimizer.zero_grad()
        loss = model(torch.randn(2, 3, 8, 8))["out"].square().mean()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step(1.0)
        return loss.item(), optimizer.param_groups[0]["lr"], scaler.get_scale()

    torch.manual_seed(0)
    first = parts()
    for _ in range(3):
        step(**first)
    save_training(tmp_path / "a.safetensors", first, {"losses": [1.5, math.inf], "name": None})
    expected = [step(**first) for _ in range(4)]
    assert expected[-1][2] > 64 and expected[-1][1] < 0.1
    second = parts()
    assert load_training(tmp_path / "a.safetensors", second) == {"losses": [1.5, math.inf], "name": None}
    assert [step(**second) for _ in range(4)] == expected
    second["optimizer"] = torch.optim.AdamW(second["model"].parameters())
    with pytest.raises(CourseError, match="begun with optimizer = SGD, and now it is AdamW"):
        load_training(tmp_path / "a.safetensors", second)
    other = parts()
    weights, biases = ([p for p in other["model"].parameters() if (p.ndim == 4) == large] for large in (True, False))
    other["optimizer"] = torch.optim.SGD([{"params": weights}, {"params": biases}], lr=0.1)
    before = copy.deepcopy(other["model"].state_dict())
    with pytest.raises(CourseError, match=r"optimizer's parameters per group = \[6\], and now it is \[2, 4\]"):
        load_training(tmp_path / "a.safetensors", other)
    assert all(torch.equal(before[name], tensor) for name, tensor in other["model"].state_dict().items())


def test_a_state_that_only_pickle_could_write_is_refused(tmp_path):
    with pytest.raises(CourseError, match=r"cannot be written without pickle \(.*Conv2d"):
        save_training(tmp_path / "a.safetensors", {"model": Network()}, nn.Conv2d(3, 4, 1))
    assert not any(tmp_path.iterdir())


def test_packed_values_are_json_and_come_back_as_they_were():
    value = {
        "tuple": (1, (2.5, None)),
        "numbered": {0: {"step": torch.tensor(3.0)}, 1: {}},
        "list": [{"a": [True, "text"]}, torch.arange(3, dtype=torch.uint8)],
        "tensor": {"items": 0.1 + 0.2},
    }
    tensors = {}
    text = json.dumps(checkpoints.pack(value, "", tensors))
    assert sorted(tensors) == ["list.1", "numbered.0.step"]
    restored = checkpoints.unpack(json.loads(text), tensors)
    assert str(restored) == str(value)
    assert restored["tensor"] == value["tensor"]


def test_weights_survive_the_disk(tmp_path):
    path = tmp_path / "weights.safetensors"
    saved, loaded = models.create("unet_tiny", 3), models.create("unet_tiny", 3)
    save_weights(saved, path, {"classes": "3"})
    assert load_weights(loaded, path) == {"classes": "3"}
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in saved.state_dict().items())
    assert load_file(path).keys() == saved.state_dict().keys()
    assert path.stat().st_mode & 0o777 == 0o644


def test_weights_that_do_not_fit_are_named(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(models.create("fcn_tiny", 3), path)
    untouched = models.create("fcn_tiny", 4)
    before = copy.deepcopy(untouched.state_dict())
    message = r"classifier.head.2.weight is \(3, 24, 1, 1\) in the file, \(4, 24, 1, 1\) in the model"
    with pytest.raises(CourseError, match=message):
        load_weights(untouched, path)
    assert all(torch.equal(before[name], tensor) for name, tensor in untouched.state_dict().items())
    with pytest.raises(CourseError, match=r"classifier\.\S+ is missing in the file"):
        load_weights(models.create("unet_tiny", 3), path)
    save_weights(Network(), path)
    with pytest.raises(CourseError, match=r"layers.0.bias is \(4,\) in the file, missing in the model"):
        load_weights(nn.Sequential(), path)


def test_missing_and_broken_weights_are_named(tmp_path):
    with pytest.raises(CourseError, match=r"there are no weights at .*nowhere\.safetensors"):
        load_weights(Network(), tmp_path / "nowhere.safetensors")
    path = tmp_path / "weights.safetensors"
    save_weights(Network(), path)
    for content in (path.read_bytes()[:-7], b"", b"not safetensors at all"):
        path.write_bytes(content)
        with pytest.raises(CourseError, match="no readable safetensors file"):
            load_weights(Network(), path)
    with pytest.raises(CourseError, match="no readable safetensors file"):
        load_weights(Network(), tmp_path)


@pytest.mark.slow
def test_a_large_network_in_mixed_precision_goes_on_bit_for_bit(tmp_path, monkeypatch):
    """torchvision's DeepLabV3 with both heads, and a loss scale that changes, as a GPU's branch has it."""
    scaler = torch.amp.GradScaler
    monkeypatch.setattr(torch.amp, "GradScaler", lambda device, enabled: scaler(device, growth_interval=2))

    def run_large(folder=None, stop=None, resume=False, seed=0):
        seed_everything(seed, threads=2)
        model = deeplabv3_resnet50(weights_backbone=None, num_classes=NUM_CLASSES, aux_loss=True)
        loaders = DataLoader(Augmented(stop), 3, shuffle=True), DataLoader(Augmented(), 3)
        history = fit(model, *loaders, NUM_CLASSES, 3, folder=folder, resume=resume, device="cpu", max_lr=1e-3)
        return history, model.state_dict(), torch.rand(3)

    expected = run_large()
    with pytest.raises(KeyboardInterrupt):
        run_large(tmp_path, stop=NUM_IMAGES + 4)
    state = json.loads(read_metadata(tmp_path / "last.safetensors")["training"])
    assert state["parts"]["scaler"]["scale"] == 2 * 65536  # it has grown once
    assert_same(run_large(tmp_path, resume=True, seed=7), expected)
