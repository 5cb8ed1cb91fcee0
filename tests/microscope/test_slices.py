import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hrtem_shift.microscope.slices import cut


def stack(heights_nm, height_nm, thickness_nm):
    positions_nm = np.zeros((len(heights_nm), 3))
    positions_nm[:, 2] = heights_nm
    return cut(positions_nm, np.full(len(heights_nm), 6), height_nm, thickness_nm)


def test_ways_lead_from_middle_to_middle_and_to_the_exit_plane():
    """Ten slices of 0.2 nm; the second, third and seventh have atoms."""
    found = stack([0.5, 0.21, 1.3, 0.39, 0.41], 2.0, 0.2)
    assert found.index.tolist() == [1, 0, 2, 0, 1]
    assert found.propagation_distances_nm == pytest.approx([0.2, 0.8, 0.7])


def test_equal_ways_are_equal_numbers():
    """So that one propagator serves them all."""
    assert set(stack(np.linspace(0, 9.8, 500), 9.8, 0.2).propagation_distances_nm) == {0.2, 0.1}


def test_a_specimen_without_atoms_has_no_slices():
    assert stack([], 2.0, 0.2).propagation_distances_nm.shape == (0,)


@given(
    st.lists(st.floats(-0.3, 5.3), min_size=1, max_size=30),
    st.floats(0.5, 5),
    st.floats(0.05, 0.5),
)
def test_each_atom_acts_within_half_a_slice_of_its_place(heights_nm, height_nm, thickness_nm):
    found = stack(heights_nm, height_nm, thickness_nm)
    planes_nm = height_nm - np.cumsum(found.propagation_distances_nm[::-1])[::-1]
    inside_nm = np.clip(heights_nm, 0, height_nm)
    assert np.abs(planes_nm[found.index] - inside_nm).max() <= thickness_nm / 2 + 1e-9
    assert np.all(found.propagation_distances_nm > 0)
