"""Promise: common deviations from a format are read as intended, with a warning in doubt."""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hyperspy_files import signal
from PIL import Image

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.calibration import Edge, check_pixel_size, length_nm
from hrtem_shift.micrographs.readers import read_image, read_mask, read_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage


def _read(path: Path, **options: float) -> tuple[RecordedImage, str]:
    """A micrograph and what was warned of."""
    lines: list[str] = []
    return read_micrograph(path, warn=lines.append, **options), "\n".join(lines)


def _refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        read_micrograph(path)
    for word in (str(path), *words):
        assert word in str(caught.value)


# mrc


def _mrc(
    path: Path,
    stored: np.ndarray,
    mode: int,
    *,
    size_A: float = 0.5,
    order: str = "<",
    statistics: tuple[float, float, float] = (0, -1, -2),
    imod_flags: int | None = None,
    stamp: bytes = b"MAP \x44\x44\0\0",
) -> Path:
    """A file as ncempy's mrcWriter lays it out; it writes no stamp."""
    height, width = stored.shape
    header = bytearray(1024)
    struct.pack_into(f"{order}4i", header, 0, width, height, 1, mode)
    struct.pack_into(f"{order}3i", header, 28, width, height, 1)
    struct.pack_into(f"{order}6f", header, 40, width * size_A, height * size_A, size_A, 90, 90, 90)
    struct.pack_into(f"{order}3i3f", header, 64, 1, 2, 3, *statistics)
    if imod_flags is not None:
        struct.pack_into(f"{order}2i", header, 152, 1146047817, imod_flags)
    header[208 : 208 + len(stamp)] = stamp
    path.write_bytes(bytes(header) + stored.tobytes())
    return path


@pytest.mark.parametrize("order", ["<", ">"])
def test_an_mrc_without_its_stamp_is_read_in_both_byte_orders(tmp_path, pixels, order):
    stored = pixels.astype(f"{order}f4")
    path = _mrc(tmp_path / "a.mrc", stored, 2, order=order, stamp=b"\0\0\0\0DA\0\0")
    micrograph, warning = _read(path)
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    assert micrograph.pixel_size_nm == pytest.approx(0.05)
    assert not warning


def test_without_a_stamp_an_implausible_header_is_no_mrc(tmp_path, pixels):
    path = _mrc(tmp_path / "a.mrc", pixels.astype("<f4"), 99, stamp=b"")
    _refused(path, "not a dm3, dm4, dm5, emd, ser, mrc")
    sound = _mrc(tmp_path / "b.mrc", pixels.astype("<f4"), 2, stamp=b"").read_bytes()
    path.write_bytes(sound[:-100])
    _refused(path, "cut short")


def test_a_cell_of_one_angstrom_a_pixel_is_doubted_unless_the_size_is_given(tmp_path, pixels):
    path = _mrc(tmp_path / "a.mrc", pixels.astype("<f4"), 2, size_A=1.0)
    micrograph, warning = _read(path)
    assert micrograph.pixel_size_nm == pytest.approx(0.1)
    assert "exactly 1 Å a pixel" in warning and warning.count("\n") == 0
    assert "exactly" not in _read(path, pixel_size_nm=0.1)[1]


def _smooth(lowest: float, highest: float) -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    wave = np.sin(y / 9.0) * np.cos(x / 7.0)
    return np.rint(lowest + (highest - lowest) * (wave + 1) / 2)


NOTHING_SET = (0, -1, -2)


@pytest.mark.parametrize("statistics", [NOTHING_SET, (0, 0, 0), (20, 220, 120)])
def test_unsigned_bytes_are_read_as_such(tmp_path, statistics):
    image = _smooth(20, 220)
    path = _mrc(tmp_path / "a.mrc", image.astype("u1"), 0, statistics=statistics)
    micrograph, warning = _read(path)
    np.testing.assert_array_equal(micrograph.pixels, image)
    assert ("read as unsigned: neighbours differ by" in warning) == (statistics[1] <= 0)


@pytest.mark.parametrize("statistics", [NOTHING_SET, (0, 0, 0), (-90, 90, 0)])
def test_signed_bytes_are_read_as_such(tmp_path, statistics):
    image = _smooth(-90, 90)
    path = _mrc(tmp_path / "a.mrc", image.astype("i1"), 0, statistics=statistics)
    micrograph, warning = _read(path)
    np.testing.assert_array_equal(micrograph.pixels, image)
    assert not warning


@pytest.mark.parametrize(("flags", "dtype"), [(0, "u1"), (1, "i1"), (5, "i1")])
def test_imods_flag_decides_on_bytes(tmp_path, flags, dtype):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64)).astype("u1")
    path = _mrc(tmp_path / "a.mrc", noise, 0, imod_flags=flags)
    micrograph, warning = _read(path)
    np.testing.assert_array_equal(micrograph.pixels, noise.view(dtype))
    assert not warning


