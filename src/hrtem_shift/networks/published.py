"""Published networks: whole PyTorch modules, pickled into a zip, read without unpickling.

Unpickling runs code. Here the pickle's instructions are interpreted as data, by a stack machine
that builds dictionaries, tuples and arrays and cannot call anything. (Python's unpickler with a
list of allowed names is no alternative: a few bytes make it allocate gigabytes or hash for ever.)

Source of the files: ScottLabUCB/HRTEM-Generalization, ``trained_models``; arXiv 2306.11853.
"""

from __future__ import annotations

import math
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hrtem_shift.errors import InputError
from hrtem_shift.networks.residual_unet import ResidualUNet
from hrtem_shift.networks.weights import Weights, weights_of

_FILE_NAME = re.compile(
    r"UNet_(?P<family>[^_]+)_fold(?P<fold>\d+)_seed(?P<seed>\d+)_model\.h5", re.IGNORECASE
)
# The published files have 583,773 bytes, 148 members, and a pickle of 31,615 bytes.
_MOST_BYTES, _MOST_MEMBERS = 2**20, 256

_MODULES = {
    "__main__ UNet",
    "__main__ ResidualBlock",
    "torch.nn.modules.conv Conv2d",
    "torch.nn.modules.batchnorm BatchNorm2d",
    "torch.nn.modules.activation ReLU",
    "torch.nn.modules.pooling MaxPool2d",
    "torch.nn.modules.upsampling Upsample",
    "torch.nn.modules.container ModuleList",
}
_DTYPES: dict[str, np.dtype] = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch LongStorage": np.dtype("<i8"),
}
_CALLED = {
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "collections OrderedDict",
    "__builtin__ set",
}
ALLOWED_NAMES = frozenset(_MODULES | _DTYPES.keys() | _CALLED)
"""All that a published file may name, as ``module name``; none of it is imported."""


@dataclass(frozen=True, eq=False)
class PublishedNetwork:
    """One published network.

    Parameters
    ----------
    family : str
        What it was trained on, from its file name: ``5nmAu330kX423eUTC``.
    fold, seed : int
        Of its training.
    weights : mapping
        Arrays by parameter name, of the shapes and dtypes of `ResidualUNet`.
    """

    family: str
    fold: int
    seed: int
    weights: Weights


def published_networks_in(folder: Path) -> list[Path]:
    """Files of a folder with names of published networks, sorted.

    Raises
    ------
    InputError
        There is no such folder, or no such file in it.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*") if _FILE_NAME.fullmatch(path.name))
    if not paths:
        raise InputError(
            "no published network in this folder" if folder.is_dir() else "no such folder",
            where=str(folder),
            why="Networks are found by their names, UNet_<family>_fold<k>_seed<s>_model.h5",
            fix="Give the folder with files of trained_models of ScottLabUCB/HRTEM-Generalization",
        )
    return paths


def read_published_network(path: Path) -> PublishedNetwork:
    """Read a published weight file without running anything in it.

    Parameters
    ----------
    path : Path
        ``UNet_<family>_fold<k>_seed<s>_model.h5``, in upper or lower case.

    Returns
    -------
    PublishedNetwork
        Its weights load strictly into `ResidualUNet`.

    Raises
    ------
    InputError
        The file name is wrong; the file is no zip, damaged or too large; it names anything
        beyond `ALLOWED_NAMES`; its arrays are not the 146 of the residual U-Net, or not finite.
    """
    path = Path(path)
    try:
        name = _FILE_NAME.fullmatch(path.name)
        if name is None:
            raise ValueError("its name is not UNet_<family>_fold<k>_seed<s>_model.h5")
        members = _members(path)
        storages = {key: data for key, data in members.items() if key.startswith("archive/data/")}
        weights = _weights(_interpret(members["archive/data.pkl"], storages), len(storages))
    except Exception as error:  # a damaged zip or pickle fails in many classes
        reason = (str(error).splitlines() or [""])[0].strip(" .")
        kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
        raise InputError(
            f"not a readable published network ({kind}{reason})",
            where=str(path),
            why="Only the arrays of the published residual U-Net are read, and no code is run",
            fix="Download it again from trained_models of ScottLabUCB/HRTEM-Generalization",
        ) from error
    return PublishedNetwork(name["family"], int(name["fold"]), int(name["seed"]), weights)


def _members(path: Path) -> dict[str, bytes]:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.stat().st_size} bytes, more than {_MOST_BYTES}")
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        size = sum(member.file_size for member in members)
        if len(members) > _MOST_MEMBERS or size > _MOST_BYTES:
            raise ValueError(f"{len(members)} members of {size} bytes in all")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("compressed members, where PyTorch stores plain ones")
        return {member.filename: archive.read(member) for member in members}


@dataclass(frozen=True)
class _Name:
    """Placeholder for a name in the pickle, which is not imported."""

    text: str


@dataclass(eq=False)
class _Module:
    """Placeholder for a module: holds its state."""

    state: dict[str, Any] = field(default_factory=dict)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


def _interpret(pickle: bytes, storages: Mapping[str, bytes]) -> Any:
    """Object that a pickle describes, made of `_Module`, dict, tuple and arrays only.

    Interprets the 27 instructions of the published files; see `pickletools` for their meaning.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for instruction, argument, _ in pickletools.genops(pickle):
        match instruction.name:
            case "PROTO" | "STOP":
                pass
            case "NONE" | "NEWTRUE" | "NEWFALSE" | "EMPTY_TUPLE" as constant:
                stack.append(_CONSTANTS[constant])
            case "BININT1" | "BININT2" | "BINFLOAT" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                marks.append(len(stack))
            case "TUPLE":
                stack.append(tuple(_pop_from(stack, marks.pop())))
            case "TUPLE1" | "TUPLE2" | "TUPLE3" as tuples:
                stack.append(tuple(_pop_from(stack, len(stack) - int(tuples[-1]))))
            case "SETITEMS":
                _set_items(_pop_from(stack, marks.pop()), stack[-1])
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_allowed(str(argument)))
            case "NEWOBJ" | "REDUCE":
                arguments, called = stack.pop(), stack.pop()
                stack.append(_call(called.text, arguments))
            case "BUILD":
                _build(stack.pop(), stack[-1])
            case "BINPERSID":
                stack.append(_storage(stack.pop(), storages))
            case unknown:
                raise ValueError(f"its pickle uses {unknown}, which published networks do not")
    return stack.pop()


