import numpy as np
import pytest

from hrtem_shift.mass_thickness.films import carrier, film, substrate

SHAPE = (96, 128)


@pytest.mark.parametrize(
    "draw",
    [film, lambda shape, rng: carrier(shape, 3.0, rng), substrate],
    ids=["film", "carrier", "substrate"],
)
def test_thickness_is_finite_and_never_negative_and_comes_from_the_generator(draw):
    for k in range(30):
        field = draw(SHAPE, np.random.default_rng(k))
        assert field.shape == SHAPE and field.dtype == np.float32
        assert np.isfinite(field).all() and field.min() >= 0
        assert np.array_equal(field, draw(SHAPE, np.random.default_rng(k)))


def test_some_films_have_holes_and_most_have_none():
    holes = np.array([(film(SHAPE, np.random.default_rng(k)) == 0).mean() for k in range(200)])
    assert 0.02 < (holes > 0.02).mean() < 0.3


def test_carriers_leave_vacuum_and_vary_more_than_films():
    carriers = [carrier(SHAPE, 3.0, np.random.default_rng(k)) for k in range(60)]
    covers = np.array([(each > 0).mean() for each in carriers])
    assert np.mean(covers < 0.9) > 0.4
    assert min(covers) > 0.005
    relative = [each[each > 0].std() / each[each > 0].mean() for each in carriers]
    films = [film(SHAPE, np.random.default_rng(k)) for k in range(60)]
    of_films = [each[each > 0].std() / each[each > 0].mean() for each in films]
    assert np.median(relative) > 1.5 * np.median(of_films)


def test_substrates_are_never_black():
    assert min(substrate(SHAPE, np.random.default_rng(k)).min() for k in range(40)) > 0
