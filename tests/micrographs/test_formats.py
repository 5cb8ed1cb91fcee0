"""Promise: each microscope format gives the pixels and what it states, and nothing guessed."""

from __future__ import annotations

import importlib
import json
import logging
import shutil
import struct
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from gatan_files import image_tags, microscope_tags, thumbnail_tags, write_dm
from hyperspy_files import signal
from PIL import Image

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.calibration import Edge, length_nm, pixel_size_nm
from hrtem_shift.micrographs.readers import read_image, read_micrograph


def _refused(path: Path, *words: str, **options: float) -> None:
    with pytest.raises(InputError) as caught:
        read_micrograph(path, **options)
    for word in (str(path), *words):
        assert word in str(caught.value)


def _by_rosettasciio(reader: str, path: Path) -> dict:
    """The only signal of a file, by an independent reader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # its mrc reader leaves the file open
        (signal,) = importlib.import_module(f"rsciio.{reader}").file_reader(str(path))
    return signal


# Calibration


@pytest.mark.parametrize("unit", ["µm", "μm", "um", "micron", "Micrometers", "µ m", "[u_m]"])
def test_both_micro_signs_and_their_spellings_are_micrometres(unit):
    assert length_nm(Edge(0.25, unit), where="a") == 250


@pytest.mark.parametrize("unit", ["Å", "\u212b", "A", "Angstrom", "angstroms", "Ångström"])
def test_both_angstrom_signs_and_their_spellings_are_tenths_of_a_nanometre(unit):
    assert length_nm(Edge(2.0, unit), where="a") == pytest.approx(0.2, abs=1e-15)


@pytest.mark.parametrize(
    ("unit", "nm"), [("m", 1e9), ("mm", 1e6), ("nm", 1), ("[n_m]", 1), ("pm", 1e-3)]
)
def test_other_lengths(unit, nm):
    assert length_nm(Edge(3.0, unit), where="a") == pytest.approx(3 * nm)


@pytest.mark.parametrize("unit", ["", " ", "px", "pixels"])
def test_an_empty_unit_is_no_calibration(unit):
    assert length_nm(Edge(1.0, unit), where="a") is None


@pytest.mark.parametrize("unit", ["1/nm", "nm^-1", "nm⁻¹", "nm-1", "1 / Å", "1/µm"])
def test_reciprocal_units_are_refused_even_with_a_given_size(tmp_path, pixels, unit):
    path = write_dm(tmp_path / "a.dm3", [image_tags(pixels, 0.1, unit)])
    _refused(path, repr(unit), "diffraction pattern")
    _refused(path, repr(unit), "diffraction pattern", pixel_size_nm=0.1)


@pytest.mark.parametrize("unit", ["eV", "s", "mrad", "n"])
def test_an_unknown_unit_is_refused_unless_the_size_is_given(tmp_path, pixels, unit, caplog):
    path = write_dm(tmp_path / "a.dm3", [image_tags(pixels, 0.1, unit)])
    _refused(path, repr(unit), "Give pixel_size_nm")
    assert read_micrograph(path, pixel_size_nm=0.02).pixel_size_nm == 0.02
    assert repr(unit) in caplog.text


@pytest.mark.parametrize("size", [0.0, -0.02, np.nan, np.inf])
def test_a_size_that_is_no_length_is_refused(tmp_path, pixels, size):
    path = write_dm(tmp_path / "a.dm3", [image_tags(pixels, size)])
    _refused(path, f"{size:g} nm", "above 0")
    sound = write_dm(tmp_path / "b.dm3", [image_tags(pixels)])
    _refused(sound, f"pixel_size_nm is {size:g}", pixel_size_nm=size)


@pytest.mark.parametrize(
    ("excess", "warned", "refused"),
    [(0.9e-4, False, False), (1.1e-4, True, False), (0.99e-2, True, False), (1.02e-2, True, True)],
)
def test_oblong_pixels_are_warned_of_and_then_refused(excess, warned, refused, caplog):
    edges = Edge(0.02, "nm"), Edge(0.2 * (1 + excess), "Å")
    if refused:
        with pytest.raises(InputError, match=r"0\.02 nm high and 0\.020204 nm wide"):
            pixel_size_nm(*edges, where="a")
        return
    assert pixel_size_nm(*edges, where="a") == pytest.approx(0.02 * (1 + excess / 2))
    assert ("0.02 nm high" in caplog.text) == warned


def test_one_calibrated_axis_is_refused():
    with pytest.raises(InputError, match="uncalibrated wide"):
        pixel_size_nm(Edge(0.02, "nm"), Edge(1, ""), where="a")


def test_a_given_size_wins_and_a_difference_gives_a_warning(tmp_path, pixels, caplog):
    path = write_dm(tmp_path / "a.dm4", [image_tags(pixels, (0.02, 0.03))], 4)
    _refused(path, "0.02 nm high and 0.03 nm wide")
    micrograph = read_micrograph(path, pixel_size_nm=0.025)
    assert (micrograph.pixel_size_nm, micrograph.sources) == (0.025, {"pixel_size_nm": "given"})
    np.testing.assert_array_equal(read_image(path), pixels)
    square = write_dm(tmp_path / "b.dm3", [image_tags(pixels, 0.02)])
    caplog.clear()
    read_micrograph(square, pixel_size_nm=0.0201)
    assert not caplog.text
    read_micrograph(square, pixel_size_nm=0.021)
    assert "states 0.02 nm, 0.021 nm is used" in caplog.text


# Gatan


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8"])
def test_dm_is_read_as_rosettasciio_reads_it(tmp_path, pixels, version, dtype):
    stored = (pixels - 950).astype(dtype)
    tags = [image_tags(stored, 0.021, "nm", microscope_tags(0.4, 200, 5e5))]
    path = write_dm(tmp_path / "a", tags, version)
    oracle = _by_rosettasciio("digitalmicrograph", path)
    micrograph = read_micrograph(path)
    np.testing.assert_array_equal(oracle["data"], stored)
    np.testing.assert_array_equal(micrograph.pixels, stored.astype(np.float32))
    assert micrograph.pixel_size_nm == oracle["axes"][0]["scale"] == 0.021
    assert micrograph.kind == f"dm{version}"
    assert (micrograph.exposure_s, micrograph.energy_keV) == (0.4, 200)
    assert micrograph.magnification == 5e5
    assert micrograph.sources["energy_keV"] == "ImageTags:Microscope Info:Voltage"


def test_a_file_that_states_nothing_gives_none(tmp_path, pixels):
    micrograph = read_micrograph(write_dm(tmp_path / "a.dm3", [image_tags(pixels, 1.0, "")]))
    assert micrograph.pixel_size_nm is None
    assert micrograph.exposure_s is micrograph.energy_keV is micrograph.magnification is None
    assert (micrograph.dose_e_per_A2, micrograph.dose_source) == (None, "")
    assert not micrograph.sources


def test_a_dose_follows_from_intensities_in_electrons_and_only_unbinned(tmp_path, pixels):
    """Mean counts times electrons a count over the area of a pixel of 0.2 Å."""
    electrons = {"Units": "e-", "Scale": 0.5, "Origin": 100.0}
    expected = (pixels.mean() - 100) * 0.5 / 0.2**2

    def dose(brightness, binning=(1, 1), **options):
        tags = microscope_tags()
        tags["Acquisition"]["Parameters"]["High Level"]["Binning"] = binning
        image = image_tags(pixels, 0.02, "nm", tags, brightness)
        return read_micrograph(write_dm(tmp_path / "a.dm3", [image]), **options)

    micrograph = dose(electrons)
    assert micrograph.dose_e_per_A2 == pytest.approx(expected, rel=1e-12)
    assert "Brightness:Scale" in micrograph.dose_source
    assert dose(electrons, pixel_size_nm=0.04).dose_e_per_A2 == pytest.approx(expected / 4)
    assert dose(electrons, binning=(2, 2)).dose_e_per_A2 is None
    assert dose({"Units": "Counts", "Scale": 0.5}).dose_e_per_A2 is None
    assert dose({"Units": "", "Scale": 0.5}).dose_e_per_A2 is None


def test_the_image_is_taken_beside_thumbnail_survey_and_spectrum_and_is_named(
    tmp_path, pixels, caplog
):
    survey, spectrum = image_tags(pixels[:20, :20].copy()), image_tags(np.arange(4000.0))
    images = [thumbnail_tags(), survey, image_tags(pixels), spectrum]
    path = write_dm(tmp_path / "a.dm3", images, Thumbnails={0: {"ImageIndex": 0}})
    with caplog.at_level(logging.INFO):
        micrograph = read_micrograph(path)
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    assert micrograph.chosen == "image 2, the largest of 2"
    assert "read is image 2" in caplog.text


def test_equal_images_stacks_and_transforms_are_refused(tmp_path, pixels):
    two = [image_tags(pixels), image_tags(pixels + np.uint16(1))]
    _refused(write_dm(tmp_path / "a.dm3", two), "a file with 2 images")
    stack = [image_tags(pixels), image_tags(np.stack([pixels] * 3))]
    _refused(write_dm(tmp_path / "b.dm3", stack), "a stack of shape (3, 48, 64)")
    transform = [image_tags(pixels.astype(np.complex64))]
    _refused(write_dm(tmp_path / "c.dm3", transform), "Gatan's type 3", "Fourier")
    _refused(write_dm(tmp_path / "d.dm3", [image_tags(np.arange(9.0))]), "a file with 0 images")


def test_a_stack_of_one_is_an_image(tmp_path, pixels):
    path = write_dm(tmp_path / "a.dm4", [image_tags(pixels[None])], 4)
    np.testing.assert_array_equal(read_micrograph(path).pixels, pixels)


def test_a_real_dm3_is_read_as_rosettasciio_reads_it(shared_file):
    path = shared_file("io/multi_signal.dm3")
    micrograph = read_micrograph(path)
    image, _profile = importlib.import_module("rsciio.digitalmicrograph").file_reader(str(path))
    np.testing.assert_array_equal(micrograph.pixels, image["data"])
    assert micrograph.pixel_size_nm == image["axes"][0]["scale"]
    assert (micrograph.energy_keV, micrograph.magnification) == (300, 1e7)
    assert micrograph.exposure_s is None  # scanned: no camera


# ser, mrc


def test_a_real_ser_is_read_as_rosettasciio_reads_it(shared_file, tmp_path):
    path = shared_file("io/128x128-TEM_search_1.ser")
    oracle = _by_rosettasciio("tia", path)
    renamed = shutil.copy(path, tmp_path / "a.tif")
    micrograph = read_micrograph(renamed)
    np.testing.assert_array_equal(micrograph.pixels, oracle["data"])
    assert micrograph.pixel_size_nm == pytest.approx(oracle["axes"][0]["scale"], rel=1e-12)


def _ser(pixels: np.ndarray, size_m: float = 2e-11, count: int = 1, version: int = 0x210) -> bytes:
    word = "<Q" if version >= 0x220 else "<I"
    header = struct.pack("<HHHIIII", 0x4949, 0x197, version, 0x4122, 0x4152, count, count)
    start = len(header) + 2 * struct.calcsize(word) + 4
    header += struct.pack(word, start - struct.calcsize(word)) + struct.pack("<I", 0)
    header += struct.pack(word, start)
    height, width = pixels.shape
    head = struct.pack("<ddIddIHII", 0, size_m, 0, 0, size_m, 0, 2, width, height)
    return header + head + pixels.tobytes() + bytes(8)


@pytest.mark.parametrize("version", [0x210, 0x220])
def test_ser_of_both_versions(tmp_path, pixels, version):
    (tmp_path / "a.ser").write_bytes(_ser(pixels, version=version))
    micrograph = read_micrograph(tmp_path / "a.ser")
    np.testing.assert_array_equal(micrograph.pixels, pixels[::-1])
    assert micrograph.pixel_size_nm == pytest.approx(0.02)


def test_ser_stacks_and_diffraction_patterns_are_refused(tmp_path, pixels):
    (tmp_path / "a.ser").write_bytes(_ser(pixels, count=5))
    (tmp_path / "b.ser").write_bytes(_ser(pixels, size_m=2e7))
    _refused(tmp_path / "a.ser", "5 elements")
    _refused(tmp_path / "b.ser", "'1/m'")


def _mrc(stored: np.ndarray, mode: int, size_A: float = 0.2, sections: int = 1) -> bytes:
    header = bytearray(1024)
    height, width = stored.shape
    order = stored.dtype.str[0].replace("|", "<")
    struct.pack_into(f"{order}4i", header, 0, width, height, sections, mode)
    struct.pack_into(f"{order}3i", header, 28, width, height, sections)
    struct.pack_into(f"{order}3f", header, 40, width * size_A, height * size_A, 0)
    struct.pack_into(f"{order}f", header, 80, float(stored.max()))
    header[208:216] = b"MAP " + (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    return bytes(header) + stored.tobytes()


@pytest.mark.parametrize(
    ("dtype", "mode"), [("<i2", 1), ("<f4", 2), ("<u2", 6), ("u1", 0), ("i1", 0), (">i2", 1)]
)
def test_mrc_is_read_with_its_cell_in_angstrom(tmp_path, pixels, dtype, mode):
    stored = (pixels - (1000 if dtype == "i1" else 900)).astype(dtype)
    (tmp_path / "a.mrc").write_bytes(_mrc(stored, mode))
    micrograph = read_micrograph(tmp_path / "a.mrc")
    np.testing.assert_array_equal(micrograph.pixels, stored.astype(np.float32))
    assert micrograph.pixel_size_nm == pytest.approx(0.02, rel=1e-6)
    if dtype not in ("i1", ">i2"):  # which it reads as unsigned, and by another byte order
        oracle = _by_rosettasciio("mrc", tmp_path / "a.mrc")
        np.testing.assert_array_equal(micrograph.pixels, oracle["data"])
        assert micrograph.pixel_size_nm == pytest.approx(oracle["axes"][0]["scale"])


def test_mrc_without_a_cell_is_uncalibrated_and_stacks_are_refused(tmp_path, pixels):
    (tmp_path / "a.mrc").write_bytes(_mrc(pixels, 6, size_A=0))
    assert read_micrograph(tmp_path / "a.mrc").pixel_size_nm is None
    (tmp_path / "b.mrc").write_bytes(_mrc(np.vstack([pixels] * 2), 6, sections=2))
    _refused(tmp_path / "b.mrc", "2 sections")


# TIFF, pictures


def test_a_real_gatan_tiff_has_its_size_in_micrometres(shared_file):
    micrograph = read_micrograph(shared_file("io/train_0001.tif"))
    assert micrograph.pixel_size_nm == pytest.approx(2.98846, abs=1e-5)  # README of the data
    assert "65009" in micrograph.sources["pixel_size_nm"]


def test_a_plain_tiff_has_no_calibration_whatever_its_print_size(tmp_path, pixels):
    tifffile.imwrite(tmp_path / "a.tif", pixels, resolution=(300, 300), resolutionunit="INCH")
    assert read_micrograph(tmp_path / "a.tif").pixel_size_nm is None


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 0.02), ("\\u00B5m", 20.0), ("micron", 20.0), ("pixel", None)]
)
def test_an_imagej_tiff_has_its_unit(tmp_path, pixels, unit, nm):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, pixels, imagej=True, resolution=(50, 50), metadata={"unit": unit})
    assert read_micrograph(path).pixel_size_nm == (nm and pytest.approx(nm))


def test_an_fei_tiff_has_its_size_in_metres(tmp_path, pixels):
    text = "[Beam]\r\nHV=300000\r\n[Scan]\r\nPixelWidth=2e-11\r\nPixelHeight=2e-11\r\n"
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[(34682, "s", 0, text, True)])
    micrograph = read_micrograph(tmp_path / "a.tif")
    assert micrograph.pixel_size_nm == pytest.approx(0.02)
    assert micrograph.energy_keV == 300


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_pictures_carry_no_calibration(tmp_path, pixels, name):
    stored = (pixels - 900).astype(np.uint8)
    Image.fromarray(stored).save(tmp_path / name, dpi=(300, 300))
    micrograph = read_micrograph(tmp_path / name)
    assert (micrograph.kind, micrograph.pixel_size_nm) == (name[-3:], None)
    assert np.abs(micrograph.pixels - stored).max() < (1 if name == "a.png" else 60)
    assert read_micrograph(tmp_path / name, pixel_size_nm=0.02).pixel_size_nm == 0.02


# HDF5, zarr


def _hspy(path: Path, pixels: np.ndarray) -> Path:
    importlib.import_module("rsciio.hspy").file_writer(str(path), signal(pixels))
    return path


def _as_zarr(source: h5py.Group, target: zarr.Group) -> None:
    """The same tree, as HyperSpy lays it out in zarr; rosettasciio's writer needs zarr 2."""
    target.attrs.update({k: getattr(v, "item", lambda v=v: v)() for k, v in source.attrs.items()})
    for name, item in source.items():
        if isinstance(item, h5py.Group):
            _as_zarr(item, target.create_group(name))
        elif item.dtype.kind in "iuf":
            target.create_array(name, data=item[...])