def test_bytes_that_do_not_show_their_sign_are_read_as_signed_with_a_warning(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64)).astype("u1")
    micrograph, warning = _read(_mrc(tmp_path / "a.mrc", noise, 0))
    np.testing.assert_array_equal(micrograph.pixels, noise.view("i1"))
    assert "signed is not stated" in warning


# One frame


@pytest.mark.parametrize("shape", [(1, 48, 64), (48, 64, 1), (1, 1, 48, 64)])
def test_a_hyperspy_stack_of_one_frame_is_the_image(tmp_path, pixels, shape):
    path = tmp_path / "a.hspy"
    content = signal(pixels.reshape(shape))
    for axis in content["axes"]:
        axis["scale"] = 0.02 if axis["size"] > 1 else 7.0
    importlib.import_module("rsciio.hspy").file_writer(str(path), content)
    micrograph, _ = _read(path)
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    assert micrograph.pixel_size_nm == 0.02
    kept = [k for k, length in enumerate(shape) if length > 1]
    assert micrograph.sources["pixel_size_nm"] == f"axis-{kept[0]}, axis-{kept[1]}"


@pytest.mark.parametrize("shape", [(1, 48, 64), (1, 1, 48, 64), (48, 64, 1), (1, 48, 64, 1)])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_a_tiff_stack_of_one_frame_is_the_image(tmp_path, pixels, shape, options):
    tifffile.imwrite(tmp_path / "a.tif", pixels.reshape(shape), photometric="minisblack", **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), pixels)


def test_a_stack_of_two_frames_stays_refused(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([pixels] * 2), photometric="minisblack")
    _refused(tmp_path / "a.tif", "(2, 48, 64)", "one two-dimensional image")
    path = tmp_path / "a.hspy"
    importlib.import_module("rsciio.hspy").file_writer(str(path), signal(np.stack([pixels] * 2)))
    _refused(path, "a stack of shape (2, 48, 64)")


# Pixel sizes


ANGSTROMS = [
    "Å",
    "\u212b",
    "å",
    "A",
    "Ang",
    "Ang.",
    "Angström",
    "Ångstrom",
    "ångstrøm",
    "Angstroem",
]


@pytest.mark.parametrize("unit", [*ANGSTROMS, "Angstroem", "Ã…", "Ã\x85", "A\u030a", "angstroms"])
def test_angstroms_in_every_spelling_even_in_a_wrong_encoding(unit):
    assert length_nm(Edge(0.5, unit), where="a") == pytest.approx(0.05)


def _imagej(path: Path, pixels: np.ndarray, resolution: tuple[float, float], **names: str) -> Path:
    tifffile.imwrite(path, pixels, imagej=True, resolution=resolution, metadata=names)
    return path


@pytest.mark.parametrize("unit", ["\\u00C5", "\\u212B", "Angstrom"])
def test_imagejs_escaped_letters_are_read(tmp_path, pixels, unit):
    path = _imagej(tmp_path / "a.tif", pixels, (2, 2), unit=unit)
    assert _read(path)[0].pixel_size_nm == pytest.approx(0.05)


def test_imagejs_other_unit_of_rows(tmp_path, pixels):
    """20 pixels a nm across, 2 pixels an Å down."""
    path = _imagej(tmp_path / "a.tif", pixels, (20, 2), unit="nm", yunit="\\u00C5")
    assert _read(path)[0].pixel_size_nm == pytest.approx(0.05)
    alone = _imagej(tmp_path / "b.tif", pixels, (20, 20), yunit="nm")
    assert _read(alone)[0].pixel_size_nm == pytest.approx(0.05)
    contrary = _imagej(tmp_path / "c.tif", pixels, (20, 20), unit="nm", yunit="\\u00C5")
    _refused(contrary, "0.005 nm high and 0.05 nm wide")


