import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.microscope.potential import Grid, SlicePotentials
from hrtem_shift.microscope.scattering import POTENTIAL_V_nm2, scattering_factor_nm

CPU = torch.device("cpu")


def in_plane(positions_nm, plane=0):
    """x, y and plane of atoms, as `Planes` holds them."""
    x_nm, y_nm = torch.from_numpy(np.ascontiguousarray(positions_nm.T))
    return x_nm, y_nm, torch.full((len(x_nm),), plane)


def ours(positions_nm, element, grid, table="lobato"):
    potentials = SlicePotentials(grid, CPU, table)
    return potentials.pairs_V_nm({element: in_plane(positions_nm)}, 1)[0].real.numpy()


def direct(positions_nm, element, grid, table="lobato"):
    """Structure factors summed in float64, spectrum (H, W) in V nm; nothing shared but f_e."""
    k = np.fft.fftfreq(grid.pixels, 1 / grid.pixels)
    along_x = np.exp(-2j * np.pi * np.outer(positions_nm[:, 0], k) / grid.field_nm)
    along_y = np.exp(-2j * np.pi * np.outer(positions_nm[:, 1], k) / grid.field_nm)
    q_per_nm = np.hypot(k[:, None], k[None, :]) / grid.field_nm
    factor = scattering_factor_nm(element, q_per_nm, table) * POTENTIAL_V_nm2 / grid.field_nm**2
    return factor * (along_y.T @ along_x)


@pytest.mark.parametrize(("pixels", "field_nm"), [(96, 2.0), (128, 2.56), (100, 3.1)])
@pytest.mark.parametrize(("element", "table"), [(6, "lobato"), (79, "lobato"), (79, "kirkland")])
def test_potential_of_a_slice_against_a_direct_sum(pixels, field_nm, element, table):
    """Gate: relative error below 1e-4 over every frequency up to Nyquist."""
    grid = Grid(pixels, field_nm)
    positions_nm = np.random.default_rng(5).uniform(0, field_nm, (60, 2))
    expected = direct(positions_nm, element, grid, table)
    expected[pixels // 2, :] = expected[:, pixels // 2] = 0
    found = np.fft.fft2(ours(positions_nm, element, grid, table).astype(np.float64)) / pixels**2
    error = np.linalg.norm(found - expected) / np.linalg.norm(expected)
    assert error < 1e-4
    # Not carried by the low frequencies alone: the outermost band by itself.
    k = np.abs(np.fft.fftfreq(pixels))
    outer = np.maximum(k[:, None], k[None, :]) > 0.4
    assert np.linalg.norm((found - expected)[outer]) < 3e-3 * np.linalg.norm(expected[outer])


@settings(max_examples=25, deadline=None)
@given(x=st.floats(-3, 5), y=st.floats(-3, 5))
def test_an_atom_is_the_same_wherever_it_stands(x, y):
    """Its spectrum has one magnitude: no beating between lattice and grid."""
    grid = Grid(64, 2.0)
    here = np.abs(np.fft.fft2(ours(np.array([[x, y]]), 79, grid)))
    origin = np.abs(np.fft.fft2(ours(np.zeros((1, 2)), 79, grid)))
    assert np.linalg.norm(here - origin) < 1e-4 * np.linalg.norm(origin)


def test_rows_are_y_and_columns_are_x():
    potential = ours(np.array([[0.5, 1.5]]), 79, Grid(80, 2.0))
    assert np.unravel_index(potential.argmax(), potential.shape) == (60, 20)


def test_elements_add():
    grid = Grid(64, 2.0)
    gold_nm, carbon_nm = np.random.default_rng(1).uniform(0, 2, (2, 7, 2))
    both = SlicePotentials(grid, CPU).pairs_V_nm(
        {79: in_plane(gold_nm), 6: in_plane(carbon_nm)}, pairs=1
    )
    expected = ours(gold_nm, 79, grid) + ours(carbon_nm, 6, grid)
    np.testing.assert_allclose(both[0].real, expected, atol=1e-3)


def test_planes_of_many_pairs_do_not_mix():
    """Gate in a batch: each of five planes by itself is within 1e-4 of its direct sum."""
    grid = Grid(96, 2.0)
    planes_nm = np.random.default_rng(3).uniform(0, 2, (5, 30, 2))
    x_nm, y_nm = torch.from_numpy(planes_nm.reshape(-1, 2).T.copy())
    plane = torch.arange(5).repeat_interleave(30)
    pairs = SlicePotentials(grid, CPU).pairs_V_nm({79: (x_nm, y_nm, plane)}, pairs=3)
    found = torch.view_as_real(pairs).permute(0, 3, 1, 2).reshape(6, 96, 96).double().numpy()
    for one, positions_nm in zip(found[:5], planes_nm, strict=True):
        expected = direct(positions_nm, 79, grid)
        expected[48, :] = expected[:, 48] = 0
        error = np.linalg.norm(np.fft.fft2(one) / 96**2 - expected)
        assert error < 1e-4 * np.linalg.norm(expected)
    assert np.abs(found[5]).max() < 1e-4 * np.abs(found[4]).max()
