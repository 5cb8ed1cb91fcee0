"""Labels come from the particles alone, and say what is where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from hrtem_shift.micrographs.labels import ATOM_RADIUS_NM, edge_distance_nm, particle_labels
from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.imaging import image_intensity
from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.crystals import CRYSTALS, fill
from hrtem_shift.structures.scenes import Scene, SceneObject, assemble
from hrtem_shift.structures.volumes import Box, Sphere

BOX = (4.0, 4.0, 3.0)


def outlines(*particles):
    none = np.empty(0, int)
    return Scene(BOX, np.empty((0, 3)), none, none, particles)


def gold(centre_nm, diameter_nm, seed=0):
    sphere = Sphere((0.0, 0.0, 0.0), diameter_nm)
    turn = Rotation.random(rng=np.random.default_rng(seed))
    atoms = fill(CRYSTALS["Au"], sphere, rotation=turn).moved(centre_nm)
    return SceneObject("Au", atoms, sphere.moved(centre_nm), precedence=1)


def disc(x_nm, y_nm, radius_nm, pixels=128):
    y, x = np.mgrid[:pixels, :pixels] * (4.0 / pixels)
    return np.hypot(x - x_nm, y - y_nm) < radius_nm


def test_the_outline_is_the_disc_of_the_sphere():
    """Ideal disc: every pixel nearer to the centre than the radius."""
    labels = particle_labels(outlines(Sphere((2.1, 1.3, 1.0), 1.6)), 128)
    assert labels.mask.dtype == bool and labels.rule == "outline"
    assert np.array_equal(labels.mask, disc(2.1, 1.3, 0.8))


@settings(max_examples=30, deadline=None)
@given(x=st.floats(1.2, 2.8), y=st.floats(1.2, 2.8), diameter=st.floats(0.5, 2.0))
def test_the_area_is_the_projected_shape_within_a_rim_of_a_pixel(x, y, diameter):
    pixel = 4.0 / 256
    area = particle_labels(outlines(Sphere((x, y, 1.5), diameter)), 256).mask.sum() * pixel**2
    assert abs(area - np.pi / 4 * diameter**2) <= np.pi * diameter * pixel


def test_a_pixel_belongs_to_the_particle_that_is_thickest_there():
    small, large = Sphere((1.5, 2.0, 0.7), 1.0), Sphere((2.2, 2.0, 2.0), 1.8)
    labels = particle_labels(outlines(small, large), 128)
    assert set(np.unique(labels.instance)) == {0, 1, 2}
    assert labels.instance[64, 36] == 1  # x = 1.125 nm: the small one alone
    assert labels.instance[64, 64] == 2  # x = 2.0 nm: both, the large one thicker
    assert np.array_equal(labels.mask, disc(1.5, 2.0, 0.5) | disc(2.2, 2.0, 0.9))
    alone = [particle_labels(outlines(one), 128).thickness_nm for one in (small, large)]
    np.testing.assert_allclose(labels.thickness_nm, alone[0] + alone[1], atol=1e-6)


def test_projected_atoms_reach_a_radius_beyond_the_nuclei():
    scene = assemble(None, [gold((2.0, 2.0, 1.5), 2.0)], BOX, 0.2)
    mask = particle_labels(scene, 256, "projected_atoms").mask
    y, x = np.mgrid[:256, :256] * (4.0 / 256)
    nuclei = scene.positions_nm[:, :2]
    nearest = np.min([np.hypot(x - a, y - b) for a, b in nuclei], axis=0)
    assert np.array_equal(mask, nearest < ATOM_RADIUS_NM)


def test_two_rules_agree_on_the_inside_and_differ_at_the_rim():
    scene = assemble(None, [gold((2.0, 2.0, 1.5), 2.4)], BOX, 0.2)
    outline, atoms = (
        particle_labels(scene, 256, rule).mask for rule in ("outline", "projected_atoms")
    )
    overlap = (outline & atoms).sum() / (outline | atoms).sum()
    assert 0.8 < overlap < 0.99
    assert (atoms & disc(2.0, 2.0, 0.9, 256)).sum() == disc(2.0, 2.0, 0.9, 256).sum()


def test_distances_to_the_edge_are_signed_and_in_nm():
    mask = particle_labels(outlines(Box((2.0, 2.0, 1.5), (2.0, 2.0, 1.0))), 400).mask
    distance = edge_distance_nm(mask, 0.01)
    assert distance[200, 200] == pytest.approx(1.0, abs=0.01)
    assert distance[200, 350] == pytest.approx(-0.5, abs=0.01)
    assert np.array_equal(distance > 0, mask)
    assert np.isposinf(edge_distance_nm(np.ones((4, 4), bool), 0.01)).all()


def test_a_mask_does_not_know_how_its_particle_was_imaged():
    """Bit-equal masks while defocus, dose and energy change the image."""
    scene = assemble(None, [gold((2.0, 2.0, 1.5), 1.6)], BOX, 0.2)
    masks, images = [], []
    for defocus_nm, energy_keV in ((5.0, 300), (-20.0, 80)):
        labels = particle_labels(scene, 80)
        wave = exit_wave(scene, MultisliceSettings(pixels=80, energy_keV=energy_keV))
        conditions = ImagingConditions(
            defocus_nm=defocus_nm, cs_mm=0, focal_spread_std_nm=1, dose_e_per_A2=100
        )
        images.append(image_intensity(wave, conditions, energy_keV, 0.05, labels.thickness_nm))
        masks.append(labels.mask)
    assert np.array_equal(*masks)
    assert not np.allclose(*images, atol=0.05)


def test_the_phase_rule_sees_each_particle_alone_in_vacuum():
    """Carbon, a neighbour and phonons of the scene's wave change nothing."""
    one, other = gold((1.2, 1.2, 1.0), 1.4), gold((2.9, 2.8, 1.6), 1.4, seed=1)
    film = np.random.default_rng(2).uniform((0, 0, 2.4), BOX, (300, 3))
    carbon = SceneObject("carbon", Atoms.of(film, 6), None, precedence=2)
    settings = MultisliceSettings(pixels=128, phonon_configurations=3)
    crowd = assemble(carbon, [one, other], BOX, 0.2)
    together = particle_labels(crowd, 128, "exit_wave_phase", multislice=settings)
    alone = [
        particle_labels(assemble(None, [particle], BOX, 0.2), 128, "exit_wave_phase").mask
        for particle in (one, other)
    ]
    assert not (alone[0] & alone[1]).any()
    assert np.array_equal(together.instance, alone[0] + 2 * alone[1].astype(np.uint8))


