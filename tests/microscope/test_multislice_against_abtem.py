"""Exit waves of another program, abTEM 1.0.11 (Madsen and Susi, 2021), made here.

Two differences are known, and neither is an error of the waves below:

- abTEM projects atoms to the entry of their slice, this project to its middle. So its exit
  plane lies half a slice behind ours, and our wave is sent there first.
- abTEM spreads atoms bilinearly over four pixels without undoing the blur. Its waves depend
  on the pixel therefore, and come towards ours as pixels shrink.
"""

from math import ceil

import numpy as np
import pytest
import torch

from hrtem_shift.microscope.multislice import exit_wave, propagator
from hrtem_shift.microscope.potential import Grid
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution

abtem = pytest.importorskip("abtem", reason="abTEM, the oracle, comes with the extra dev")
ase = pytest.importorskip("ase", reason="abTEM takes its atoms from ASE")

CPU = torch.device("cpu")
SMALL = SceneDistribution(
    field_nm=2.56, particles={"diameter_nm": 2.0}, carbon={"thickness_nm": 0.5}
)
LARGE = SceneDistribution(
    field_nm=10.24, particles={"diameter_nm": 5.0}, carbon={"thickness_nm": 1.0}
)
TILT = {"beam_tilt_x_mrad": 20.0, "beam_tilt_y_mrad": -10.0}


def theirs(scene, settings):
    """abTEM's wave (H, W); its arrays hold x first."""
    atoms = ase.Atoms(
        numbers=scene.atomic_numbers,
        positions=10 * scene.positions_nm,
        cell=10 * np.array(scene.size_nm),
        pbc=True,
    )
    potential = abtem.Potential(
        atoms,
        gpts=settings.pixels,
        slice_thickness=10 * settings.slice_thickness_nm,
        parametrization=settings.parametrization,
        projection="infinite",
    )
    beam = abtem.PlaneWave(
        energy=1e3 * settings.energy_keV,
        tilt=(settings.beam_tilt_x_mrad, settings.beam_tilt_y_mrad),
    )
    with abtem.config.set({"local_diagnostics.progress_bar": False}):
        wave = beam.multislice(potential, lazy=False)
    return torch.from_numpy(np.asarray(wave.array).T.copy())


def apart(scene, settings, up_to_per_nm):
    """Relative L2 between both waves, in abTEM's exit plane, over q up to a frequency."""
    height_nm = scene.size_nm[2]
    half_slice_nm = height_nm / ceil(height_nm / settings.slice_thickness_nm) / 2
    grid = Grid(settings.pixels, scene.size_nm[0])
    ours = torch.fft.fft2(exit_wave(scene, settings))
    ours *= propagator(grid, [half_slice_nm], settings, CPU)[0]
    other = torch.fft.fft2(theirs(scene, settings))
    q_per_nm = np.hypot(grid.q_per_nm()[:, None], grid.q_per_nm()[None, :])
    band = torch.from_numpy(q_per_nm <= up_to_per_nm)
    return float(torch.linalg.norm((ours - other)[band]) / torch.linalg.norm(other[band]))


@pytest.mark.parametrize("settings", [{}, {"parametrization": "kirkland"}, TILT], ids=str)
def test_waves_of_pixels_of_a_hundredth_nanometre_are_within_one_per_cent(settings):
    """Found: 0.9 % for q up to 16 1/nm, a tilted beam and Kirkland's table too."""
    found = apart(draw_scene(SMALL, 0), MultisliceSettings(pixels=256, **settings), 16)
    assert 1e-3 < found < 0.01


def test_abtem_comes_nearer_with_finer_pixels():
    """Found: 0.88 % at 0.01 nm, 0.33 % at 0.005 nm (0.1 % at 0.0025 nm) on the same band."""
    coarse, fine = (
        apart(draw_scene(SMALL, 0), MultisliceSettings(pixels=pixels), 16) for pixels in (256, 512)
    )
    assert fine < coarse / 2


def test_a_wave_of_1024_pixels_is_within_one_per_cent():
    """A 5 nm gold particle on 1 nm of carbon, found: 0.9 % for q up to 16 1/nm."""
    assert apart(draw_scene(LARGE, 0), MultisliceSettings(pixels=1024), 16) < 0.01
