import numpy as np
import pytest

from hrtem_shift.mass_thickness.burned_in import burn_in


def image(shape=(128, 160)):
    """No two pixels are alike, so that whatever is burned in shows."""
    return np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32)


def drawn(number=40):
    return [(image(), *burn_in(image(), np.random.default_rng(k))) for k in range(number)]


def test_exactly_the_inked_pixels_changed():
    for before, after, inked in drawn():
        changed = after != before
        extreme = (before == before.min()) | (before == before.max())
        assert not changed[~inked].any()
        assert changed[inked & ~extreme].all()


def test_ink_is_as_bright_or_as_dark_as_the_image_goes():
    for before, after, inked in drawn():
        assert np.isin(after[inked], [before.min(), before.max()]).all()


def test_both_bright_and_dark_ink_and_sometimes_none_at_all():
    fractions = [inked.mean() for _, _, inked in drawn()]
    shades = [np.median(after[inked]) for _, after, inked in drawn() if inked.any()]
    assert min(fractions) == 0
    assert 0.01 < max(fractions) < 0.3
    assert len(set(shades)) == 2


def test_bars_lie_at_the_bottom_and_letters_at_the_top_left():
    tops, bottoms = 0, 0
    for _, _, inked in drawn():
        rows, columns = np.nonzero(inked)
        assert not ((rows > 40) & (rows < 80)).any()
        assert (columns[rows <= 40] < 60).all()
        tops += bool((rows <= 40).any())
        bottoms += bool((rows >= 80).any())
    assert 10 < tops < 30
    assert 20 < bottoms < 36


def test_a_bar_is_a_full_rectangle():
    lengths = []
    for _, after, inked in drawn():
        lower = np.where(inked[90:], after[90:], np.nan)
        runs = [longest_run(row) for row in lower]
        lengths.append(max(runs))
    assert max(lengths) <= 0.35 * 160 + 11  # with a box
    assert np.mean(np.array(lengths) >= 0.12 * 160) > 0.5


def longest_run(row):
    """Longest run of equal ink in a row."""
    longest = run = 0
    last = np.nan
    for value in row:
        run = run + 1 if value == last else int(not np.isnan(value))
        last = value
        longest = max(longest, run)
    return longest


def test_the_given_image_is_not_changed():
    before = image()
    kept = before.copy()
    for k in range(10):
        burn_in(before, np.random.default_rng(k))
    assert np.array_equal(before, kept)


@pytest.mark.parametrize("shape", [(48, 48), (64, 200), (200, 64)])
def test_small_and_narrow_images(shape):
    for k in range(10):
        pixels, inked = burn_in(image(shape), np.random.default_rng(k))
        assert pixels.shape == inked.shape == shape
        assert pixels.dtype == np.float32
