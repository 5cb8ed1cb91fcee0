"""The verdict: whether to believe what networks say of an image, in words.

Each finding compares one thing with what the networks were trained on. The worst of them is the
verdict. All thresholds are here, and none was chosen by looking at a test set.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hrtem_shift.segmentation.description import Range
from hrtem_shift.segmentation.features import IN_WORDS
from hrtem_shift.segmentation.likeness import Expectation, Likeness, usual_limits
from hrtem_shift.segmentation.package import NetworkPackage
from hrtem_shift.shift.domain import TrainingDomain as Optics
from hrtem_shift.shift.domain import check_domain

Level = Literal["in range", "borderline", "outside"]
LEVELS: tuple[Level, ...] = ("in range", "borderline", "outside")

SAME, FAR = 1.25, 2.0
"""Factors beyond the trained range up to which a pixel size or a dose is in range, and borderline;
of the usual distance or disagreement, 1 and `FAR`."""
SAME_FINER, FAR_FINER = 2.5, 5.0
"""The same for pixels that are finer than the trained ones: averaging them loses nothing that the
networks know, whereas coarser ones lack it."""


@dataclass(frozen=True)
class Finding:
    """One comparison with the training.

    Parameters
    ----------
    subject : str
        What was compared.
    level : str
        One of `LEVELS`.
    reason : str
        A sentence part with the numbers.
    """

    subject: str
    level: Level
    reason: str


@dataclass(frozen=True)
class Verdict:
    """What was found of an image.

    Parameters
    ----------
    findings : tuple of Finding
        In the order of the comparisons.
    not_compared : tuple of str
        What could not be compared, and why.
    expected_dice : Expectation or None
        None where nothing like the image was measured.
    """

    findings: tuple[Finding, ...]
    not_compared: tuple[str, ...]
    expected_dice: Expectation | None

    @property
    def level(self) -> Level:
        """The worst of all findings; borderline without any."""
        levels = [LEVELS.index(finding.level) for finding in self.findings]
        return LEVELS[max(levels, default=1)]

    @property
    def reasons(self) -> str:
        """Why it is not in range; else what was compared."""
        against = [one.reason for one in self.findings if one.level != "in range"]
        compared = ", ".join(one.subject for one in self.findings)
        return "; ".join(against) or f"{compared} as in training"

    @property
    def expectation(self) -> str:
        """Expected hard Dice in words."""
        dice = self.expected_dice
        if dice is None:
            return "expected hard Dice unknown: nothing like this image was measured"
        return (
            f"expected hard Dice {dice.mean:.2f} ({dice.low:.2f} to {dice.high:.2f}, "
            f"{dice.coverage:.0%} interval, n = {dice.n} measured micrographs)"
        )

    @property
    def sentence(self) -> str:
        """All of it, to paste."""
        missing = f" Not compared: {'; '.join(self.not_compared)}." if self.not_compared else ""
        return f"{self.level.capitalize()}: {self.reasons}; {self.expectation}.{missing}"


@dataclass(frozen=True, eq=False)
class Judge:
    """Compares images with what the networks of a package were trained on.

    Parameters
    ----------
    package : NetworkPackage
        The networks, and what is known of them.
    """

    package: NetworkPackage

    def verdict(
        self,
        *,
        pixel_size_nm: float,
        dose_e_per_A2: float | None,
        features: NDArray[np.float64] | None,
        agreement: float,
        defocus_nm: float | None = None,
    ) -> Verdict:
        """Verdict on one image.

        Parameters
        ----------
        pixel_size_nm : float
            Of the image as recorded [nm].
        dose_e_per_A2 : float, optional
            Dose [e/Å²] where it is known.
        features : ndarray, optional
            Of the prepared image; None where it is smaller than a patch.
        agreement : float
            Of the networks; NaN for a single one.
        defocus_nm : float, optional
            Defocus [nm] where it is known, positive = underfocus.
        """
        domain = self.package.description.domain
        findings, missing = [_pixel_size(pixel_size_nm, domain.pixel_size_nm)], []
        if dose_e_per_A2 is None:
            missing.append("dose (not known for this image)")
        elif domain.dose_e_per_A2 is None:
            missing.append("dose (not known for the training set)")
        else:
            findings.append(_dose(dose_e_per_A2, domain.dose_e_per_A2))
        expected = None
        if features is None or not np.isfinite(features).all():
            missing.append("image statistics (the image is smaller than a patch, or empty)")
        elif self._likeness is None:
            missing.append("image statistics (too few training micrographs)")
        else:
            findings.append(_statistics(features, self._likeness, self._usual["distance"]))
            expected = self._likeness.expected_dice(features, FAR)
        if np.isfinite(agreement) and "disagreement" in self._usual:
            findings.append(_agreement(agreement, self._usual["disagreement"]))
        else:
            missing.append("agreement of networks (it takes an ensemble)")
        optics = self.package.description.optics
        if optics is None:
            missing.append("optics (no imaging conditions are in the package)")
        elif defocus_nm is None:
            missing.append("optics (the defocus is not known for this image)")
        else:
            findings.append(_optics(defocus_nm, optics))
        return Verdict(tuple(findings), tuple(missing), expected)

    @cached_property
    def _likeness(self) -> Likeness | None:
        return Likeness.of(self.package.evidence)

    @cached_property
    def _usual(self) -> dict[str, float]:
        """Limits of what can be compared, from what the networks said of unseen micrographs."""
        likeness, known = self._likeness, self.package.known
        if likeness is None:
            return {}
        values = {"distance": likeness.own_distances}
        if known["agreement"].notna().all():
            values["disagreement"] = 1 - known["agreement"].to_numpy(np.float64)
        return dict(zip(values, usual_limits(*values.values()), strict=True))


def _level(ratio: float, same: float, far: float = FAR) -> Level:
    return LEVELS[int(ratio > same) + int(ratio > far)]


def _pixel_size(value: float, trained: Range) -> Finding:
    reason = f"pixel size {value:.3g} nm, trained {_span(trained)} nm"
    finer = value < trained.low
    limits = (SAME_FINER, FAR_FINER) if finer else (SAME, FAR)
    return Finding("pixel size", _level(trained.excess(value), *limits), reason)


def _dose(value: float, trained: Range) -> Finding:
    reason = f"dose {value:.3g} e/Å², trained {_span(trained)} e/Å²"
    return Finding("dose", _level(trained.excess(value), SAME), reason)


def _statistics(features: NDArray[np.float64], likeness: Likeness, usual: float) -> Finding:
    distance = likeness.distance(features) / usual
    name, value, low, high = likeness.oddest(features)
    if name.startswith("log_"):
        value, low, high = (10**number for number in (value, low, high))
    foremost = f"foremost {IN_WORDS[name]}: {value:.3g}, trained {low:.3g} to {high:.3g}"
    reason = (
        f"image statistics {distance:.1f} times as far from the training set as its own "
        f"micrographs, {'in their combination' if low <= value <= high else foremost}"
    )
    return Finding("image statistics", _level(distance, 1.0), reason)


def _agreement(agreement: float, usual_disagreement: float) -> Finding:
    ratio = (1 - agreement) / max(usual_disagreement, 1e-9)
    reason = (
        f"networks agree with one another by a hard Dice of {agreement:.2f}, on the training set "
        f"by {1 - usual_disagreement:.2f} or more"
    )
    return Finding("agreement of networks", _level(ratio, 1.0), reason)


def _optics(defocus_nm: float, optics: Optics) -> Finding:
    """Transfer at a defocus against that of training; all else of the lens as trained."""
    lens = optics.lenses[0].model_copy(update={"defocus_nm": defocus_nm})
    found = check_domain(optics, lens, optics.dose_e_per_A2[0], optics.pixel_size_nm[0])
    level: Level = "in range" if found.domain == "in_range" else found.domain
    reason = (
        f"defocus {defocus_nm:.3g} nm, overlap of transfer with training {found.overlap:.2f}, "
        f"where networks reach a hard Dice of {found.expected_dice:.2f} ({found.low:.2f} to "
        f"{found.high:.2f}, {found.n_cells} pairs of conditions, {found.n_networks} networks)"
    )
    return Finding("optics", level, "; ".join([reason, *found.reasons]))


def _span(trained: Range) -> str:
    if trained.low == trained.high:
        return f"at {trained.low:.3g}"
    return f"at {trained.low:.3g} to {trained.high:.3g}"
