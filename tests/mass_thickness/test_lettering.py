import numpy as np
import pytest
from scipy.ndimage import label

from hrtem_shift.mass_thickness.lettering import add_lettering


def image(shape=(128, 160)):
    """No two pixels are alike, so that whatever is printed shows."""
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32)


@pytest.fixture(scope="module")
def lettered():
    return [add_lettering(image(), np.random.default_rng(k)) for k in range(80)]


def test_pixels_change_where_something_is_printed_and_nowhere_else(lettered):
    before = image()
    for after, printed in lettered:
        changed = after != before
        assert not changed[~printed].any()
        extreme = (before == before.min()) | (before == before.max())
        assert changed[printed & ~extreme].all()


def test_most_ink_is_as_dark_or_as_bright_as_the_image_goes(lettered):
    ends = [image().min(), image().max()]
    shares = [np.isin(after[printed], ends).mean() for after, printed in lettered if printed.any()]
    assert min(shares) > 0.3
    assert np.median(shares) > 0.7


def test_letters_are_dark_or_bright_and_sometimes_there_are_none(lettered):
    darkest = [np.median(after[printed]) for after, printed in lettered if printed.any()]
    assert len(set(darkest)) >= 2
    covers = [printed.mean() for _, printed in lettered]
    assert 0.03 < np.mean(np.array(covers) == 0) < 0.25
    assert 0.02 < max(covers) < 0.4


def test_bars_are_full_rectangles(lettered):
    """Some connected ink is as long as a bar and fills its own frame."""
    full = 0
    for _, printed in lettered:
        parts, number = label(printed)
        for k in range(1, number + 1):
            rows, columns = np.nonzero(parts == k)
            frame = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
            full += bool(rows.size == frame and np.ptp(columns) + 1 >= 0.1 * 160)
    assert full > 25


def test_the_generator_decides_and_the_image_is_not_changed():
    before = image()
    kept = before.copy()
    first, again = (add_lettering(before, np.random.default_rng(3)) for _ in range(2))
    other = add_lettering(before, np.random.default_rng(4))
    assert np.array_equal(before, kept)
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("shape", [(48, 48), (64, 200), (200, 64)])
def test_small_and_narrow_images(shape):
    for k in range(10):
        pixels, printed = add_lettering(image(shape), np.random.default_rng(k))
        assert pixels.shape == printed.shape == shape
        assert pixels.dtype == np.float32