@pytest.mark.parametrize(
    ("stated", "nm"),
    [
        ({"PhysicalSizeX": 0.05, "PhysicalSizeXUnit": "nm"}, 0.05),
        ({"PhysicalSizeX": 5e-5, "PhysicalSizeY": 5e-5}, 0.05),  # µm is OME's unit
        ({"PhysicalSizeY": 0.5, "PhysicalSizeYUnit": "Å"}, 0.05),
        ({"PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "pixel"}, None),
        ({"PhysicalSizeX": 1.0, "PhysicalSizeXUnit": "reference frame"}, None),
        ({}, None),
    ],
)
def test_an_ome_tiff_has_its_physical_size(tmp_path, pixels, stated, nm):
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, ome=True, metadata={"axes": "YX", **stated})
    micrograph, _ = _read(tmp_path / "a.ome.tif")
    assert micrograph.pixel_size_nm == (nm and pytest.approx(nm))
    assert "PhysicalSize" in micrograph.sources.get("pixel_size_nm", "PhysicalSize")


def test_ome_metadata_that_define_entities_are_refused_and_broken_ones_say_nothing(
    tmp_path, pixels
):
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><OME><Image/></OME>'
    tifffile.imwrite(tmp_path / "a.tif", pixels, description=bomb, metadata=None)
    with pytest.raises(InputError):
        read_micrograph(tmp_path / "a.tif")
    broken = '<?xml version="1.0"?><OME><Image></OME>'
    tifffile.imwrite(tmp_path / "b.tif", pixels, description=broken, metadata=None)
    assert _read(tmp_path / "b.tif")[0].pixel_size_nm is None


def _tvips(path: Path, pixels: np.ndarray, size_nm: float, mode: int = 1) -> Path:
    """EM-Menu's TemData of the second version, behind the pixels' tags."""
    first = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V1))
    second = np.zeros((), np.dtype(tifffile.TIFF.TVIPS_HEADER_V2))
    first["Version"], second["Magic"] = 2, 0xAAAAAAAA
    second["PixelSizeX"] = second["PixelSizeY"] = size_nm
    second["TemMode"], second["ExposureTime"], second["TemHighTension"] = mode, 400, 300_000
    data = first.tobytes() + second.tobytes()
    tifffile.imwrite(path, pixels, extratags=[(37706, "B", len(data), data, True)])
    return path


def test_a_tvips_tiff_has_its_size_as_rosettasciio_reads_it(tmp_path, pixels):
    path = _tvips(tmp_path / "a.tif", pixels, 0.05)
    micrograph, _ = _read(path)
    (oracle,) = importlib.import_module("rsciio.tiff").file_reader(str(path))
    np.testing.assert_array_equal(micrograph.pixels, oracle["data"])
    assert oracle["axes"][0]["units"] == "nm"
    assert micrograph.pixel_size_nm == pytest.approx(oracle["axes"][0]["scale"])
    assert micrograph.pixel_size_nm == pytest.approx(0.05)
    assert (micrograph.exposure_s, micrograph.energy_keV) == (pytest.approx(0.4), 300)
    assert "TVIPS" in micrograph.sources["pixel_size_nm"]


def test_a_tvips_tiff_without_a_size_has_none_and_a_diffraction_pattern_is_refused(
    tmp_path, pixels
):
    assert _read(_tvips(tmp_path / "a.tif", pixels, 0.0))[0].pixel_size_nm is None
    _refused(_tvips(tmp_path / "b.tif", pixels, 0.05, mode=3), "diffraction pattern")


@pytest.mark.parametrize(
    ("nm", "words"),
    [
        (5e-11, "5e-11 nm is no pixel size; in metres it would be 0.05 nm"),
        (5e-8, "in millimetres it would be 0.05 nm"),
        (5e-5, "in micrometres it would be 0.05 nm"),
        (2e10, "in pixels per metre it would be 0.05 nm"),
        (2e8, "in pixels per centimetre it would be 0.05 nm"),
        (1e-30, "1e-30 nm is no pixel size. Pixels of micrographs are 0.001 to 10000 nm wide"),
    ],
)
def test_sizes_that_no_pixel_has_are_refused_with_the_likely_unit(tmp_path, pixels, nm, words):
    with pytest.raises(InputError, match=words.replace("+", r"\+")):
        check_pixel_size(nm, where="a")
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    with pytest.raises(InputError, match="is no pixel size"):
        read_micrograph(tmp_path / "a.tif", nm)


@pytest.mark.parametrize("nm", [1e-3, 0.05, 8.55, 1e4])
def test_sizes_up_to_the_limits_are_read(nm):
    check_pixel_size(nm, where="a")


def test_a_file_that_states_an_impossible_size_is_refused_unless_another_is_given(tmp_path, pixels):
    path = _mrc(tmp_path / "a.mrc", pixels.astype("<f4"), 2, size_A=5e-10)
    _refused(path, "5e-11 nm is no pixel size; in metres it would be 0.05 nm")
    micrograph, warning = _read(path, pixel_size_nm=0.05)
    assert micrograph.pixel_size_nm == 0.05
    assert "5e-11 nm is no pixel size" in warning


# Palettes and colour


RAMP = np.arange(256, dtype=np.uint16)


def _palette_tiff(path: Path, stored: np.ndarray, red: np.ndarray, blue: np.ndarray) -> Path:
    table = np.stack([red, red, blue])
    tifffile.imwrite(path, stored, photometric="palette", colormap=table)
    return path