@pytest.mark.parametrize("kind", ["hspy", "zspy", "zspy in a zip"])
def test_hyperspy_files_are_read_with_what_they_state(tmp_path, pixels, kind):
    path = _hspy(tmp_path / "a.hspy", pixels)
    if kind != "hspy":
        zspy = tmp_path / "a.zspy"
        with h5py.File(path) as file:
            _as_zarr(file, zarr.open_group(zspy, mode="w", zarr_format=2))
        path = zspy
    if kind == "zspy in a zip":
        path = Path(shutil.make_archive(str(tmp_path / "b"), "zip", zspy))
    micrograph = read_micrograph(path)
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    assert micrograph.kind == kind[:4]
    assert (micrograph.pixel_size_nm, micrograph.exposure_s) == (0.02, 0.4)
    assert (micrograph.energy_keV, micrograph.magnification) == (300, 3.3e5)


def test_a_berkeley_emd_is_read_with_columns_or_rows_first(tmp_path, pixels):
    columns_first, rows_first = tmp_path / "a.emd", tmp_path / "b.emd"
    importlib.import_module("rsciio.emd").file_writer(str(columns_first), signal(pixels))
    with h5py.File(rows_first, "w") as file:
        group = file.create_group("data/image")
        group.attrs["emd_group_type"] = 1
        group["data"] = pixels
        for k, (name, length) in enumerate(zip("yx", pixels.shape, strict=True), start=1):
            group[f"dim{k}"] = np.arange(length) * 0.2
            group[f"dim{k}"].attrs.update({"name": name, "units": "[Å]"})
    for path in columns_first, rows_first:
        micrograph = read_micrograph(path)
        np.testing.assert_array_equal(micrograph.pixels, pixels)
        assert micrograph.pixel_size_nm == pytest.approx(0.02)
        assert micrograph.kind == "emd (Berkeley)"


