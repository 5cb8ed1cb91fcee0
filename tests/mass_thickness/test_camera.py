import numpy as np
import pytest

from hrtem_shift.mass_thickness.camera import record


@pytest.fixture(scope="module")
def step():
    """Dark on the left, bright on the right."""
    ideal = np.full((96, 96), 0.4, np.float32)
    ideal[:, 48:] = 1.0
    return ideal


@pytest.fixture(scope="module")
def recordings(step):
    return [record(step, np.random.default_rng(k)) for k in range(120)]


def test_conditions_span_their_ranges(recordings):
    ranges = {
        "electrons_per_px": (6, 31_700),
        "blur_px": (0.3, 4),
        "contrast": (0.25, 1),
        "gamma": (0.5, 1.8),
        "printed": (0, 1),
    }
    for name, (low, high) in ranges.items():
        values = np.array([each.conditions[name] for each in recordings])
        assert low <= values.min() and values.max() <= high
        assert np.ptp(values) > 0.6 * (high - low)


def test_the_bright_side_stays_the_brighter_one(recordings):
    brighter = [each.pixels[:, 60:].mean() > each.pixels[:, :36].mean() for each in recordings]
    assert np.mean(brighter) > 0.95


def test_noise_is_known_in_the_unit_of_the_ideal_intensity(step):
    """On images without further processing, the noise of a flat part in units of the step."""
    ratios = []
    for k in range(300):
        each = record(step, np.random.default_rng(k))
        pixels, conditions = each.pixels, each.conditions
        whole = np.array_equal(pixels, np.round(pixels))
        if conditions["gamma"] != 1 or whole or conditions["printed"]:
            continue
        height = pixels[:, 70:90].mean() - pixels[:, 6:26].mean()
        differences = np.diff(pixels[:, 70:90], axis=0)[::2]
        noise = differences.std() / np.sqrt(2)
        ratios.append(noise / height * 0.6 / each.noise_std)
    assert len(ratios) > 30
    # A camera's blur takes noise away, uneven light and clipping change it a little.
    assert 0.3 < np.median(ratios) < 1.3
    assert np.percentile(ratios, 90) < 1.6


def test_more_electrons_give_less_noise(recordings):
    electrons = np.log([each.conditions["electrons_per_px"] for each in recordings])
    noise = np.log([each.noise_std for each in recordings])
    assert np.corrcoef(electrons, noise)[0, 1] < -0.7


def test_printed_images_have_8_bit(recordings):
    printed = [each.pixels for each in recordings if each.conditions["printed"]]
    assert 20 < len(printed) < 70
    for pixels in printed:
        assert np.array_equal(pixels, np.round(pixels))
        assert pixels.min() >= 0 and pixels.max() <= 255


def test_a_constant_image_is_recorded(step):
    for k in range(10):
        assert np.isfinite(record(np.ones_like(step), np.random.default_rng(k)).pixels).all()
