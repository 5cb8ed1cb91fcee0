import numpy as np
import pytest
import torch
from pydantic import ValidationError

from hrtem_shift.errors import InputError
from hrtem_shift.microscope.electrons import interaction_per_V_nm
from hrtem_shift.microscope.multislice import (
    MultisliceSettings,
    exit_wave,
    exit_waves,
    propagator,
)
from hrtem_shift.microscope.potential import Grid
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm
from hrtem_shift.structures.scene_building import draw_scene
from hrtem_shift.structures.scene_distribution import SceneDistribution

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
    below = exit_wave(atoms([1.0, 1.0, 0.99], 79), SMALL)
    assert torch.equal(wave, below)


def unlike_scenes(atoms):
    """Three heights, an empty scene, and an odd and an even number of slices with atoms."""
    return [
        atoms([0.7, 1.2, 0.1], 79),
        atoms(np.empty((0, 3)), 6, (2.0, 2.0, 3.0)),
        atoms([[0.4, 1.0, 0.3], [1.1, 1.4, 1.9], [1.5, 0.2, 2.0]], [79, 6, 14], (2.0, 2.0, 2.5)),
        atoms(np.random.default_rng(2).uniform(0, [2, 2, 4], (200, 3)), 6, (2.0, 2.0, 4.1)),
    ]


def test_a_wave_is_the_same_alone_or_among_many(atoms):
    torch.set_num_threads(1)
    scenes = unlike_scenes(atoms)
    together = exit_waves(scenes, SMALL)
    assert together.shape == (4, 1, 96, 96) and together.dtype == torch.complex64
    for scene_, wave in zip(scenes, together, strict=True):
        assert torch.equal(exit_wave(scene_, SMALL), wave[0])
    assert exit_waves([], SMALL).shape == (0, 1, 96, 96)


@pytest.mark.parametrize("together", [2, 4])
def test_specimens_that_are_propagated_together_do_not_mix(atoms, monkeypatch, together):
    """As a GPU does it; one that is done waits in its own exit plane for the others."""
    scenes = unlike_scenes(atoms)
    alone = exit_waves(scenes, SMALL)
    monkeypatch.setattr("hrtem_shift.microscope.multislice.batch_size", lambda *_: together)
    for wave, expected in zip(exit_waves(scenes, SMALL), alone, strict=True):
        assert relative(wave, expected) < 1e-5


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_waves_of_the_cpu(atoms):
    scenes = unlike_scenes(atoms)
    assert relative(exit_waves(scenes, SMALL, "cuda").cpu(), exit_waves(scenes, SMALL)) < 1e-5


def test_oversampling_keeps_vacuum_and_the_band_limit_of_the_pixels_asked_for(atoms):
    """Within it the wave is that of twice as many pixels; beyond it there is nothing."""
    settings = MultisliceSettings(pixels=96, oversampling=2)
    assert exit_wave(atoms(np.empty((0, 3)), 6), settings).numpy() == pytest.approx(1, abs=1e-6)
    fine = torch.fft.fft2(exit_wave(scene(), MultisliceSettings(pixels=192))) / 192**2
    coarse = torch.fft.fft2(exit_wave(scene(), settings)) / 96**2
    k = np.fft.fftfreq(96, 1 / 96).astype(int)
    same = fine[k[:, None], k[None, :]]
    inside = torch.from_numpy(np.hypot(k[:, None], k[None, :]) <= 2 / 3 * 48)
    assert relative(coarse[inside], same[inside]) < 1e-5
    assert coarse[~inside].abs().max() < 1e-6 < same[~inside].abs().max()


@pytest.mark.parametrize(("x_px", "y_px"), [(5, 0), (0, -3), (4, 7)])
def test_a_tilted_beam_carries_features_along(atoms, x_px, y_px):
    """Known answer: behind d of vacuum the wave of an atom stands d tan(tilt) further."""
    box_nm, pixel_nm = (2.0, 2.0, 10.1), 2.0 / 96
    way_nm = 10.1 - 0.5 * 10.1 / 51  # from the middle of the first of 51 slices
    tilts = {
        f"beam_tilt_{axis}_mrad": 1e3 * np.arctan(px * pixel_nm / way_nm)
        for axis, px in (("x", x_px), ("y", y_px))
    }
    atom = atoms([0.9, 0.8, 0.05], 79, box_nm)
    expected = torch.roll(exit_wave(atom, SMALL), (y_px, x_px), dims=(0, 1))
    tilted = exit_wave(atom, MultisliceSettings(pixels=96, **tilts))
    assert relative(tilted - 1, expected - 1) < 1e-5


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
        ({"size_nm": (2.0, 2.0, float("inf"))}, {"pixels": 96}, "a box of 2 x 2 x inf nm"),
        ({}, {"pixels": 400_000}, r"need 20,2\d\d.\d GiB.*GiB of memory on cpu.*fewer pixels"),
        ({}, {"pixels": 50_000, "oversampling": 8}, "computed on 400000 pixels, need"),
    ],
)
def test_a_wave_that_would_be_wrong_is_refused_before_any_work(atoms, build, settings, message):
    given = atoms(**{"positions_nm": [1, 1, 0.5], "element": 6, **build})
    with pytest.raises(InputError, match=message):
        exit_wave(given, MultisliceSettings(**settings))


def test_more_atoms_than_memory_holds_are_refused(atoms, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 10_000))
    crowd = atoms(np.full((30_000, 3), 0.5), 6)
    with pytest.raises(InputError, match=r"need 0.1 GiB.*There are 0.0 GiB"):
        exit_wave(crowd, SMALL)


def test_fields_that_differ_are_not_computed_together(atoms):
    scenes = [atoms([1, 1, 0.5], 6), atoms([1, 1, 0.5], 6, (2.2, 2.2, 1.0))]
    with pytest.raises(InputError, match=r"fields from 2 to 2.2 nm"):
        exit_waves(scenes, SMALL)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"pixels": 101}, "101 is odd"),
        ({"energy_keV": 300_000}, "less than or equal to 3000"),
        ({"slice_thickness_nm": 0}, "greater than 0"),
        ({"beam_tilt_x_mrad": 60}, "less than or equal to 50"),
        ({"beam_tilt_y_mrad": float("nan")}, "finite number"),
        ({"parametrization": "weickenmeier"}, "'lobato' or 'kirkland'"),
        ({"displacement_std_nm": {"au": 0.01}}, "no element 'au'; did you mean 'Au'"),
        ({"displacement_std_nm": {"Au": float("inf")}}, "finite number"),
    ],
)
def test_settings_out_of_range_are_refused(block, message):
    with pytest.raises(ValidationError, match=message):
        MultisliceSettings(**block)