def _velox(path: Path, images: dict[str, np.ndarray], unit: str = "m") -> Path:
    metadata = {
        "BinaryResult": {
            "PixelSize": {"width": "2e-11", "height": "2e-11"},
            "PixelUnitX": unit,
            "PixelUnitY": unit,
            "Offset": {"x": "0", "y": "0"},
            "DetectorIndex": "0",
        },
        "Optics": {"AccelerationVoltage": "300000"},
        "Detectors": {"Detector-0": {"DetectorName": "Ceta", "ExposureTime": "0.4"}},
        "Acquisition": {},
        "CustomProperties": {},
    }
    text = np.frombuffer(json.dumps(metadata).encode().ljust(2000, b"\0"), np.uint8)
    with h5py.File(path, "w") as file:
        file["Version"] = [np.bytes_(json.dumps({"format": "Velox", "version": "1.10"}))]
        for name, stored in images.items():
            frames = stored[..., None] if stored.ndim == 2 else stored
            file[f"Data/Image/{name}/Data"] = frames
            file[f"Data/Image/{name}/Metadata"] = np.repeat(text[:, None], frames.shape[2], 1)
    return path


def test_a_velox_emd_is_read_as_rosettasciio_reads_it(tmp_path, pixels):
    path = _velox(tmp_path / "a.emd", {"0f": pixels})
    micrograph = read_micrograph(path)
    oracle = _by_rosettasciio("emd", path)
    np.testing.assert_array_equal(micrograph.pixels, oracle["data"])
    stated = {"nm": 1, "pm": 1e-3}[oracle["axes"][0]["units"]] * oracle["axes"][0]["scale"]
    assert micrograph.pixel_size_nm == pytest.approx(stated) == pytest.approx(0.02)
    assert (micrograph.energy_keV, micrograph.exposure_s) == (300, 0.4)
    assert micrograph.kind == "emd (Velox)"


