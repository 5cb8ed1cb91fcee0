"""Promise: a valid image, or an InputError that names the file, whatever the bytes."""

from __future__ import annotations

import random
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.readers import read_image, read_labels, read_mask


def _refused(path: Path, *words: str, read=read_image) -> None:
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}, {"byteorder": ">"}]
)
def test_tiff_is_read_bit_for_bit(tmp_path, pixels, dtype, options):
    stored = (pixels - 900).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, **options)
    image = read_image(tmp_path / "a.tif")
    assert image.dtype == np.float32
    np.testing.assert_array_equal(image, stored.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lzw_tiff_and_png_are_read_bit_for_bit(tmp_path, pixels, dtype):
    stored = (pixels - 900).astype(dtype)
    Image.fromarray(stored).save(tmp_path / "a.tif", compression="tiff_lzw")
    Image.fromarray(stored).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), stored)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), stored)


def test_the_content_decides_not_the_suffix(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.dm3")
    np.testing.assert_array_equal(read_image(tmp_path / "a.dm3"), pixels)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_equal_channels_are_grey(tmp_path, mask, channels):
    grey = mask // 2 + 3
    opaque = np.full_like(grey, 255)
    stack = {2: [grey, opaque], 3: [grey] * 3, 4: [grey] * 3 + [opaque]}[channels]
    Image.fromarray(np.dstack(stack)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), grey)


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_tiff_with_equal_channels_is_grey(tmp_path, mask, planar):
    stack = np.stack([mask] * 3, axis=-1 if planar == "contig" else 0)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb", planarconfig=planar)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), mask)


