from collections import Counter

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes, PIXEL_SIZES_nm, draw_scene
from hrtem_shift.mass_thickness.textures import smooth_noise
from hrtem_shift.mass_thickness.visibility import visible_labels

SCENES = DrawnScenes()
SHAPE = (96, 112)


def drawn_with(number=40, **changes):
    scenes = SCENES.model_copy(update=changes)
    return [draw_scene(scenes, 3, "test", k, shape=SHAPE) for k in range(number)]


@pytest.fixture(scope="module")
def drawn():
    return drawn_with(120)


def contrast(scene):
    """Mean of the particles less that of a ring around them."""
    inside = scene.labels > 0
    ring = binary_dilation(inside, iterations=4) & ~binary_dilation(inside)
    return float(scene.pixels[inside].mean() - scene.pixels[ring].mean())


def radii(scene):
    areas = np.bincount(scene.labels.ravel())[1:]
    return np.sqrt(areas[areas > 0] / np.pi)


def test_an_address_gives_the_same_pixels_and_another_gives_others(drawn):
    again = draw_scene(SCENES, 3, "test", 0, shape=SHAPE)
    assert np.array_equal(again.pixels, drawn[0].pixels)
    assert np.array_equal(again.labels, drawn[0].labels)
    assert again.conditions == drawn[0].conditions
    for seed, address in ((4, 0), (3, 1)):
        other = draw_scene(SCENES, seed, "test", address, shape=SHAPE)
        assert not np.array_equal(other.pixels, drawn[0].pixels)


def test_pixels_are_finite_and_of_the_shape(drawn):
    for scene in drawn:
        assert scene.pixels.shape == scene.labels.shape == SHAPE
        assert scene.pixels.dtype == np.float32
        assert scene.labels.dtype == np.int32
        assert np.isfinite(scene.pixels).all()
        assert scene.pixels.std() > 0
        assert PIXEL_SIZES_nm[0] <= scene.conditions["pixel_size_nm"] <= PIXEL_SIZES_nm[1]


def test_modes_come_by_their_weights(drawn):
    counts = Counter(scene.mode for scene in drawn)
    for mode, weight in SCENES.modes.items():
        assert counts[mode] / len(drawn) == pytest.approx(weight, abs=0.13)
    assert {scene.mode for scene in drawn_with(5, modes={"dark_field": 1.0})} == {"dark_field"}


@pytest.mark.parametrize(
    ("mode", "sign"), [("bright_field", -1), ("dark_field", 1), ("secondary_electron", 1)]
)
def test_particles_are_dark_in_bright_field_and_bright_else(mode, sign):
    scenes = drawn_with(60, modes={mode: 1.0}, empty=0.0, lettering=0.0)
    values = [sign * contrast(s) for s in scenes if 0.02 < (s.labels > 0).mean() < 0.6]
    assert len(values) > 20
    assert np.mean(np.array(values) > 0) > 0.9


def test_empty_scenes_have_no_labels():
    for scene in drawn_with(10, empty=1.0):
        assert not scene.labels.any()
        assert scene.conditions["particles"] == 0


def test_sizes_reach_from_few_pixels_to_half_the_image():
    scenes = drawn_with(150, catalysts=0.0, lettering=0.0)
    medians = np.array([np.median(radii(s)) for s in scenes if s.labels.any()])
    assert medians.min() < 5
    assert medians.max() > 30


def test_particles_on_carriers_are_small():
    scenes = drawn_with(30, catalysts=1.0, modes={"bright_field": 1.0}, lettering=0.0)
    medians = np.array([np.median(radii(s)) for s in scenes if s.labels.any()])
    assert medians.size > 10
    assert np.median(medians) < 10


def test_particles_touch_in_some_scenes(drawn):
    shares = []
    for scene in drawn:
        left, right = scene.labels[:, :-1], scene.labels[:, 1:]
        between = (left > 0) & (right > 0) & (left != right)
        shares.append(between.sum() / max((scene.labels > 0).sum(), 1))
    assert np.mean(np.array(shares) == 0) > 0.1
    assert max(shares) > 0.02


def test_no_labels_under_letters():
    plain = drawn_with(20, lettering=0.0)
    marked = drawn_with(20, lettering=1.0)
    covered = 0
    for before, after in zip(plain, marked, strict=True):
        printed = before.pixels != after.pixels
        covered += int((before.labels[printed] > 0).sum())
        assert not after.labels[printed].any()
    assert covered > 0


def test_only_particles_that_can_be_seen_are_labelled():
    labels = np.zeros((64, 64), np.int32)
    labels[5:25, 5:25], labels[35:55, 5:25], labels[40:43, 40:42] = 1, 2, 3
    bare = np.ones((64, 64), np.float32)
    ideal = bare.copy()
    ideal[labels == 1], ideal[labels == 2], ideal[labels == 3] = 0.5, 0.99, 0.5
    assert set(np.unique(visible_labels(labels, ideal, bare, 0.1))) == {0, 1}
    assert set(np.unique(visible_labels(labels, ideal, bare, 1e-4))) == {0, 1, 2}
    clutter = 3 * smooth_noise(bare.shape, 4, np.random.default_rng(0))
    assert not visible_labels(labels, ideal + clutter, bare + clutter, 1e-4).any()
    assert visible_labels(labels, ideal + 0.1 * clutter, bare + 0.1 * clutter, 1e-4).any()
