"""Promise: within 5 s and 1 GiB an image or an `InputError`, whatever happened to the bytes."""

from __future__ import annotations

import os
import random
import struct
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import tifffile
from gatan_files import image_tags, microscope_tags, thumbnail_tags, write_dm
from PIL import Image

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs import subprocess_decoder
from hrtem_shift.micrographs.readers import read_image, read_micrograph

MUTANTS = int(os.environ.get("FUZZ_MUTANTS", "2000"))
"""FUZZ_MUTANTS=12000 pytest tests/micrographs/test_damaged_files.py for a long look."""

_HEADER = 3000
_NUMBERS = [0, 1, 0x7F, 0xFFFF, 2**24, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63]
_PEAK_BYTES = 2**30
_SECONDS = 5.0


def _truncated(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content))]


def _with_flipped_bits(content: bytes, draw: random.Random) -> bytes:
    mutant = bytearray(content)
    for _ in range(draw.choice([1, 4, 32])):
        mutant[_place(content, draw)] ^= 1 << draw.randrange(8)
    return bytes(mutant)


def _with_zeros(content: bytes, draw: random.Random) -> bytes:
    at, length = _place(content, draw), draw.choice([4, 256, 4096])
    return content[:at] + bytes(len(content[at : at + length])) + content[at + length :]


def _with_another_number(content: bytes, draw: random.Random) -> bytes:
    """A declared size, count or offset: 2, 4 or 8 bytes, in either order, become another."""
    at, form = _place(content, draw), draw.choice([">H", "<H", ">I", "<I", ">Q", "<Q"])
    width = struct.calcsize(form)
    number = draw.choice(_NUMBERS) % 2 ** (8 * width)
    return content[:at] + struct.pack(form, number) + content[at + width :]


def _place(content: bytes, draw: random.Random) -> int:
    """Anywhere, but mostly where headers are: at the start or at the end."""
    edge = min(_HEADER, len(content))
    return draw.choice(
        [
            draw.randrange(len(content)),
            draw.randrange(min(200, edge)),
            draw.randrange(edge),
            len(content) - 1 - draw.randrange(edge),
        ]
    )


