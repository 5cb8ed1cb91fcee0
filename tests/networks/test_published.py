"""Published networks: read as data, strictly, and never run."""

import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.errors import InputError
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.published import published_networks_in, read_published_network
from hrtem_shift.networks.weights import network_from, weights_fingerprint, weights_of

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "published_networks"
NAME = "UNet_5nmAu330kX80eUTC_fold2_seed621_model.h5"
SEEDS = [962, 1662, 621, 72115, 45521]


@pytest.fixture
def published():
    if not PUBLISHED.is_dir():
        pytest.skip("no published networks beside this checkout (shared/data)")
    return published_networks_in(PUBLISHED)


# A writer of the published format, opcode by opcode: nothing here imports what it names.


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"M" + struct.pack("<H", value)


def named(name):
    return b"c" + name.replace(" ", "\n").encode() + b"\n"


def pairs(items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def module(kind, parameters=None, buffers=None, modules=None):
    state = {
        "_parameters": pairs(parameters or {}),
        "_buffers": pairs(buffers or {}),
        "_non_persistent_buffers_set": named("__builtin__ set") + b"]\x85R",
        "_backward_hooks": named("collections OrderedDict") + b")R",
        "_modules": pairs(modules or {}),
    }
    return named(kind) + b")\x81" + pairs(state) + b"b"


def tensor(key, array, *, length=None, offset=0, size=None, strides=None):
    kind = "torch LongStorage" if array.dtype == np.int64 else "torch FloatStorage"
    size = array.shape if size is None else size
    if strides is None:
        strides = [side // array.itemsize for side in array.strides]
    storage = [text("storage"), named(kind), text(str(key)), text("cuda:0")]
    described = b"".join(storage) + number(array.size if length is None else length)
    shape = b"".join(b"(" + b"".join(map(number, sides)) + b"t" for sides in (size, strides))
    hooks = named("collections OrderedDict") + b")R"
    rebuilt = b"((" + described + b"tQ" + number(offset) + shape + b"\x89" + hooks + b"t"
    return named("torch._utils _rebuild_tensor_v2") + rebuilt + b"R"


def parameter(data):
    hooks = named("collections OrderedDict") + b")R"
    return named("torch._utils _rebuild_parameter") + data + b"\x88" + hooks + b"\x87R"


KINDS = {"conv": "torch.nn.modules.conv Conv2d", "bn": "torch.nn.modules.batchnorm BatchNorm2d"}


def tree(weights, lies):
    """Pickle of nested modules that hold `weights`; `lies` by name go to `tensor`."""
    keys = {name: key for key, name in enumerate(weights)}

    def branch(prefix):
        nested = [name for name in weights if name.startswith(prefix)]
        steps = dict.fromkeys(name[len(prefix) :].split(".")[0] for name in nested)
        leaves = {s: prefix + s for s in steps if prefix + s in keys}
        data = {s: tensor(keys[n], weights[n], **lies.get(n, {})) for s, n in leaves.items()}
        learned = {s: parameter(d) for s, d in data.items() if s in ("weight", "bias")}
        counted = {s: d for s, d in data.items() if s not in learned}
        below = {s: branch(f"{prefix}{s}.") for s in steps if s not in leaves}
        kind = KINDS["bn" if counted else "conv"] if learned else "__main__ UNet"
        return module(kind, learned, counted, below)

    return b"\x80\x02" + branch("") + b"."


def members(weights, **lies):
    stored = {f"archive/data/{k}": a.tobytes() for k, a in enumerate(weights.values())}
    lies = {name.replace("__", "."): lie for name, lie in lies.items()}
    return {"archive/data.pkl": tree(weights, lies), **stored, "archive/version": b"3\n"}


def zipped(contents, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


WEIGHTS = weights_of(new_network(5))
SHAPES = {name: (array.shape, array.dtype) for name, array in WEIGHTS.items()}
SOUND = members(WEIGHTS)


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, name=NAME):
        if isinstance(content, dict):
            content = zipped(content)
        (tmp_path / name).write_bytes(content)
        return read_published_network(tmp_path / name)

    return write_and_read


def refused(read, content, *parts, name=NAME):
    with pytest.raises(InputError) as caught:
        read(content, name)
    assert name in caught.value.where
    assert all(part in caught.value.what for part in parts), caught.value.what


def test_all_published_networks_load_strictly(published):
    networks = [read_published_network(path) for path in published]
    families = [f"5nmAu330kX{dose}eUTC" for dose in (423, 80, 884)]
    assert [(n.family, n.fold, n.seed) for n in networks] == [
        (family, fold, seed) for family in families for fold, seed in enumerate(SEEDS)
    ]
    for network in networks:
        loaded = network_from(network.weights)
        assert sum(p.numel() for p in loaded.parameters()) == 130_682
        assert weights_fingerprint(weights_of(loaded)) == weights_fingerprint(network.weights)
    assert len({weights_fingerprint(n.weights) for n in networks}) == 15


def test_published_counters_are_those_of_the_published_best_epochs(published):
    """Counter = (best epoch + 1) x batches per epoch, so all counters of a network agree."""
    for path in published[::5]:
        weights = read_published_network(path).weights
        counters = {int(v) for k, v in weights.items() if k.endswith("num_batches_tracked")}
        assert len(counters) == 1
        assert counters.pop() > 1000


def test_arrays_come_back_under_their_names(read):
    network = read(SOUND)
    assert (network.family, network.fold, network.seed) == ("5nmAu330kX80eUTC", 2, 621)
    assert weights_fingerprint(network.weights) == weights_fingerprint(WEIGHTS)


def test_names_are_compared_without_case(read):
    assert read(SOUND, name=NAME.replace("UNet", "Unet")).family == "5nmAu330kX80eUTC"


@pytest.mark.parametrize("name", ["network.h5", "UNet_a_foldx_seed1_model.h5", NAME + ".bak"])
def test_other_names_are_refused(read, name):
    refused(read, SOUND, "UNet_<family>_fold<k>", name=name)


def test_a_folder_lists_its_networks_sorted_and_nothing_else(tmp_path):
    names = ["Unet_a_fold1_seed2_model.h5", "UNet_a_fold0_seed1_model.h5", "model_details.csv"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in published_networks_in(tmp_path)] == sorted(names[:2])


@pytest.mark.parametrize("name", ["", "absent"])
def test_a_folder_without_networks_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="no published network" if not name else "no such folder"):
        published_networks_in(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=NAME):
        read_published_network(tmp_path / NAME)


class Runs:
    """Pickles to a call that makes a file: what a hostile author would write."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("call", [os.system, eval, exec])
def test_a_pickle_that_calls_is_refused_and_not_run(read, tmp_path, call, protocol):
    sentinel = tmp_path / "was run"
    opened = f"open({str(sentinel)!r}, 'w').close()"
    hostile = pickle.dumps(
        Runs(call, f"touch '{sentinel}'" if call is os.system else opened), protocol
    )
    pickle.loads(hostile)
    assert sentinel.exists(), "a pickle that does not run would show nothing"
    sentinel.unlink()
    refused(read, SOUND | {"archive/data.pkl": hostile}, "which")
    assert not sentinel.exists()


@pytest.mark.parametrize(
    "name",
    [
        "posix system",
        "builtins eval",
        "torch load",
        "torch.serialization load",
        "torch._utils _rebuild_tensor",
        "torch.nn.modules.conv Conv2d.forward",
        "torch DoubleStorage",
        "collections OrderedDict.fromkeys",
        "__main__ __builtins__",
        "__builtin__ getattr",
    ],
)
def test_one_more_name_in_a_sound_file_is_refused(read, name):
    sound = SOUND["archive/data.pkl"]
    hostile = sound[:-1] + named(name) + b"."
    refused(read, SOUND | {"archive/data.pkl": hostile}, f"it names '{name}'")


UNET, SET = named("__main__ UNet"), named("__builtin__ set")
TRICKS = {
    "ordered dictionary of something": (
        named("collections OrderedDict") + text("a") + b"\x85R",
        "in another way",
    ),
    "set of something": (SET + text("a") + b"\x85R", "in another way"),
    "parameter of text": (
        named("torch._utils _rebuild_parameter") + text("a") + b"\x85R",
        "in another way",
    ),
    "tensor of nothing": (named("torch._utils _rebuild_tensor_v2") + b")R", "in another way"),
    "storage called": (named("torch FloatStorage") + number(9) + b"\x85R", "in another way"),
    "module with arguments": (UNET + text("a") + b"\x85\x81", "in another way"),
    "module class filled": (UNET + pairs({"__new__": SET}) + b"b", "fills more"),
    "function filled": (
        named("torch._utils _rebuild_tensor_v2") + pairs({"__code__": b"N"}) + b"b",
        "fills more",
    ),
    "dictionary filled": (b"}" + pairs({"update": b"N"}) + b"b", "fills more"),
    "state of text": (UNET + b")\x81" + text("state") + b"b", "fills more"),
    "name from the stack": (text("posix") + text("system") + b"\x93", "uses STACK_GLOBAL"),
    "instance": (b"(iposix\nsystem\n", "uses INST"),
    "object": (b"(" + UNET + b"o", "uses OBJ"),
    "copyreg extension": (b"\x82\x01", "uses EXT1"),
    "key that is no text": (b"}(NNu", "dictionaries by name"),
    "items of a module": (UNET + b")\x81(" + text("a") + b"Nu", "dictionaries by name"),
    "more popped than pushed": (b"\x87", "takes more than it holds"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_allowed_names_serve_only_their_own_use(read, trick):
    code, reason = TRICKS[trick]
    refused(read, SOUND | {"archive/data.pkl": b"\x80\x02" + code + b"."}, reason)


LIES = {
    "beyond its storage": {"size": (4, 1, 300, 3), "strides": (900, 900, 3, 1)},
    "strides beyond": {"strides": (9, 9, 3, 1000)},
    "strides of zero": {"strides": (0, 0, 0, 0)},
    "offset": {"offset": 4},
    "length": {"length": 4000},
    "other shape": {"size": (1, 4, 3, 3), "strides": (36, 9, 3, 1)},
    "many sides": {"size": (1,) * 99, "strides": (1,) * 99},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_tensor_that_lies_about_its_storage_is_refused(read, lie):
    refused(read, members(WEIGHTS, downs__0__conv1__weight=LIES[lie]))


def test_storages_of_wrong_size_or_absent_are_refused(read):
    refused(read, SOUND | {"archive/data/0": bytes(140)}, "has 35 numbers instead of 36")
    refused(read, {k: v for k, v in SOUND.items() if k != "archive/data/0"}, "archive/data/0")
    refused(read, SOUND | {"archive/data/146": bytes(4)}, "147 arrays")


@pytest.mark.parametrize("fault", ["missing", "renamed", "dtype", "nan"])
def test_arrays_of_another_network_are_refused(read, fault):
    weights = dict(WEIGHTS)
    bias = weights.pop("final_conv.bias")
    if fault == "renamed":
        weights["final_conv.other"] = bias
    elif fault == "dtype":
        weights["final_conv.bias"] = bias.astype(np.int64)
    elif fault == "nan":
        weights["final_conv.bias"] = np.array([0, np.nan], np.float32)
    refused(read, members(weights))


def test_no_zip_and_half_a_zip_are_refused(read):
    refused(read, b"", "BadZipFile")
    refused(read, b"\x89HDF\r\n\x1a\n" + bytes(900), "BadZipFile")
    whole = zipped(SOUND)
    for part in (100, len(whole) // 2, len(whole) - 10):
        refused(read, whole[:part])


def test_zips_that_unpack_to_much_are_refused(read):
    refused(read, SOUND | {f"archive/more/{k}": b"" for k in range(200)}, "members")
    refused(read, zipped(SOUND | {"more": bytes(10**8)}, zipfile.ZIP_DEFLATED), "members of")
    refused(read, zipped(SOUND, zipfile.ZIP_DEFLATED), "compressed")
    refused(read, bytes(2**20 + 1), "more than")


def test_pickles_that_take_memory_or_time_without_end_are_refused_at_once(read):
    """Each of these holds Python's own unpickler for hours or takes gigabytes."""
    memo = b"\x80\x02Nr\xff\xff\xff\xff."
    doubled = b")" + b"".join(b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(99))
    key = b"\x80\x02}(" + doubled + b"Nu."
    state = b"\x80\x02" + named("__main__ UNet") + b")\x81" + doubled + b"N\x86\x85b."
    member = b"\x80\x02(" + text("storage") + named("torch FloatStorage") + doubled + b"NNtQ."
    cycle = b"\x80\x02" + named("__main__ UNet") + b")\x81q\x00" + pairs({"_modules": b"h\x00"})
    for hostile in (memo, key, state, member, cycle + b"b."):
        refused(read, SOUND | {"archive/data.pkl": hostile})


flips = st.lists(st.tuples(st.integers(0, 2**20), st.integers(1, 255)), min_size=1, max_size=4)


def flipped(content, places):
    changed = bytearray(content)
    for place, mask in places:
        changed[place % len(changed)] ^= mask
    return bytes(changed)


def check_damaged(path, content):
    path.write_bytes(content)
    try:
        weights = read_published_network(path).weights
    except InputError:
        return
    assert {name: (array.shape, array.dtype) for name, array in weights.items()} == SHAPES


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / NAME


@settings(deadline=5000, max_examples=150)
@given(places=flips)
def test_flipped_bytes_of_the_pickle_end_in_a_refusal_or_in_sound_arrays(target, places):
    damaged = flipped(SOUND["archive/data.pkl"], places)
    check_damaged(target, zipped(SOUND | {"archive/data.pkl": damaged}))


@settings(deadline=5000, max_examples=60)
@given(places=flips)
def test_flipped_bytes_of_the_zip_end_in_a_refusal_or_in_sound_arrays(target, places):
    whole = zipped(SOUND)
    # The directory at the end is small and decides most: half of the places go there.
    places = [(len(whole) - 1 - p % 20_000 if p % 2 else p, mask) for p, mask in places]
    check_damaged(target, flipped(whole, places))


@settings(deadline=5000, max_examples=40)
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(target, content):
    target.write_bytes(content)
    with pytest.raises(InputError):
        read_published_network(target)


def test_reading_uses_no_unpickler(read, monkeypatch):
    def never(*arguments, **keywords):
        raise AssertionError("must not be called")

    for module, name in ((pickle, "Unpickler"), (pickle, "loads"), (torch, "load")):
        monkeypatch.setattr(module, name, never)
    assert len(read(SOUND).weights) == 146
