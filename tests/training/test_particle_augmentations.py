import numpy as np
import pytest

from hrtem_shift.mass_thickness.drawn_scenes import DrawnScenes
from hrtem_shift.training.particle_augmentations import (
    Sample,
    as_part_of_a_larger_image,
    recorded_otherwise,
    turned,
    zoomed_crop,
)
from hrtem_shift.training.particle_sources import SCENES_AT_HAND, SHOWINGS, drawn_scenes


@pytest.fixture(scope="module")
def disc():
    """A dark disc of 20 px in radius, off the middle."""
    y, x = np.mgrid[:96, :96]
    labels = (np.hypot(y - 40, x - 56) < 20).astype(np.int32)
    return Sample((100 - 60.0 * labels).astype(np.float32), labels)


def test_turns_take_pixels_and_labels_along(disc):
    turns = [turned(disc, np.random.default_rng(seed)) for seed in range(60)]
    assert len({each.labels.tobytes() for each in turns}) == 8
    for each in turns:
        assert np.array_equal(each.pixels < 70, each.labels > 0)


def test_a_zoom_scales_the_particle(disc):
    diameters = []
    for seed in range(20):
        crop = zoomed_crop(disc, 48, (0.5, 0.5), np.random.default_rng(seed))
        assert crop.pixels.shape == crop.labels.shape == (48, 48)
        diameters.append(2 * np.sqrt(crop.labels.sum() / np.pi))
    assert np.median(diameters) == pytest.approx(20, abs=1)


def test_other_recordings_leave_the_particle_where_it_is(disc):
    """Its contrast may change sign, but between inside and outside there is one, mostly."""
    contrasts, signs = [], set()
    for seed in range(80):
        pixels = recorded_otherwise(disc.pixels, np.random.default_rng(seed))
        assert pixels.shape == disc.pixels.shape
        assert np.isfinite(pixels).all()
        inside, outside = pixels[disc.labels > 0], pixels[disc.labels == 0]
        difference = inside.mean() - outside.mean()
        signs.add(np.sign(difference))
        contrasts.append(abs(difference) / max(outside.std(), 1e-6))
    assert signs == {-1, 1}
    assert np.median(contrasts) > 3


def test_the_same_generator_gives_the_same_recording(disc):
    first, second = (recorded_otherwise(disc.pixels, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)


def test_levels_are_those_of_crops_of_larger_images():
    image = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32)
    levels = [as_part_of_a_larger_image(image, np.random.default_rng(seed)) for seed in range(200)]
    unchanged = np.mean([np.array_equal(each, image) for each in levels])
    assert unchanged == pytest.approx(0.5, abs=0.1)
    changed = [each for each in levels if not np.array_equal(each, image)]
    spreads, means = [each.std() for each in changed], [each.mean() for each in changed]
    assert 0.19 < min(spreads) < 0.3 and 1.1 < max(spreads) < 1.35
    assert -1.3 < min(means) < -0.9 and 0.9 < max(means) < 1.3


def test_a_drawn_scene_is_shown_again_in_another_way():
    source = drawn_scenes(DrawnScenes(empty=0), 64, 1, "drawn")
    shown = [source(3 + k * SCENES_AT_HAND) for k in range(SHOWINGS)]
    areas = [np.unique(each.labels, return_counts=True)[1].tolist() for each in shown]
    assert areas == [areas[0]] * SHOWINGS
    assert len({each.pixels.tobytes() for each in shown}) > SHOWINGS / 2
    another = source(3 + SHOWINGS * SCENES_AT_HAND)
    assert np.unique(another.labels, return_counts=True)[1].tolist() != areas[0]
