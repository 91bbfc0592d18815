"""Weights, and trainings that can be continued, on disk: as safetensors, a whole file or none, never as pickle.

Weights are what a network has learnt. A training needs more to go on as if nothing had happened: the optimizer's
moments, the place in the schedule, the loss scale, and the state of every source of random numbers. Its tensors and a
JSON text with the rest stand in one file, because two files cannot be replaced in one step.
"""

import json
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from segutils.errors import CourseError

__all__ = ["begin_run", "best_of", "load_training", "load_weights", "save_run", "save_training", "save_weights"]

BEST, LAST = "best.safetensors", "last.safetensors"
ENTRY = "training"  # of the file's metadata: the JSON text

Parts = dict[str, Any]  # objects with state_dict and load_state_dict, one of them the "model"
History = list[dict[str, float]]
Weights = dict[str, Tensor]


def save_weights(model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write the model's weights to a safetensors file.

    Raises:
        CourseError: the file cannot be written; what it held before is untouched.
    """
    write(path, model.state_dict(), metadata or {})


def load_weights(model: nn.Module, path: str | Path) -> dict[str, str]:
    """Read weights that `save_weights` wrote into a model of the same architecture; return the file's metadata.

    Raises:
        CourseError: the file is missing or broken, or its first name or shape that differs from the model's.
    """
    tensors, metadata = read(path)
    check_fit(path, tensors, model)
    model.load_state_dict(tensors)
    return metadata


def save_training(
    path: str | Path,
    parts: Parts,
    notes: Any = None,
    plan: dict[str, Any] | None = None,
    generators: Sequence[torch.Generator] = (),
) -> None:
    """Write a training as it stands, to be continued bit for bit by `load_training`.

    `parts` is whatever has a state, e.g. {"model": model, "optimizer": optimizer, "scheduler": scheduler}; `notes` what
    the caller wants back; `plan` the settings that must be the same when the training goes on. The random numbers are
    Python's, numpy's and torch's global ones, and those of `generators` (a loader may have one of its own).

    Raises:
        CourseError: a state holds something that is neither a tensor nor JSON, or the file cannot be written.
    """
    tensors: Weights = {}
    state = {
        "plan": plan or {},
        "kinds": kinds(parts, generators),
        "parts": {name: part.state_dict() for name, part in parts.items()},
        "random": random_state(generators),
        "notes": notes,
    }
    try:
        text = json.dumps(pack(state, "", tensors))
    except TypeError as error:
        raise CourseError(f"{path}: this training cannot be written without pickle ({error})") from error
    write(path, tensors, {ENTRY: text})


def load_training(
    path: str | Path,
    parts: Parts,
    plan: dict[str, Any] | None = None,
    generators: Sequence[torch.Generator] = (),
) -> Any:
    """Put `parts` and all random numbers back to where `save_training` found them; return its notes.

    Raises:
        CourseError: the file is missing, broken, or of another training; then nothing was changed.
    """
    state = read_training(path, parts, plan or {}, generators)
    restore_training(state, parts, generators)
    return state["notes"]


# A run of `training.fit`: a folder with the weights of the best epoch and the training as it stood after the last one.


def begin_run(
    folder: str | Path, parts: Parts, plan: dict[str, Any], generators: Sequence[torch.Generator], resume: bool
) -> tuple[History, Weights | None]:
    """The history so far and its best weights: nothing in a new folder, else those of the training that goes on there.

    Raises:
        CourseError: the folder holds a training and `resume` is not set, or it holds one that does not fit.
    """
    folder = Path(folder)
    make_folder(folder)
    for name in (BEST, LAST):
        for leftover in folder.glob(f"{name}.*.tmp"):  # of a process that was killed while it wrote
            leftover.unlink(missing_ok=True)
    if not (folder / BEST).exists() and not (folder / LAST).exists():
        return [], None
    if not resume:
        raise CourseError(f"{folder} holds a training already: continue it with resume=True, or name another folder")
    if not (folder / LAST).exists():
        raise CourseError(f"{folder} holds {BEST} but no {LAST}, so nothing can go on there: name another folder")
    state = read_training(folder / LAST, parts, plan, generators)
    history = state["notes"]
    weights = state["parts"]["model"]
    if best_of(history) is not history[-1]:
        weights, metadata = read(folder / BEST)
        check_fit(folder / BEST, weights, parts["model"])
        if metadata.get("epoch") != str(best_of(history)["epoch"]):
            raise CourseError(f"{folder / BEST} is not of the training in {LAST}: put its own file back, or train anew")
    restore_training(state, parts, generators)
    write_best(folder, weights, history)  # again, because a kill between the two files leaves an older one
    return history, weights


def save_run(
    folder: str | Path, parts: Parts, history: History, plan: dict[str, Any], generators: Sequence[torch.Generator]
) -> None:
    """Write the training after an epoch, and then, where this epoch is the best one, its weights."""
    save_training(Path(folder) / LAST, parts, history, plan, generators)
    if best_of(history) is history[-1]:
        write_best(Path(folder), parts["model"].state_dict(), history)


def write_best(folder: Path, weights: Weights, history: History) -> None:
    best = best_of(history)
    write(folder / BEST, weights, {"epoch": str(best["epoch"]), "miou": f"{best['miou']:.4f}"})


def best_of(history: History) -> dict[str, float]:
    """The entry with the highest validation mIoU; of several alike the first."""
    return max(history, key=lambda entry: entry["miou"])


# Files


def write(path: str | Path, tensors: Weights, metadata: dict[str, str]) -> None:
    """Write a safetensors file under a temporary name, then rename it: a kill or a full disk leaves the old one."""
    path = Path(path)
    make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(tensors, temporary, metadata)
        temporary.chmod(0o644)  # safetensors lets nobody else read it
        with temporary.open("r+b") as file:
            os.fsync(file.fileno())  # on the disk before the name leads to it: a power cut must not leave it empty
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        raise CourseError(
            f"{path} cannot be written ({error}): make room or permit writing there; what was there before is untouched"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> tuple[Weights, dict[str, str]]:
    """All tensors of a safetensors file, on the CPU, and its metadata."""
    try:
        with safe_open(path, framework="pt") as file:
            # Cloned, so that no tensor lives in a file that a later epoch replaces.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118, it is no dict
            return tensors, file.metadata() or {}
    except FileNotFoundError:
        raise CourseError(f"there are no weights at {path}") from None
    except (SafetensorError, OSError) as error:
        raise CourseError(f"{path} is no readable safetensors file ({error}): make or download it anew") from error


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CourseError(f"{folder} cannot be made a folder ({error}): name another one") from error


def check_fit(path: str | Path, tensors: Weights, model: nn.Module) -> None:
    """Raise a CourseError that names the first tensor in which a file and a model differ."""
    wanted = model.state_dict()
    for name in [*wanted, *tensors]:
        ours, theirs = (tuple(side[name].shape) if name in side else "missing" for side in (wanted, tensors))
        if ours != theirs:
            raise CourseError(f"{path} does not fit this model: {name} is {theirs} in the file, {ours} in the model")


# The state of a training


def read_training(
    path: str | Path, parts: Parts, plan: dict[str, Any], generators: Sequence[torch.Generator]
) -> dict[str, Any]:
    """What `save_training` wrote, once it is certain that it fits what is to go on."""
    tensors, metadata = read(path)
    if ENTRY not in metadata:
        raise CourseError(f"{path} holds weights, but no training that could go on: read it with load_weights")
    try:
        state = unpack(json.loads(metadata[ENTRY]), tensors)
        pairs = [(state["plan"], plan), (state["kinds"], kinds(parts, generators))]
    except (KeyError, TypeError, ValueError) as error:
        raise CourseError(f"{path} is no training that this version wrote ({error!r}): train anew") from error
    for before, now in pairs:
        for name in [*before, *now]:
            if before.get(name) != now.get(name):
                raise CourseError(
                    f"{path} was begun with {name} = {before.get(name)}, and now it is {now.get(name)}: "
                    "go on with the same settings, or begin anew in another place"
                )
    check_fit(path, state["parts"]["model"], parts["model"])
    return state


def kinds(parts: Parts, generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """What tells a training's parts from others that their states would not fit."""
    found: dict[str, Any] = {name: type(part).__name__ for name, part in parts.items()}
    for name, part in parts.items():
        if isinstance(part, torch.optim.Optimizer):
            found[f"{name}'s parameters per group"] = [len(group["params"]) for group in part.param_groups]
    return {**found, "own generators": len(generators)}


def restore_training(state: dict[str, Any], parts: Parts, generators: Sequence[torch.Generator]) -> None:
    for name, part in parts.items():
        # The scale that a GPU's mixed precision has found means nothing on a CPU, and a CPU has none to give.
        if state["parts"][name]:
            part.load_state_dict(state["parts"][name])
    set_random_state(state["random"], generators)  # last: whatever was built before has drawn numbers


def random_state(generators: Iterable[torch.Generator]) -> dict[str, Any]:
    """The state of Python's, numpy's and torch's random numbers, and of generators beside them."""
    numpy_state = np.random.get_state(legacy=False)
    numpy_state["state"]["key"] = numpy_state["state"]["key"].tolist()
    return {
        "python": random.getstate(),
        "numpy": numpy_state,
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "generators": [generator.get_state() for generator in generators],
    }


def set_random_state(state: dict[str, Any], generators: Sequence[torch.Generator]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if len(state["cuda"]) == torch.cuda.device_count():  # on other hardware no bit stays the same anyway
        torch.cuda.set_rng_state_all(state["cuda"])
    for generator, own in zip(generators, state["generators"], strict=True):
        generator.set_state(own)


def pack(value: Any, name: str, tensors: Weights) -> Any:
    """The value as JSON can hold it; a tensor goes into `tensors`, and its name there stands in its place."""
    match value:
        case Tensor():
            tensors[name] = value
            return {"<tensor>": name}
        case dict() if all(isinstance(key, str) for key in value):
            return {key: pack(item, f"{name}.{key}".lstrip("."), tensors) for key, item in value.items()}
        case dict():  # an optimizer numbers its parameters
            return {"<items>": [[key, pack(item, f"{name}.{key}", tensors)] for key, item in value.items()]}
        case tuple():
            return {"<tuple>": [pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]}
        case list():
            return [pack(item, f"{name}.{index}", tensors) for index, item in enumerate(value)]
        case _:
            return value


def unpack(value: Any, tensors: Weights) -> Any:
    """The value that `pack` was given."""
    match value:
        case {"<tensor>": name}:
            return tensors[name]
        case {"<items>": items}:
            return {key: unpack(item, tensors) for key, item in items}
        case {"<tuple>": items}:
            return tuple(unpack(item, tensors) for item in items)
        case dict():
            return {key: unpack(item, tensors) for key, item in value.items()}
        case list():
            return [unpack(item, tensors) for item in value]
        case _:
            return value
