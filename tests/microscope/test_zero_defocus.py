import numpy as np
import pytest
import torch

from hrtem_shift.microscope import zero_defocus
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.microscope.imaging import coherent_intensities
from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.microscope.zero_defocus import zero_defocus_nm

FIELD_NM, PIXELS = 2.0, 64
PIXEL_nm = FIELD_NM / PIXELS


@pytest.fixture
def layer_at(atoms):
    """Wave behind one layer of atoms, in the middle of the slice at `depth_nm` of 3 nm."""

    def build(depth_nm, element=1):
        rng = np.random.default_rng(0)
        positions_nm = np.column_stack([rng.uniform(0, FIELD_NM, (12, 2)), np.full(12, depth_nm)])
        scene = atoms(positions_nm, element, (FIELD_NM, FIELD_NM, 3.0))
        return exit_wave(scene, MultisliceSettings(pixels=PIXELS, slice_thickness_nm=0.1))

    return build


@pytest.mark.parametrize("depth_nm", [0.55, 1.25, 2.35])
def test_a_layer_of_atoms_is_least_visible_in_its_own_plane(layer_at, depth_nm):
    found = zero_defocus_nm(layer_at(depth_nm), 300, PIXEL_nm, 3.0)
    assert found == pytest.approx(3.0 - depth_nm, abs=0.02)


def test_strong_scatterers_seem_nearer_to_the_exit_plane(layer_at):
    """Their image in focus holds contrast of the second order, which some defocus cancels."""
    found = [zero_defocus_nm(layer_at(1.25, z), 300, PIXEL_nm, 3.0) for z in (1, 6, 79)]
    assert 1.75 > found[0] > found[1] > found[2] > 1.25


def test_the_grid_is_a_tenth_then_a_hundredth_of_a_nanometre(layer_at, monkeypatch):
    tried_nm = []

    def watched(waves, lenses, *rest):
        tried_nm.append([lens.defocus_nm for lens in lenses])
        assert {lens.focal_spread_std_nm for lens in lenses} == {1.0}
        return coherent_intensities(waves, lenses, *rest)

    monkeypatch.setattr(zero_defocus, "coherent_intensities", watched)
    lens = Lens(defocus_nm=50.0, focal_spread_std_nm=1.0)
    found = zero_defocus_nm(layer_at(0.55), 300, PIXEL_nm, 3.0, lens)
    coarse, fine = tried_nm
    np.testing.assert_allclose(coarse, np.arange(31) / 10, atol=1e-12)
    np.testing.assert_allclose(np.diff(fine), 0.01, atol=1e-12)
    assert found in fine and fine[0] < found < fine[-1]


def test_thermal_configurations_are_averaged(layer_at):
    """Two planes, seen together, are least visible between them."""
    waves = torch.stack([layer_at(1.05), layer_at(1.45)])
    assert zero_defocus_nm(waves, 300, PIXEL_nm, 3.0) == pytest.approx(1.75, abs=0.02)
