import numpy as np
import pytest

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes
from hrtem_shift.microscope.imaging_distribution import ImagingDistribution
from hrtem_shift.training.particle_augmentations import Sample
from hrtem_shift.training.particle_sources import (
    CROPS_AN_IMAGE,
    LatticeScene,
    drawn_scenes,
    lattice_images,
    mixture,
)

IMAGING = ImagingDistribution(
    imaging={"dose_e_per_A2": ["uniform", 2000, 4000], "defocus_nm": 60.0}
)


def scene(index):
    """A phase disc, at another place in each scene."""
    y, x = np.mgrid[:128, :128]
    labels = (np.hypot(y - 40 - 20 * index, x - 64) < 18).astype(np.int32)
    wave = np.exp(0.6j * labels).astype(np.complex64)
    thickness = (labels * 3.0).astype(np.float32)
    return LatticeScene(wave, thickness, labels, 0.05, 300.0, 0.0)


def lattice(seed=1, patch_px=64):
    return lattice_images(scene, 3, IMAGING, patch_px, seed, "lattice")


def constant(value):
    return lambda number: Sample(np.full((4, 4), value, np.float32), np.zeros((4, 4), np.int32))


def same(a, b):
    return np.array_equal(a.pixels, b.pixels) and np.array_equal(a.labels, b.labels)


@pytest.mark.parametrize(
    "source", [lattice(), drawn_scenes(DrawnScenes(), 64, 1, "drawn")], ids=["lattice", "drawn"]
)
def test_a_number_gives_the_same_sample_in_any_order(source):
    forwards = [source(k) for k in range(6)]
    backwards = [source(k) for k in reversed(range(6))][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not any(same(forwards[0], other) for other in forwards[1:])
    for sample in forwards:
        assert sample.pixels.shape == sample.labels.shape == (64, 64)
        assert sample.pixels.dtype == np.float32
        assert sample.labels.dtype == np.int32


def test_other_seeds_give_other_images():
    assert not same(lattice(1)(0), lattice(2)(0))


def test_labels_stay_on_the_particles():
    """Gold in a phase disc: its edge has the strongest contrast, inside and outside are alike."""
    source = lattice(patch_px=96)
    shares = []
    for number in range(24):
        sample = source(number)
        inside = sample.labels > 0
        if not 0.05 < inside.mean() < 0.9:
            continue
        edge = np.hypot(*np.gradient(inside.astype(float))) > 0
        slope = np.abs(np.hypot(*np.gradient(sample.pixels)))
        shares.append(slope[edge].mean() / slope[~edge].mean())
    assert len(shares) > 5
    assert np.median(shares) > 1


def test_crops_of_one_image_are_made_from_one_imaging():
    loads = []

    def load(index):
        loads.append(index)
        return scene(index)

    source = lattice_images(load, 3, IMAGING, 64, 1, "lattice")
    for number in range(3 * CROPS_AN_IMAGE):
        source(number)
    assert len(loads) == 3


def test_a_mixture_keeps_its_weights():
    source = mixture([(3.0, constant(1)), (1.0, constant(2))], 5, "mixture")
    values = np.array([source(k).pixels[0, 0] for k in range(0, 4000, CROPS_AN_IMAGE)])
    assert (values == 1).mean() == pytest.approx(0.75, abs=0.04)
    runs = [
        {source(CROPS_AN_IMAGE * k + j).pixels[0, 0] for j in range(CROPS_AN_IMAGE)}
        for k in range(20)
    ]
    assert all(len(run) == 1 for run in runs)