@pytest.mark.parametrize("on_an_axis", [False, True])
def test_the_phase_rule_agrees_with_projected_atoms_as_published(on_an_axis):
    """Published: IoU 0.85 for 5 nm gold; 0.82 on [001] and 0.87 off it here, at 0.02 nm pixels."""
    size_nm = (5.6, 5.6, 5.2)
    sphere = Sphere((0.0, 0.0, 0.0), 5.0)
    turn = Rotation.identity() if on_an_axis else Rotation.random(rng=np.random.default_rng(0))
    centre_nm = (2.8, 2.8, 2.6)
    atoms = fill(CRYSTALS["Au"], sphere, rotation=turn).moved(centre_nm)
    one = SceneObject("Au", atoms, sphere.moved(centre_nm), precedence=1)
    scene = assemble(None, [one], size_nm, 0.2)
    phase, projected = (
        particle_labels(scene, 224, rule).mask for rule in ("exit_wave_phase", "projected_atoms")
    )
    assert 0.8 < (phase & projected).sum() / (phase | projected).sum() < 0.9
    assert (phase & ~projected).sum() < 0.01 * phase.sum()
    unsmoothed = particle_labels(scene, 224, "exit_wave_phase", smoothing_nm=0.0).mask
    assert unsmoothed.sum() < phase.sum() * (0.6 if on_an_axis else 1)


@pytest.mark.parametrize("rule", ["outline", "projected_atoms", "exit_wave_phase"])
def test_mask_and_wave_stand_on_the_same_pixels(rule):
    """Where the blurred wave differs from vacuum is the particle; its centre is the mask's."""
    scene = assemble(None, [gold((1.4, 2.5, 1.5), 1.8)], BOX, 0.2)
    wave = exit_wave(scene, MultisliceSettings(pixels=160)).numpy()
    scattered = gaussian_filter(np.abs(wave - 1), 4, mode="wrap") > 0.1
    mask = particle_labels(scene, 160, rule).mask
    centres = [np.argwhere(one).mean(axis=0) for one in (scattered, mask)]
    np.testing.assert_allclose(*centres, atol=2)
