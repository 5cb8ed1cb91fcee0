"""Promise: what rosettasciio reads is one image with its pixel size, or one error; nothing runs."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hyperspy_files import signal

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.other_formats import READERS, decode_other
from hrtem_shift.micrographs.readers import read_micrograph


def _written(path: Path, pixels: np.ndarray) -> Path:
    """By rosettasciio's own writer."""
    content = signal(pixels)
    for axis in content["axes"][:-2]:
        axis["navigate"] = True
    importlib.import_module(f"rsciio.{READERS[path.suffix]}").file_writer(str(path), content)
    return path


def _prz(path: Path, pixels: np.ndarray) -> Path:
    """As Panta Rhei 24.03 and later save it."""
    calibration = [{"unit": "nm", "value": 0.02, "offset": 0.0}] * 2
    metadata = json.dumps([{"type": "2D", "device.calib": calibration}])
    with path.open("wb") as file:
        np.savez(file, data=pixels, meta_data_json=metadata)
    return path


@pytest.mark.parametrize("suffix", [".nxs", ".rpl", ".unf"])
def test_an_image_is_read_with_its_pixel_size(tmp_path, pixels, suffix):
    pixels = pixels.astype(np.float32)
    recorded = read_micrograph(_written(tmp_path / f"a{suffix}", pixels))
    np.testing.assert_array_equal(recorded.pixels, pixels)
    assert recorded.pixel_size_nm == pytest.approx(0.02, rel=1e-6)
    assert recorded.kind == f"{suffix[1:]} (rosettasciio)"


def test_what_a_file_states_of_its_recording_is_taken(tmp_path, pixels):
    recorded = read_micrograph(_written(tmp_path / "a.nxs", pixels))
    stated = recorded.energy_keV, recorded.magnification, recorded.exposure_s
    assert stated == (300, 3.3e5, 0.4)


def test_a_prz_is_read_with_its_pixel_size(tmp_path, pixels):
    recorded = read_micrograph(_prz(tmp_path / "a.prz", pixels))
    np.testing.assert_array_equal(recorded.pixels, pixels)
    assert recorded.pixel_size_nm == pytest.approx(0.02)


class _Touch:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_a_prz_is_not_executed(tmp_path, pixels):
    path, touched = tmp_path / "a.prz", tmp_path / "touched"
    with path.open("wb") as file:
        np.savez(file, data=pixels, meta_data=np.array([_Touch(touched)], object))
    assert read_micrograph(path).pixel_size_nm is None
    assert not touched.exists()


@pytest.mark.parametrize("suffix", [".nxs", ".rpl"])
def test_a_stack_is_refused(tmp_path, pixels, suffix):
    with pytest.raises(InputError, match=r"a stack of shape \(3, 48, 64\)"):
        read_micrograph(_written(tmp_path / f"a{suffix}", np.stack([pixels] * 3)))


def test_diffraction_patterns_of_a_scan_are_refused(tmp_path):
    xml = "<root><raw_file filename='a.raw'/><pix_x>3</pix_x><pix_y>2</pix_y></root>"
    (tmp_path / "a.xml").write_text(xml, encoding="utf-8")
    np.zeros(6 * 130 * 128, "<f4").tofile(tmp_path / "a.raw")
    with pytest.raises(InputError, match=r"a stack of shape \(2, 3, 128, 128\)"):
        read_micrograph(tmp_path / "a.xml")


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_a_damaged_file_ends_in_one_error(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(np.random.default_rng(1).bytes(3000))
    with pytest.raises(InputError, match=r"cannot be decoded|a file with 0 images"):
        read_micrograph(path)


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rsciio.ripple", None)
    with pytest.raises(InputError, match=r"read by rosettasciio.*pip install -c .*\[formats\]"):
        decode_other(tmp_path / "a.rpl")


@pytest.mark.parametrize("suffix", sorted(READERS))
def test_every_reader_exists(suffix):
    assert importlib.import_module(f"rsciio.{READERS[suffix]}").file_reader


def test_content_decides_before_the_suffix(tmp_path, pixels):
    from PIL import Image

    Image.fromarray(pixels).save(tmp_path / "a.rpl", "PNG")
    assert read_micrograph(tmp_path / "a.rpl").kind == "png"
