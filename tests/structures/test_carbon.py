import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

import hrtem_shift
from hrtem_shift.errors import InputError
from hrtem_shift.structures.carbon import amorphous_carbon

FILM = {"density_per_nm3": 110.3, "min_distance_nm": 0.14}
SIZE_NM = (3.0, 3.3, 2.0)


def film(seed=0, size_nm=SIZE_NM, **changes):
    return amorphous_carbon(size_nm, **{**FILM, **changes}, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("density", "distance"), [(110.3, 0.14), (40.0, 0.2), (150.0, 0.11)])
def test_density_and_minimum_distance_are_honoured_across_the_borders(density, distance):
    positions_nm = film(density_per_nm3=density, min_distance_nm=distance)
    assert len(positions_nm) == round(density * np.prod(SIZE_NM))
    assert (positions_nm >= 0).all() and (positions_nm < SIZE_NM).all()
    tree = cKDTree(positions_nm, boxsize=(*SIZE_NM[:2], 0))
    nearest_nm = tree.query(positions_nm, k=2)[0][:, 1]
    assert nearest_nm.min() >= distance
    # Sharp: a looser list would leave a gap here, a leaky one a shorter distance.
    assert nearest_nm.min() < distance * 1.01


def test_the_film_is_even_through_its_depth_and_across_its_borders():
    """Random insertion has no favourite place: counts in 10 bins an axis stay near the mean."""
    positions_nm = film(size_nm=(6.0, 6.0, 3.0))
    for axis, edge_nm in enumerate((6.0, 6.0, 3.0)):
        counts, _ = np.histogram(positions_nm[:, axis], bins=10, range=(0, edge_nm))
        inner = counts if axis < 2 else counts[1:-1]  # free surfaces hold a few more
        assert np.abs(inner / inner.mean() - 1).max() < 0.06


def test_a_seed_gives_one_film_and_another_seed_another():
    """The generator of Construction Zone made all substrates of one size equal."""
    assert np.array_equal(film(1), film(1))
    assert not np.array_equal(film(1), film(2))


def test_a_packing_that_would_never_end_is_refused_at_once():
    with pytest.raises(InputError, match=r"jams.*Lower the density"):
        film(density_per_nm3=300.0)


@pytest.mark.parametrize("changes", [{"density_per_nm3": -1.0}, {"min_distance_nm": 0.0}])
def test_values_that_are_not_above_zero_are_refused(changes):
    with pytest.raises(InputError, match="above zero"):
        film(**changes)


def test_a_film_narrower_than_its_atoms_is_refused():
    with pytest.raises(InputError, match="Give a wider field"):
        film(size_nm=(0.3, 3.0, 1.0))


def test_a_package_that_may_not_be_written_to_still_makes_a_film(tmp_path):
    """Files where the cache folders would be stop even root from writing there."""
    package = shutil.copytree(
        Path(hrtem_shift.__file__).parent,
        tmp_path / "hrtem_shift",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    (package / "structures" / "__pycache__").touch()
    code = (
        "import numpy as np\n"
        "from hrtem_shift.structures import carbon\n"
        f"film = carbon.amorphous_carbon({SIZE_NM}, **{FILM}, rng=np.random.default_rng(0))\n"
        "print(carbon.__file__, len(film))"
    )
    environment = {"PYTHONPATH": str(tmp_path), "HOME": os.devnull, "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(package / "structures" / "carbon.py"), str(len(film()))]