def test_a_velox_emd_with_more_images(tmp_path, pixels):
    transform = np.zeros((99, 99), [("realFloatHalfEven", "<f4"), ("imagFloatHalfEven", "<f4")])
    images = {"0a": pixels[:9, :9], "0b": pixels, "0c": transform}
    micrograph = read_micrograph(_velox(tmp_path / "a.emd", images))
    np.testing.assert_array_equal(micrograph.pixels, pixels)
    assert micrograph.chosen == "Data/Image/0b, the largest of 2"
    twice = _velox(tmp_path / "b.emd", {"0a": pixels, "0b": pixels})
    _refused(twice, "a file with 2 images", "0a (48, 64)")
    stack = _velox(tmp_path / "c.emd", {"0a": np.stack([pixels] * 3, axis=-1)})
    _refused(stack, "a stack of shape (48, 64, 3)")
    _refused(_velox(tmp_path / "d.emd", {"0a": pixels}, "1/m"), "'1/m'")


def _dm5(path: Path, image: np.ndarray, unit: str = "nm") -> Path:
    """As https://www.gatan.com/dm5-documentation describes it; image 0 is the thumbnail."""
    with h5py.File(path, "w") as file:
        thumbnail = file.create_group("ImageList/[0]/ImageData")
        thumbnail.attrs["DataType"] = 23
        thumbnail["Data"] = np.ones((300, 300), np.uint32)
        data = file.create_group("ImageList/[1]/ImageData")
        data.attrs["DataType"] = 10
        data["Data"] = image
        for number, scale in enumerate((0.02, 0.02001)):  # x, y
            dimension = data.create_group(f"Calibrations/Dimension/[{number}]")
            dimension.attrs["Scale"] = np.float32(scale)
            dimension.attrs["Units"] = np.bytes_(unit)
        tags = file.create_group("ImageList/[1]/ImageTags")
        tags.create_group("Microscope Info").attrs["Voltage"] = 3e5
        tags.create_group("DataBar").attrs["Exposure Time (s)"] = 0.5
    return path


