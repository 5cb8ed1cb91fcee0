"""Transfer functions are drawn as they are, with the specimen's planes where they lie."""

import numpy as np
import pytest

from hrtem_shift.errors import InputError
from hrtem_shift.figures.colours import VERMILLION
from hrtem_shift.figures.transfer_functions import transfer_functions_figure
from hrtem_shift.microscope.aberrations import contrast_transfer, wave_transfer
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.shift.measure import TransferMeasure
from hrtem_shift.shift.transfer import transfer_curves

MEASURE = TransferMeasure()
LENSES = {
    "round": Lens(defocus_nm=12, focal_spread_std_nm=2),
    "astigmatic": Lens(defocus_nm=20, c12_nm=5, focal_spread_std_nm=2),
    "comatic": Lens(defocus_nm=20, c21_nm=100),
}
PLANES = {"Au 111": 0.2355, "Au 200": 0.2039, "beyond": 0.1}
CURVES = transfer_curves(LENSES, MEASURE)


def figure(**changes):
    given = {"spacings_nm": PLANES, "band_per_nm": (0.5, 7.0), "power": {"round": 0.4}}
    return transfer_functions_figure(CURVES, **{**given, **changes})


def test_curves_are_those_of_the_lens():
    curve = CURVES[CURVES["condition"] == "astigmatic"]
    q = curve["q_per_nm"].to_numpy()
    along_x = contrast_transfer(0, q, LENSES["astigmatic"], 300).real
    assert curve["transfer"].to_numpy() == pytest.approx(along_x)
    assert curve["envelope"].to_numpy() == pytest.approx(
        np.abs(wave_transfer(0, q, LENSES["astigmatic"], 300))
    )
    along_y = contrast_transfer(q, 0, LENSES["astigmatic"], 300).real
    assert np.all(curve["lowest"] <= along_y + 1e-9)
    assert np.all(curve["highest"] >= along_y - 1e-9)


def test_coma_shifts_fringes_and_leaves_the_curve():
    curves = CURVES.set_index("condition")
    lens = Lens(defocus_nm=20)
    q = curves.loc["comatic", "q_per_nm"].to_numpy()
    assert curves.loc["comatic", "transfer"].to_numpy() == pytest.approx(
        contrast_transfer(0, q, lens, 300).real
    )


def test_a_panel_a_condition_with_its_name_and_power():
    axes = figure().axes
    names = [ax.get_title(loc="left") for ax in axes]
    assert names == ["round (transfer power 0.40)", "astigmatic", "comatic"]
    (line,) = [line for line in axes[0].lines if line.get_linewidth() == 1.4]
    assert line.get_ydata() == pytest.approx(CURVES["transfer"].to_numpy()[:800])


def test_planes_stand_at_their_frequencies_and_are_named_once():
    axes = figure().axes
    for ax in axes:
        upright = [line for line in ax.lines if line.get_color() == VERMILLION]
        assert [line.get_xdata()[0] for line in upright] == pytest.approx(
            [1 / spacing for spacing in PLANES.values()]
        )
    assert [text.get_text() for text in axes[0].texts] == ["Au 111", "Au 200"]
    assert not axes[1].texts


def test_names_of_planes_do_not_touch():
    close = {f"Ag {k}": 0.2355 - 0.002 * k for k in range(4)}
    drawn = figure(spacings_nm=close)
    drawn.draw_without_rendering()
    boxes = [text.get_window_extent() for text in drawn.axes[0].texts]
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[k + 1 :])


def test_too_many_conditions_are_refused():
    many = transfer_curves({str(k): Lens(defocus_nm=k) for k in range(13)}, MEASURE, points=5)
    with pytest.raises(InputError, match="13 conditions"):
        transfer_functions_figure(many)