DAMAGES = [_truncated, _with_flipped_bits, _with_zeros, _with_another_number]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, bytes]:
    """Small files of every kind whose bytes are read here, and not in a library for HDF5."""
    folder = tmp_path_factory.mktemp("samples")
    pixels = np.random.default_rng(7).poisson(1000.0, size=(48, 64)).astype(np.uint16)
    small = (pixels - 900).astype(np.uint8)
    for version in 3, 4:
        images = [thumbnail_tags(24), image_tags(pixels, tags=microscope_tags())]
        write_dm(folder / f"a.dm{version}", images, version, Thumbnails={0: {"ImageIndex": 0}})
    tifffile.imwrite(folder / "plain.tif", pixels, imagej=True, metadata={"unit": "nm"})
    tifffile.imwrite(folder / "deflate.tif", pixels, compression="zlib", rowsperstrip=8)
    Image.fromarray(small).save(folder / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(small).save(folder / "a.png")
    Image.fromarray(small).save(folder / "a.jpg")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture
def checked(tmp_path) -> Iterator[Callable[[bytes, str], bool]]:
    """Read some bytes; whether they gave an image. The peak of memory is asked at the end."""

    def check(content: bytes, what: str) -> bool:
        path = tmp_path / "mutant"
        path.write_bytes(content)
        start = time.perf_counter()
        try:
            pixels = read_micrograph(path, pixel_size_nm=0.02).pixels
        except InputError as error:
            assert all((error.what, error.where, error.why, error.fix)), what
            readable = False
        else:
            assert pixels.dtype == np.float32 and pixels.ndim == 2, what
            assert np.isfinite(pixels).all(), what
            readable = True
        assert time.perf_counter() - start < _SECONDS, what
        return readable

    tracemalloc.start()
    yield check
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < _PEAK_BYTES


def _mutate(samples: dict[str, bytes], checked, count: int) -> None:
    readable = 0
    for k in range(count):
        draw = random.Random(k)
        name, damage = draw.choice(sorted(samples)), draw.choice(DAMAGES)
        readable += checked(damage(samples[name], draw), f"{name}, {damage.__name__}, seed {k}")
    assert 0.02 < readable / count < 0.9  # both ends are met


def test_damaged_files_give_an_image_or_the_one_error(samples, checked):
    for name, content in samples.items():
        assert checked(content, name)
    _mutate(samples, checked, MUTANTS)


def test_damaged_files_of_microscopes_give_an_image_or_the_one_error(shared_file, checked):
    names = ["multi_signal.dm3", "128x128-TEM_search_1.ser", "train_0001.tif"]
    real = {name: shared_file(f"io/{name}").read_bytes() for name in names}
    _mutate(real, checked, MUTANTS // 3)


def test_truncated_dm_never_gives_half_an_image(samples, checked):
    for name in "a.dm3", "a.dm4":
        content = samples[name]
        end = content.rindex(b"PixelDepth")
        assert not any(checked(content[:k], name) for k in range(0, end, 97))


# What other readers of these formats may run for hours on, or fill the memory with


def _dm_tag(*description: int) -> bytes:
    numbers = struct.pack(f">{len(description) + 1}i", len(description), *description)
    tag = struct.pack(">BH", 21, 1) + b"a" + b"%%%%" + numbers
    return struct.pack(">iii", 3, 99, 1) + b"\1\0" + struct.pack(">i", 1) + tag


@pytest.mark.parametrize(
    "description",
    [
        (20, 15, 0, 0, 2**31 - 1),  # structs without fields
        (20, 20, 2, 0, 2**31 - 1),  # arrays without elements
        (20, 18, 0, 2**31 - 1),  # texts without letters
        (20, 2, 2**31 - 1),
        (20, 2, -1),
        (18, -(2**31)),
        (15, 0, 2**31 - 1),
    ],
)
def test_many_times_nothing_is_no_work(tmp_path, description):
    path = tmp_path / "a.dm3"
    path.write_bytes(_dm_tag(*description))
    start = time.perf_counter()
    with pytest.raises(InputError):
        read_image(path)
    assert time.perf_counter() - start < 0.5


def test_endless_groups_are_refused(tmp_path):
    group = struct.pack(">BH", 20, 0) + b"\1\0" + struct.pack(">i", 1)
    path = tmp_path / "a.dm3"
    path.write_bytes(struct.pack(">iii", 3, 99, 1) + b"\1\0" + struct.pack(">i", 1) + group * 9999)
    with pytest.raises(InputError, match="nested more than 64 deep"):
        read_image(path)


def test_a_large_array_that_is_no_image_is_not_unpacked(tmp_path, pixels, checked):
    """A real file of 4096² of which one bit turned Data into Dbta."""
    path = write_dm(tmp_path / "a.dm3", [image_tags(np.zeros((2048, 2048), np.uint16))])
    content = path.read_bytes().replace(b"\x04Data%", b"\x04Dbta%")
    assert not checked(content, "Dbta")


def test_a_deflated_strip_that_grows_is_refused(tmp_path, pixels, checked):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, compression="zlib", metadata=None)
    bomb = zlib.compress(bytes(2**28), 9)
    with tifffile.TiffFile(path) as tiff:
        tags = tiff.pages[0].tags
        places = [(tags[273], path.stat().st_size), (tags[279], len(bomb))]
        places = [(tag.valueoffset, number) for tag, number in places]
    content = bytearray(path.read_bytes() + bomb)
    for at, number in places:
        struct.pack_into("<I", content, at, number)
    tracemalloc.reset_peak()
    assert not checked(bytes(content), "bomb")
    assert tracemalloc.get_traced_memory()[1] < 2**26


def test_a_tiff_of_very_many_pages_is_refused_at_once(tmp_path, checked):
    content = bytearray(b"II*\0" + struct.pack("<I", 8))
    for _ in range(200_000):
        content += struct.pack("<HHHIII", 1, 256, 4, 1, 8, len(content) + 18)
    assert not checked(bytes(content), "pages")


def test_hdf5_that_the_library_does_not_finish_is_given_up(tmp_path, monkeypatch, checked):
    """A reader that ends with a signal, and one that never ends, are errors like any other."""
    path = tmp_path / "a.emd"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(900))
    with pytest.raises(InputError, match=r"cannot be decoded .*OSError"):
        read_image(path)
    for body, reason in (
        ("import os; os.kill(os.getpid(), 11)", "ended with status -11"),
        ("while True: pass", "takes more than 0.5 s"),
    ):
        reader = tmp_path / "python"
        reader.write_text(f"#!{sys.executable}\n{body}\n")
        reader.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setattr(subprocess_decoder, "_SECONDS", 0.5)
            patch.setattr(sys, "executable", str(reader))
            with pytest.raises(InputError, match=reason):
                read_image(path)
