import subprocess
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from hrtem_shift.errors import InputError
from hrtem_shift.structures.carbon import amorphous_carbon
from hrtem_shift.structures.carbon_film import CarbonFilm, height_at, rough_surface

FIELD_NM = 5.0


def made(seed=0, field_nm=FIELD_NM, **parameters):
    return CarbonFilm(**parameters).make(field_nm, np.random.default_rng(seed))


def test_a_smooth_film_of_hard_spheres_is_the_one_that_stored_data_were_made_of():
    expected = amorphous_carbon(
        (FIELD_NM, FIELD_NM, 2.0),
        density_per_nm3=110.3,
        min_distance_nm=0.14,
        rng=np.random.default_rng(3),
    )
    assert np.array_equal(made(3, thickness_nm=2.0), expected)


@pytest.mark.parametrize("generator", ["hard_spheres", "network"])
@pytest.mark.parametrize("roughness_rms_nm", [0.0, 0.3])
def test_density_is_honoured_and_nothing_lies_below_zero(generator, roughness_rms_nm):
    film = CarbonFilm(generator=generator, thickness_nm=4.0, roughness_rms_nm=roughness_rms_nm)
    positions_nm = film.make(FIELD_NM, np.random.default_rng(0))
    expected = 110.3 * FIELD_NM**2 * 4.0
    assert len(positions_nm) == pytest.approx(expected, rel=0.01)
    assert positions_nm[:, 2].min() >= 0
    middle_nm = film.exit_surface_nm - 2.0
    assert positions_nm[:, 2].mean() == pytest.approx(middle_nm, abs=0.05)


def test_roughness_and_its_correlation_are_recovered_from_the_surface():
    field_nm, rms_nm, correlation_nm = 40.0, 0.5, 1.2
    heights = rough_surface(field_nm, rms_nm, correlation_nm, np.random.default_rng(0))
    assert heights.std() == pytest.approx(rms_nm, rel=0.01)
    assert heights.mean() == pytest.approx(0, abs=0.01)
    power = np.abs(np.fft.fft2(heights)) ** 2
    correlation = np.fft.ifft2(power).real[0] / power.sum() * heights.size
    lag = round(correlation_nm / field_nm * len(heights))
    assert correlation[lag] == pytest.approx(np.exp(-1), abs=0.05)


def test_roughness_is_recovered_from_the_atoms():
    """The highest atom of each column stands a little below the surface, by a like depth."""
    field_nm, film = 12.0, CarbonFilm(roughness_rms_nm=0.5, roughness_correlation_nm=3.0)
    positions_nm = film.make(field_nm, np.random.default_rng(0))
    column = np.floor(positions_nm[:, :2] / 0.5).astype(int)
    top = np.full((24, 24), -np.inf)
    np.maximum.at(top, tuple(column.T), positions_nm[:, 2])
    assert top.std() == pytest.approx(0.5, abs=0.05)
    assert top.mean() == pytest.approx(film.exit_surface_nm, abs=0.1)


def test_heights_between_samples_are_linear_and_repeat():
    surface = np.arange(16.0).reshape(4, 4)
    at = np.array([[0.5, 1.0, 0], [1.25, 2.0, 0], [3.5, 0.0, 0], [4.5, 1.0, 0]])
    assert height_at(surface, at, 4.0).tolist() == [3.0, 7.0, 6.0, 3.0]


@pytest.mark.parametrize("centre_nm", [None, (0.3, 4.9)])
def test_a_hole_is_empty_round_and_repeats(centre_nm):
    solid = made(thickness_nm=2.0)
    holey = made(thickness_nm=2.0, hole_diameter_nm=3.0, hole_centre_nm=centre_nm)
    offset = solid[:, :2] - (centre_nm or (2.5, 2.5))
    offset = np.abs(offset - FIELD_NM * np.round(offset / FIELD_NM))
    assert np.array_equal(holey, solid[np.hypot(*offset.T) >= 1.5])
    removed = 1 - len(holey) / len(solid)
    assert removed == pytest.approx(np.pi * 1.5**2 / FIELD_NM**2, rel=0.03)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"density_per_nm3": 300.0}, "lower density_per_nm3 or min_distance_nm"),
        ({"generator": "network", "density_per_nm3": 210.0}, "lower density_per_nm3"),
        ({"generator": "network", "min_distance_nm": 0.16, "density_per_nm3": 90}, "bonds"),
        ({"thickness_nm": 2.0, "roughness_rms_nm": 0.5}, "thicker or a smoother"),
        ({"generatr": "network"}, "did you mean 'generator'"),
        ({"thickness_nm": -1.0}, "greater than 0"),
    ],
)
def test_impossible_films_are_refused_before_any_work(parameters, message):
    with pytest.raises(ValidationError, match=message) as caught:
        CarbonFilm(**parameters)
    assert caught.value.error_count() == 1


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hole_diameter_nm": 6.0}, "smaller hole"),
        ({"roughness_rms_nm": 0.2, "roughness_correlation_nm": 4.0}, "shorter correlation"),
    ],
)
def test_what_does_not_fit_into_the_field_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        made(**parameters)


def test_reading_parameters_does_not_load_numba():
    code = (
        "import sys, hrtem_shift.structures.carbon_film as film; film.CarbonFilm(); "
        "sys.exit('numba' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