@pytest.mark.parametrize("factor", [256, 257])
def test_a_grey_palette_is_read_as_seen(tmp_path, pixels, factor):
    stored = (pixels - 900).astype(np.uint8)
    path = _palette_tiff(tmp_path / "a.tif", stored, RAMP * factor, RAMP * factor)
    np.testing.assert_array_equal(read_image(path), stored)
    halved = _palette_tiff(tmp_path / "b.tif", stored, RAMP // 2 * factor, RAMP // 2 * factor)
    np.testing.assert_array_equal(read_image(halved), stored // 2)


def test_a_grey_palette_in_png_and_in_a_compressed_tiff_is_read_alike(tmp_path, pixels):
    stored = (pixels - 900).astype(np.uint8)
    picture = Image.fromarray(stored).convert("P")
    picture.putpalette(np.repeat(np.arange(256), 3).astype(np.uint8).tobytes())
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "a.tif", compression="tiff_lzw")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), stored)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), stored)


def test_a_palette_mask_is_a_mask(tmp_path, mask):
    path = _palette_tiff(tmp_path / "a.tif", mask, RAMP * 257, RAMP * 257)
    np.testing.assert_array_equal(read_mask(path), mask == 255)


def test_falling_and_coloured_palettes_are_refused(tmp_path, pixels):
    stored = (pixels - 900).astype(np.uint8)
    falling = RAMP[::-1] * 257
    _refused(_palette_tiff(tmp_path / "a.tif", stored, falling, falling), "does not rise")
    _refused(_palette_tiff(tmp_path / "b.tif", stored, RAMP * 257, falling), "channels differ")


def _jpeg(path: Path, colour: np.ndarray) -> Path:
    file = io.BytesIO()
    Image.fromarray(colour).save(file, "JPEG", quality=90, subsampling=0)
    path.write_bytes(file.getvalue())
    return path


def test_chroma_noise_of_a_grey_picture_is_read_as_grey_with_a_warning(tmp_path, pixels):
    noise = np.random.default_rng(0).normal(0, 2, (*pixels.shape, 3))
    grey = (pixels - 900)[..., None].clip(0, 240)
    path = _jpeg(tmp_path / "a.jpg", (grey + noise).clip(0, 255).astype(np.uint8))
    micrograph, warning = _read(path)
    with Image.open(path) as image:
        decoded = np.asarray(image).astype(int)
        luma = np.asarray(image.convert("L"))
    most = np.ptp(decoded, axis=-1).max()
    assert 0 < most <= 12
    assert f"channels differ by up to {most} counts" in warning and "read as grey" in warning
    assert np.abs(micrograph.pixels - luma).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_coloured_picture_and_a_coloured_mark_are_refused_with_numbers(tmp_path, pixels, dtype):
    grey = (np.clip(pixels, 900, 1100) - 900).astype(dtype)
    tinted = np.dstack([grey, grey, grey // 2])
    tifffile.imwrite(tmp_path / "a.tif", tinted, photometric="rgb")
    _refused(tmp_path / "a.tif", "a colour image whose channels differ by up to", "% of its pixels")
    marked = np.dstack([grey] * 3)
    marked[3, 4] = 255, 0, 0
    tifffile.imwrite(tmp_path / "b.tif", marked, photometric="rgb")
    _refused(tmp_path / "b.tif", "differ by up to 255", "in 0.03% of its pixels")


# The small files that failed first


@pytest.fixture
def field_case(shared_file: Callable[[str], Path]) -> Callable[[str], Path]:
    return lambda name: shared_file(f"field_cases/{name}")


@pytest.mark.parametrize("name", ["nomap.mrc", "h_frame1.hspy", "ij_Ae.tif", "ome.ome.tif"])
def test_a_field_case_is_the_plain_image_with_its_size(field_case, name):
    micrograph, warning = _read(field_case(name))
    np.testing.assert_array_equal(micrograph.pixels, read_image(field_case("plain.mrc")))
    assert micrograph.pixel_size_nm == pytest.approx(0.05)
    assert not warning


@pytest.mark.parametrize("name", ["frames1.tif", "palette.tif"])
def test_a_field_case_without_a_size_is_the_plain_image(field_case, name):
    np.testing.assert_array_equal(read_image(field_case(name)), read_image(field_case("plain.mrc")))


def test_unsigned_bytes_of_a_field_case_follow_the_plain_image(field_case):
    micrograph, warning = _read(field_case("m0_unsigned_nostats.mrc"))
    plain = read_image(field_case("plain.mrc"))
    assert np.corrcoef(micrograph.pixels.ravel(), plain.ravel())[0, 1] > 0.999
    assert "read as unsigned" in warning
    assert "exactly 1 Å a pixel" in _read(field_case("cell_1A.mrc"))[1]
