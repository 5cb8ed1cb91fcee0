import numpy as np
import pytest

from hrtem_shift.mass_thickness.textures import NoiseField, agglomerate, smooth_noise


def correlation_length_px(field):
    """Shift at which the correlation along rows has fallen to exp(-1/4)."""
    for shift in range(1, field.shape[1] // 2):
        pairs = np.corrcoef(field[:, :-shift].ravel(), field[:, shift:].ravel())[0, 1]
        if pairs < np.exp(-0.25):
            return shift
    return np.inf


@pytest.mark.parametrize("length_px", [1.5, 4, 12])
def test_noise_is_standard_and_as_smooth_as_asked(length_px):
    """A Gaussian filter of deviation s gives the correlation exp(-x² / 4 s²): exp(-1/4) at s."""
    field = smooth_noise((256, 256), length_px, np.random.default_rng(0))
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-5)
    assert correlation_length_px(field) == pytest.approx(length_px, rel=0.35, abs=1)


def test_windows_are_parts_of_one_field():
    field = NoiseField(3.0, 64, np.random.default_rng(1))
    whole = field.window((64, 64), np.random.default_rng(0))
    window = field.window((5, 9), np.random.default_rng(2))
    places = np.lib.stride_tricks.sliding_window_view(whole, (5, 9))
    assert np.any(np.all(places == window, axis=(2, 3)))


def test_windows_vary_and_larger_ones_than_the_field_are_drawn():
    field, rng = NoiseField(3.0, 64, np.random.default_rng(1)), np.random.default_rng(0)
    windows = [field.window((9, 9), rng) for _ in range(5)]
    assert all(not np.array_equal(windows[0], other) for other in windows[1:])
    large = field.window((80, 20), rng)
    assert large.shape == (80, 20)
    assert large.std() == pytest.approx(1, abs=1e-4)


def test_agglomerates_grow_with_the_number_and_size_of_their_balls():
    def volume(radius_px, number):
        draws = [
            agglomerate((128, 128), radius_px, number, np.random.default_rng(k)).sum()
            for k in range(10)
        ]
        return np.mean(draws)

    assert volume(8, 20) == pytest.approx(2 * volume(8, 10), rel=0.35)
    assert volume(8, 10) > 4 * volume(4, 10)