@pytest.mark.parametrize("frames", [(), (1,)])
def test_a_dm5_is_read_with_what_it_states(tmp_path, pixels, frames):
    found = read_micrograph(_dm5(tmp_path / "a.dm5", pixels.reshape(*frames, *pixels.shape)))
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.kind == "dm5" and not found.chosen
    assert found.pixel_size_nm == pytest.approx(0.020005, abs=1e-8)
    assert (found.energy_keV, found.exposure_s) == (300, 0.5)
    assert found.sources["energy_keV"] == "ImageTags:Microscope Info:Voltage"


def test_a_dm5_stack_a_diffraction_pattern_and_other_hdf5_are_refused(tmp_path, pixels):
    _refused(_dm5(tmp_path / "a.dm5", np.stack([pixels] * 3)), "a stack of shape (3, 48, 64)")
    _refused(_dm5(tmp_path / "c.dm5", pixels, "1/nm"), "'1/nm'")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["images"] = pixels
    _refused(tmp_path / "b.h5", "none of emd, dm5 and hspy")


def test_hdf5_that_declares_more_than_memory_is_refused(tmp_path, pixels):
    path = _hspy(tmp_path / "a.hspy", pixels)
    with h5py.File(path, "a") as file:
        del file["Experiments/a/data"]
        file.create_dataset("Experiments/a/data", (10**6, 10**6), "u2", chunks=(64, 64))
    _refused(path, "1000000 x 1000000")
