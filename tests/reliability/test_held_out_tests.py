"""What a package says of its networks is measured on micrographs that they had not seen."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from disc_patches import disc_patch_set
from network_packages import (
    LEVELS,
    PIXEL_SIZE_NM,
    PREPARATION,
    dark_network,
    disc_image,
    disc_micrograph,
)

from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.reliability.held_out_tests import (
    CALIBRATION_BINS,
    MEASURED_COLUMNS,
    Measurement,
    TestMicrograph,
    calibration_bins,
    drawn_tests,
    gather_evidence,
)
from hrtem_shift.reliability.observation import INPUTS, MIXED_SHARE, Scaling
from hrtem_shift.reliability.training_domain import Range

MEASUREMENT = Measurement(
    tuple(dark_network(level) for level in LEVELS),
    PREPARATION,
    Scaling(Range(low=PIXEL_SIZE_NM, high=PIXEL_SIZE_NM)),
)


def test_of(load, **changes):
    values = {
        "data_set": "discs",
        "group": "g",
        "usual": True,
        "load": load,
        "unseen_by": (0, 1, 2),
        "alterations": 2,
    }
    return TestMicrograph(**(values | changes))


test_of.__test__ = False


def test_a_micrograph_and_its_altered_copies_are_a_row_each():
    table = gather_evidence(MEASUREMENT, [test_of(partial(disc_micrograph, 0))])
    assert tuple(table.columns) == MEASURED_COLUMNS
    assert table["usual"][0] and not table["usual"][1:].any() and len(table) > 1
    assert table["data_set"][0] == "discs" and "discs" not in table["data_set"][1:].tolist()
    assert set(table["micrograph"]) == {"discs/m0"} and set(table["group"]) == {"g"}
    assert table["dose_e_per_A2"].eq(100).all()
    assert table["hard_dice"][0] > 0.97
    assert np.isfinite(table[list(INPUTS)].to_numpy()).all()


def test_networks_that_find_the_scale_are_measured_at_each_and_with_mixed_norms():
    measurement = Measurement(MEASUREMENT.networks, PREPARATION, Scaling(None, (1.0, 0.5)))
    test = test_of(partial(disc_micrograph, 0), alterations=0)
    table = gather_evidence(measurement, [test])
    assert table["scale"].tolist()[:2] == [1, 0.5]
    assert table["mixed_norms"].tolist() == [0, 0, MIXED_SHARE]
    assert table["micrograph"].nunique() == 1


def test_only_networks_that_had_not_seen_it_are_asked():
    single, all_three = (
        gather_evidence(
            MEASUREMENT, [test_of(partial(disc_micrograph, 0), unseen_by=numbers, alterations=0)]
        )
        for numbers in ((0,), (0, 1, 2))
    )
    assert single["n_networks"].tolist() == [1] and single["agreement"].isna().all()
    assert all_three["n_networks"].tolist() == [3] and all_three["agreement"].notna().all()


def test_dice_is_that_of_the_mask_that_a_user_gets():
    def half_labelled():
        image = disc_image((40, 40, 14), (90, 80, 14), noise=0.01)
        y, x = np.mgrid[:128, :128]
        return Micrograph("half", image, 0.1, (y - 40) ** 2 + (x - 40) ** 2 <= 14**2)

    table = gather_evidence(MEASUREMENT, [test_of(half_labelled, alterations=0)])
    assert table["hard_dice"][0] == pytest.approx(2 / 3, abs=0.01)


def test_where_no_particle_is_found_there_is_no_row():
    def empty():
        image = disc_image(noise=0.001)
        return Micrograph("empty", image, 0.1, np.zeros(image.shape, bool))

    networks = (dark_network(level=30.0),)
    measurement = Measurement(networks, PREPARATION, MEASUREMENT.scaling)
    tests = [test_of(empty, unseen_by=(0,), alterations=0)]
    assert gather_evidence(measurement, tests).empty


def test_processes_and_order_decide_nothing():
    tests = [test_of(partial(disc_micrograph, k), alterations=1) for k in range(3)]
    table = gather_evidence(MEASUREMENT, tests)
    pd.testing.assert_frame_equal(table, gather_evidence(MEASUREMENT, tests, processes=2))
    backwards = gather_evidence(MEASUREMENT, tests[::-1]).sort_values("micrograph", kind="stable")
    pd.testing.assert_frame_equal(table, backwards.reset_index(drop=True))


def test_drawn_micrographs_have_their_truth():
    (first, *_), others = drawn_tests(3, 5, 0.05), drawn_tests(3, 5, 0.05)
    micrograph, again = first.load(), others[0].load()
    np.testing.assert_array_equal(micrograph.pixels, again.pixels)
    assert micrograph.mask.dtype == bool and first.unseen_by == (0, 1, 2, 3, 4)
    assert len({test.group for test in others}) == 3


def test_calibration_counts_pixels_of_what_was_not_seen():
    patches = disc_patch_set(contrast=4.0)
    networks = [dark_network(level) for level in (0.3, 0.6, 0.9)]
    number, probability, particle = calibration_bins(networks, [0, 1, 2], patches)
    assert len(number) == CALIBRATION_BINS and number.sum() == patches.images.size
    assert particle[0] / number[0] < 0.2 < 0.8 < particle[-1] / number[-1]
    assert probability[0] / number[0] < 0.1 < 0.9 < probability[-1] / number[-1]
    only = calibration_bins(networks[:1], [0], patches)[0].sum()
    assert only == (patches.index["fold"] == 0).sum() * 32**2
