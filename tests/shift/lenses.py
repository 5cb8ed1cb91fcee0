"""Lenses of any kind a microscope has, for the properties of transfers and overlaps."""

from hypothesis import strategies as st

from hrtem_shift.microscope.conditions import Lens


def _numbers(low, high):
    return st.floats(low, high).map(lambda value: round(value, 3))


ROUND = {
    "defocus_nm": _numbers(-60, 60),
    "cs_mm": _numbers(-1.2, 1.2),
    "focal_spread_std_nm": _numbers(0, 4),
    "illumination_angle_std_mrad": _numbers(0, 0.3),
}
ASTIGMATIC = {**ROUND, "c12_nm": _numbers(0, 10), "c12_azimuth_deg": _numbers(0, 180)}
COMATIC = {**ASTIGMATIC, "c21_nm": _numbers(0, 100), "c23_nm": _numbers(0, 100)}

round_lenses = st.builds(Lens, **ROUND)
astigmatic_lenses = st.builds(Lens, **ASTIGMATIC)
comatic_lenses = st.builds(Lens, **COMATIC)
"""Of which chi(-q) is not chi(q)."""


def negative(lens):
    """The lens with every aberration reversed."""
    signed = {name: -getattr(lens, name) for name in ("defocus_nm", "cs_mm", "c12_nm")}
    signed |= {name: -getattr(lens, name) for name in ("c21_nm", "c23_nm")}
    return lens.model_copy(update=signed)


def rotated(lens, angle_deg):
    """The lens turned about its axis."""
    names = ("c12_azimuth_deg", "c21_azimuth_deg", "c23_azimuth_deg")
    return lens.model_copy(update={name: getattr(lens, name) + angle_deg for name in names})
