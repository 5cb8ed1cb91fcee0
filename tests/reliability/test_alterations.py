"""Altered micrographs: other pixels, and masks that stay true."""

from dataclasses import replace

import numpy as np
import pytest

from hrtem_shift.reliability.alterations import ALTERATIONS, Labelled

EMPTY = {"structureless", "white_noise", "diffraction_pattern"}


def micrograph(side=160):
    y, x = np.mgrid[:side, :side]
    mask = (y - 70) ** 2 + (x - 60) ** 2 < 30**2
    noise = np.random.default_rng(0).normal(0, 3, mask.shape)
    return Labelled((100 - 40 * mask + noise).astype(np.float32), mask, 0.05)


def altered(name, seed=1):
    return ALTERATIONS[name](micrograph(), np.random.default_rng(seed))


def test_there_are_at_least_twelve_kinds():
    assert len(ALTERATIONS) >= 12


@pytest.mark.parametrize("name", ALTERATIONS)
def test_the_same_draw_alters_alike_and_leaves_the_micrograph_itself(name):
    given = micrograph()
    before = given.pixels.copy(), given.mask.copy()
    first = ALTERATIONS[name](given, np.random.default_rng(1))
    np.testing.assert_array_equal(given.pixels, before[0])
    np.testing.assert_array_equal(given.mask, before[1])
    np.testing.assert_array_equal(first.pixels, altered(name).pixels)
    assert first.pixels.shape == first.mask.shape
    assert first.pixels.dtype == np.float32 and np.isfinite(first.pixels).all()
    same = first.pixels.shape == given.pixels.shape and np.allclose(first.pixels, given.pixels)
    assert not same


@pytest.mark.parametrize("name", sorted(set(ALTERATIONS) - EMPTY))
@pytest.mark.parametrize("seed", [1, 2])
def test_the_mask_still_lies_on_the_particle(name, seed):
    after = altered(name, seed)
    inside, outside = after.pixels[after.mask].mean(), after.pixels[~after.mask].mean()
    darker = inside < outside
    assert darker != (name == "contrast_reversed")
    assert after.mask.any()


@pytest.mark.parametrize("name", sorted(EMPTY))
def test_what_shows_no_particle_has_no_mask(name):
    assert not altered(name).mask.any()


@pytest.mark.parametrize("name", ["finer_pixels", "coarser_pixels"])
def test_a_stated_pixel_size_keeps_the_size_of_particles(name):
    after, before = altered(name), micrograph()
    assert after.pixel_size_nm != before.pixel_size_nm
    whole = before.mask.sum() * before.pixel_size_nm**2
    kept = after.mask.sum() * after.pixel_size_nm**2
    if name == "finer_pixels":
        assert kept <= 1.05 * whole  # a part of the field
    else:
        assert kept == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize(
    ("name", "least", "most"), [("magnified", 1.5, 5), ("demagnified", 0.2, 0.6)]
)
def test_particles_become_larger_or_smaller_at_the_same_pixel_size(name, least, most):
    y, x = np.mgrid[:160, :160]
    corner = replace(micrograph(), mask=(y < 20) & (x < 20))
    after = ALTERATIONS[name](corner, np.random.default_rng(1))
    assert after.pixel_size_nm == corner.pixel_size_nm
    assert 20 * least - 1 < np.sqrt(after.mask.sum()) < 20 * most + 1