def test_unequal_channels_are_refused(tmp_path, mask):
    Image.fromarray(np.dstack([mask, mask // 2, mask])).save(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "channels differ")


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    _refused(tmp_path / "absent.tif", "cannot be opened")
    _refused(tmp_path, "cannot be opened")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"x,y\n1,2\n",
        b"\x89PNG\r\n\x1a\n",
        b"II*\0",
        b"MM\0+",
        b"\0\0\0\3",
        b"\0\0\0\4" * 9,
    ],
)
@pytest.mark.parametrize("suffix", [".png", ".tif", ".dm3", ".dm4"])
def test_files_without_an_image_are_refused(tmp_path, content, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(content)
    _refused(path, "0 bytes" if not content else "")


def test_another_format_is_named_by_its_first_bytes(tmp_path, mask):
    Image.fromarray(mask).save(tmp_path / "a.bmp")
    _refused(tmp_path / "a.bmp", "not a dm3, dm4, dm5, emd, ser, mrc, TIFF", "begins with b'BM")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_pixels_that_are_not_finite_are_counted(tmp_path, pixels, value):
    stored = pixels.astype(np.float64)
    stored[3, 4] = value
    tifffile.imwrite(tmp_path / "a.tif", stored)
    _refused(tmp_path / "a.tif", "1 of 3072 pixels", "NaN or infinite")


def test_a_constant_image_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.full((8, 8), 17, np.uint16))
    _refused(tmp_path / "a.tif", "all pixels have the value 17", "standard deviation 0")


def test_stacks_are_refused(tmp_path, pixels):
    stack = np.stack([pixels] * 5)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", stack, imagej=True)
    tifffile.imwrite(tmp_path / "c.tif", pixels)
    tifffile.imwrite(tmp_path / "c.tif", pixels[:8], append=True)
    frames = [
        Image.fromarray(frame.astype(np.uint8)) for frame in stack + np.arange(5)[:, None, None]
    ]
    frames[0].save(tmp_path / "d.png", save_all=True, append_images=frames[1:])
    for name in "a.tif", "b.tif", "c.tif", "d.png":
        _refused(tmp_path / name, "one two-dimensional image")


def test_complex_and_white_is_zero_are_refused(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels.astype(np.complex64))
    tifffile.imwrite(tmp_path / "b.tif", pixels, photometric="miniswhite")
    _refused(tmp_path / "a.tif", "complex64")
    _refused(tmp_path / "b.tif", "MINISWHITE", "black as zero")


def _png(width: int, height: int, depth: int, colour: int, rows: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def test_huge_declared_sizes_are_refused_before_memory_is_taken(tmp_path, pixels):
    (tmp_path / "a.png").write_bytes(_png(400_000, 400_000, 8, 0))
    _refused(tmp_path / "a.png", "400000 x 400000")
    tifffile.imwrite(tmp_path / "b.tif", pixels, compression="zlib", metadata=None)
    content = (tmp_path / "b.tif").read_bytes()
    tag = struct.pack("<HHII", 256, 4, 1, 64)  # ImageWidth
    assert content.count(tag) == 1
    (tmp_path / "b.tif").write_bytes(content.replace(tag, struct.pack("<HHII", 256, 4, 1, 2**31)))
    _refused(tmp_path / "b.tif", str(2**31))


def test_16_bit_colour_png_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(_png(1, 1, 16, 2, bytes(7)))
    _refused(tmp_path / "a.png", "16-bit")


def _variants(folder: Path, pixels: np.ndarray) -> dict[str, bytes]:
    """The same picture in every way that it may be stored."""
    small = (pixels - 900).astype(np.uint8)
    tifffile.imwrite(folder / "plain.tif", pixels)
    tifffile.imwrite(folder / "zlib.tif", pixels, compression="zlib", rowsperstrip=8)
    Image.fromarray(small).save(folder / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(small).save(folder / "grey.png")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_truncated_files_never_give_half_an_image(tmp_path, pixels):
    for name, content in _variants(tmp_path, pixels).items():
        path = tmp_path / name
        whole = read_image(path)
        for k in range(64):
            path.write_bytes(content[: len(content) * k // 64])
            try:
                image = read_image(path)
            except InputError:
                continue
            assert k > 60, f"{name} at {k}/64"  # only what follows the pixels may be gone
            np.testing.assert_array_equal(image, whole)


def test_a_png_without_its_last_byte_is_refused(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    for lost in 1, 4, 12, 13:
        (tmp_path / "a.png").write_bytes(content[:-lost])
        _refused(tmp_path / "a.png", "cut short")


def _image_or_refusal(path: Path) -> None:
    start = time.perf_counter()
    try:
        image = read_image(path)
    except InputError as error:
        assert str(path) in str(error)
    else:
        assert image.dtype == np.float32
        assert image.ndim == 2
        assert np.isfinite(image).all()
    assert time.perf_counter() - start < 5


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bits_give_an_image_or_a_refusal(tmp_path, pixels, data):
    sound = tmp_path / "sound"
    sound.mkdir(exist_ok=True)
    variants = _variants(sound, pixels)
    content = bytearray(variants[data.draw(st.sampled_from(sorted(variants)))])
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, 200))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "a").write_bytes(content)
    _image_or_refusal(tmp_path / "a")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    magic=st.sampled_from(
        [b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"II+\0", b"\0\0\0\3", b"\0\0\0\4"]
    ),
    rest=st.binary(max_size=300),
)
def test_any_bytes_behind_a_known_start_give_an_image_or_a_refusal(tmp_path, magic, rest):
    (tmp_path / "a").write_bytes(magic + rest)
    _image_or_refusal(tmp_path / "a")


def test_a_gatan_file_is_read(shared_file):
    image = read_image(shared_file("io/multi_signal.dm3"))
    assert image.shape == (512, 512)
    assert image.min() == 0
    assert image.max() == 9739  # by rosettasciio 0.15, uint16


def test_corrupt_gatan_files_give_an_image_or_a_refusal(shared_file, tmp_path):
    content = shared_file("io/multi_signal.dm3").read_bytes()
    path = tmp_path / "a.dm3"
    for k in range(64):
        path.write_bytes(content[: len(content) * k // 64])
        _refused(path)
    draw = random.Random(3)
    for k in range(200):
        mutant = bytearray(content)
        mutant[draw.randrange(3000 if k % 2 else len(content))] ^= 1 << draw.randrange(8)
        path.write_bytes(mutant)
        _image_or_refusal(path)
    for start in range(0, len(content), len(content) // 16):
        path.write_bytes(content[:start] + bytes(4096) + content[start + 4096 :])
        _image_or_refusal(path)


def test_an_lzw_tiff_of_a_camera_is_read(shared_file):
    assert read_image(shared_file("io/train_0001.tif")).shape == (512, 512)


# Masks


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_masks_are_true_on_particles(tmp_path, mask, name, channels):
    stored = mask if channels == 1 else np.dstack([mask] * 3 + [mask * 0 + 255] * (channels == 4))
    if name.endswith("png"):
        Image.fromarray(stored).save(tmp_path / name)
    else:
        tifffile.imwrite(
            tmp_path / name, stored, photometric="minisblack" if channels == 1 else "rgb"
        )
    found = read_mask(tmp_path / name)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, mask == 255)


@pytest.mark.parametrize("value", [0, 255])
def test_constant_masks_are_legal(tmp_path, value):
    Image.fromarray(np.full((8, 8), value, np.uint8)).save(tmp_path / "a.png")
    assert (read_mask(tmp_path / "a.png") == (value == 255)).all()


def test_one_bit_masks_are_read(tmp_path, mask):
    Image.fromarray(mask).convert("1").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "a.png"), mask == 255)


def test_other_values_in_a_mask_are_listed(tmp_path, mask):
    Image.fromarray(mask // 255).save(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "other than 0 and 255: 1.", read=read_mask)
    ramp = np.arange(64, dtype=np.uint8).reshape(8, 8)
    Image.fromarray(ramp).save(tmp_path / "b.png")
    _refused(tmp_path / "b.png", "1, 2, 3, 4, 5, 6, 7, 8 and 55 more", read=read_mask)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_transparency_that_varies_is_refused(tmp_path, mask, channels, read):
    stored = np.repeat(mask[..., None], channels, axis=2)
    stored[..., -1] = 255
    Image.fromarray(stored).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png").shape == mask.shape
    stored[0, 0, -1] = 254
    Image.fromarray(stored).save(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "transparency varies", read=read)


def test_16_bit_masks_and_coloured_masks_are_refused(tmp_path, mask):
    Image.fromarray(mask.astype(np.uint16)).save(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "uint16", "8-bit", read=read_mask)
    Image.fromarray(np.dstack([mask, mask * 0, mask])).save(tmp_path / "b.png")
    _refused(tmp_path / "b.png", "channels differ", read=read_mask)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_numbers_of_particles_are_read(tmp_path, dtype):
    labels = np.zeros((8, 8), dtype)
    labels[1:3, 1:3], labels[1:3, 3:5], labels[6, 6] = 1, 2, 7
    tifffile.imwrite(tmp_path / "a.tif", labels)
    read = read_labels(tmp_path / "a.tif")
    assert read.dtype == np.int32
    np.testing.assert_array_equal(read, labels)


@pytest.mark.parametrize("value", [1, 255])
def test_connected_regions_of_a_mask_are_numbered(tmp_path, value):
    stored = np.zeros((8, 8), np.uint8)
    stored[1:3, 1:3] = stored[3, 3] = stored[6, 6] = value
    Image.fromarray(stored).save(tmp_path / "a.png")
    labels = read_labels(tmp_path / "a.png")
    assert (labels[1, 1], labels[3, 3], labels[6, 6], labels[0, 0]) == (1, 1, 2, 0)


def test_labels_of_nothing_are_legal(tmp_path):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "a.png")
    assert not read_labels(tmp_path / "a.png").any()


def test_what_cannot_be_numbers_of_particles_is_refused(tmp_path, mask):
    smoothed = ndimage.uniform_filter(np.kron(mask, np.ones((8, 8), np.uint8)), 3)
    Image.fromarray(smoothed).save(tmp_path / "a.png")
    _refused(tmp_path / "a.png", "smoothed mask", read=read_labels)
    tifffile.imwrite(tmp_path / "b.tif", np.full((8, 8), 0.5, np.float32))
    _refused(tmp_path / "b.tif", "float32", "fractions", read=read_labels)
    tifffile.imwrite(tmp_path / "c.tif", np.full((8, 8), -1, np.int16))
    _refused(tmp_path / "c.tif", "below 0", read=read_labels)


def test_the_published_label_has_its_published_particles(shared_file):
    """4096² pixels of 0.02 nm: 8 particles of 3.0 to 6.1 nm on 2.21 % of the area."""
    name = "published_study/20221109_Au_UTC_330kx_2640e_0p1596s_03_label.png"
    label = read_mask(shared_file(name))
    assert label.shape == (4096, 4096)
    assert round(100 * label.mean(), 2) == 2.21
    particles, count = ndimage.label(label)
    assert count == 8
    diameters_nm = 0.02 * np.sqrt(4 / np.pi * np.bincount(particles.ravel())[1:])
    assert (round(diameters_nm.min(), 1), round(diameters_nm.max(), 1)) == (3.0, 6.1)