def _pop_from(stack: list[Any], start: int) -> list[Any]:
    if not 0 <= start <= len(stack):
        raise ValueError("its pickle takes more than it holds")
    items = stack[start:]
    del stack[start:]
    return items


def _set_items(items: list[Any], target: Any) -> None:
    keys, values = items[::2], items[1::2]
    if type(target) is not dict or not all(type(key) is str for key in keys):
        raise ValueError("its pickle holds more than dictionaries by name")
    target.update(zip(keys, values, strict=True))


def _build(state: Any, target: Any) -> None:
    if type(target) is not _Module or type(state) is not dict:
        raise ValueError("its pickle fills more than modules")
    target.state = state


def _allowed(name: str) -> _Name:
    if name not in ALLOWED_NAMES:
        raise ValueError(f"it names '{name[:80]}', which no published network needs")
    return _Name(name)


def _call(name: str, arguments: Any) -> Any:
    match name, arguments:
        case _, () if name in _MODULES:
            return _Module()
        case "collections OrderedDict", ():
            return {}
        case "__builtin__ set", ([],):
            return ()
        case "torch._utils _rebuild_parameter", (np.ndarray() as array, bool(), _):
            return array
        case "torch._utils _rebuild_tensor_v2", (storage, 0, size, strides, bool(), _):
            return _tensor(storage, size, strides)
    raise ValueError(f"it uses '{name}' in another way than published networks do")


def _storage(described: Any, storages: Mapping[str, bytes]) -> np.ndarray:
    """Array (n,) of a whole member of the zip, described by kind, key, device and length."""
    match described:
        case "storage", _Name(kind), str(key), str(), int(length) if kind in _DTYPES:
            array = np.frombuffer(storages[f"archive/data/{key}"], _DTYPES[kind])
            if array.size == length:
                return array
            raise ValueError(f"array {key} has {array.size} numbers instead of {length}")
    raise ValueError("it describes an array in another way than published networks do")


def _tensor(storage: np.ndarray, size: Any, strides: Any) -> np.ndarray:
    """Array of shape `size` over its whole storage, in C order."""
    plain = len(size) <= 4 and all(type(side) is int for side in size)
    if not plain or strides != tuple(math.prod(size[k + 1 :]) for k in range(len(size))):
        raise ValueError("an array that does not lie row by row in its storage")
    return storage.reshape(size)


def _weights(network: Any, n_arrays: int) -> Weights:
    """Arrays of the residual U-Net by name, from the interpreted modules."""
    expected = weights_of(ResidualUNet())
    if n_arrays != len(expected):
        raise ValueError(f"{n_arrays} arrays where the residual U-Net has {len(expected)}")
    weights = {}
    for name, like in expected.items():
        *path, last = name.split(".")
        module = network
        for step in path:
            module = module.state["_modules"][step]
        array = {**module.state["_parameters"], **module.state["_buffers"]}[last]
        if (array.shape, array.dtype) != (like.shape, like.dtype):
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {like.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds numbers that are not finite")
        weights[name] = array.copy()
    return weights
