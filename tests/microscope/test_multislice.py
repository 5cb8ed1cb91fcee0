import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import interaction_per_V_nm
from hrtem_shift.microscope.multislice import MultisliceSettings, exit_wave, propagator
from hrtem_shift.microscope.potential import Grid
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.structures.scene_distribution import SceneDistribution, draw_scene

SMALL = MultisliceSettings(pixels=96)
DISTRIBUTION = SceneDistribution(
    field_nm=2.6,
    particles={"diameter_nm": ["normal", 2.0, 0.1]},
    carbon={"thickness_nm": 1.0},
)


def scene(seed=0):
    return draw_scene(DISTRIBUTION, seed)


def relative(found, expected):
    return float(torch.linalg.norm(found - expected) / torch.linalg.norm(expected))


def test_vacuum_is_one(atoms):
    empty = atoms(np.empty((0, 3)), 6)
    wave = exit_wave(empty, SMALL)
    assert wave.dtype == torch.complex64 and wave.shape == (96, 96)
    assert wave.numpy() == pytest.approx(1, abs=1e-6)


def test_electrons_are_kept(atoms):
    """Carbon film: mean intensity 1, less what goes beyond the band limit, never more."""
    film_nm = np.random.default_rng(0).uniform(0, [2, 2, 1], (440, 3))
    mean = float(exit_wave(atoms(film_nm, 6), SMALL).abs().square().mean())
    assert 0.99 < mean <= 1 + 1e-5


def test_the_wave_fills_two_thirds_of_nyquist_and_no_more(atoms):
    """Beyond the band limit nothing; just within it a gold atom still scatters."""
    wave = exit_wave(atoms([0.8, 1.3, 0.5], 79), SMALL).numpy()
    spectrum = np.abs(np.fft.fft2(wave)) / wave.size
    q = np.hypot(*np.meshgrid(*[np.fft.fftfreq(96) * 2] * 2, indexing="ij"))  # of Nyquist
    assert spectrum[q > 2 / 3].max() < 1e-6
    assert spectrum[(q > 0.6) & (q < 0.66)].min() > 1e-5


def test_mean_phase_is_interaction_times_mean_inner_potential(atoms):
    """Known answer sigma V0 t in absolute units, from f_e(0) alone."""
    wave = exit_wave(atoms([1.0, 1.0, 0.5], 6), SMALL)
    expected = (
        interaction_per_V_nm(300) * POTENTIAL_V_nm2 * scattering_factor_nm(6, np.zeros(1)) / 4
    )
    assert float(wave.mean().imag) == pytest.approx(float(expected[0]), rel=0.02)


@pytest.mark.parametrize("slice_nm", [0.2, 0.5])
def test_empty_slices_are_only_a_longer_way(atoms, slice_nm):
    """An atom at the top of a thick box = the same atom in a thin box, then propagated."""
    settings = MultisliceSettings(pixels=96, slice_thickness_nm=slice_nm)
    thick = exit_wave(atoms([0.7, 1.2, 0.01], 79, (2.0, 2.0, 9.0)), settings)
    thin = exit_wave(atoms([0.7, 1.2, 0.01], 79, (2.0, 2.0, 1.0)), settings)
    way = propagator(Grid(96, 2.0), [8.0], SMALL, torch.device("cpu"))[0]
    assert relative(torch.fft.ifft2(torch.fft.fft2(thin) * way), thick) < 1e-5


def test_a_shift_by_whole_pixels_rolls_the_wave():
    """Also across the border: field and atoms are periodic in x and y."""
    first = scene()
    pixel_nm = first.size_nm[0] / 96
    moved = first.positions_nm + np.array([7, -20, 0]) * pixel_nm
    second = type(first)(first.size_nm, moved, first.atomic_numbers, first.object_id, ())
    expected = torch.roll(exit_wave(first, SMALL), (-20, 7), dims=(0, 1))
    assert relative(exit_wave(second, SMALL), expected) < 1e-4


def test_turning_the_scene_turns_the_wave():
    """x and y are treated alike: swapping them transposes the wave."""
    first = scene()
    swapped = first.positions_nm[:, [1, 0, 2]]
    second = type(first)(first.size_nm, swapped, first.atomic_numbers, first.object_id, ())
    assert relative(exit_wave(second, SMALL), exit_wave(first, SMALL).T) < 1e-5


def test_thinner_slices_and_finer_pixels_change_little():
    """Convergence: 0.2 nm slices within 3 % of 0.05 nm (measured 1 to 1.5 % for 5 nm of gold)."""
    coarse = exit_wave(scene(), SMALL)
    fine = exit_wave(scene(), MultisliceSettings(pixels=96, slice_thickness_nm=0.05))
    assert 1e-4 < relative(coarse, fine) < 0.03


def test_the_same_scene_gives_the_same_bytes_and_order_does_not_matter():
    torch.set_num_threads(1)
    first = scene()
    once, again = exit_wave(first, SMALL), exit_wave(first, SMALL)
    assert torch.equal(once, again)
    order = np.random.default_rng(0).permutation(len(first.positions_nm))
    shuffled = type(first)(
        first.size_nm,
        first.positions_nm[order],
        first.atomic_numbers[order],
        first.object_id[order],
        (),
    )
    assert relative(exit_wave(shuffled, SMALL), once) < 1e-5


def test_an_atom_on_the_last_plane_is_not_lost(atoms):
    """abTEM once dropped atoms at slice edges (its pull request 273)."""
    for z_nm in (0.0, 0.2, 0.4, 1.0):
        wave = exit_wave(atoms([1.0, 1.0, z_nm], 79), SMALL)
        assert float(wave.mean().imag) == pytest.approx(7.8e-4, rel=0.1)


@pytest.mark.parametrize(
    ("build", "settings", "message"),
    [
        (
            {"size_nm": (6.0, 6.0, 1.0)},
            {"pixels": 96},
            r"a pixel of 0.0625 nm.*at least 120 pixels",
        ),
        ({}, {"pixels": 96, "slice_thickness_nm": 1.5}, "slices of 1.5 nm.*only 1 nm thick"),
        ({"element": 130}, {"pixels": 96}, "atomic number 130"),
        ({"positions_nm": [1, 1, 1.2]}, {"pixels": 96}, r"atoms between z = 1.2"),
        ({"positions_nm": [1, 1, float("nan")]}, {"pixels": 96}, "not finite"),
        ({"size_nm": (2.0, 2.5, 1.0)}, {"pixels": 96}, "square"),
    ],
)
def test_a_wave_that_would_be_wrong_is_refused_before_any_work(atoms, build, settings, message):
    given = atoms(**{"positions_nm": [1, 1, 0.5], "element": 6, **build})
    with pytest.raises(InputError, match=message):
        exit_wave(given, MultisliceSettings(**settings))


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"pixels": 101}, "101 is odd"),
        ({"energy_keV": 300_000}, "less than or equal to 3000"),
        ({"slice_thickness_nm": 0}, "greater than 0"),
    ],
)
def test_settings_out_of_range_are_refused(block, message):
    with pytest.raises(ValidationError, match=message):
        MultisliceSettings(**block)
