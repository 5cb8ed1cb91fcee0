"""The verdict: will these networks work on this image?

In range, borderline and outside mean an expected loss of hard Dice against images of the trained
kind. Facts such as a reversed contrast can lower the verdict, whatever the expected Dice; each
comes with advice. The command line, the pipeline and `check_conditions`, which needs no image, use
the same `Limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.parameters import ParameterBlock
from hrtem_shift.reliability.estimator import (
    FEWEST_MICROGRAPHS,
    DiceEstimator,
    ExpectedDice,
    Kernel,
    best_measured,
)
from hrtem_shift.reliability.image_features import DESCRIPTIONS
from hrtem_shift.reliability.observation import INPUTS
from hrtem_shift.reliability.optics import LossUnder, TrainedOptics, loss_under
from hrtem_shift.reliability.training_domain import Range, TrainingDomain

Level = Literal["in range", "borderline", "outside"]
LEVELS: tuple[Level, ...] = ("in range", "borderline", "outside")


class Limits(ParameterBlock):
    """Limits of borderline and outside: conventions."""

    acceptable_loss: float = 0.05
    """Loss of hard Dice up to which an image is in range."""
    usual_share: float = 0.97
    """Share of the images of the trained kind that are always in range."""
    largest_loss: float = 0.1
    """Loss from which an image is outside; 96 % of the masks that lost 0.15 exceed it."""
    least_explained_variance: float = 0.6
    """Share of the variance of Dice explained by evidence near an image; below, Dice is unknown."""
    dose_factor: float = 2.0
    """Factor beyond the trained doses from which an image is borderline at best."""
    coarser_factor: float = 5.0
    """Factor beyond the trained pixel sizes from which coarser pixels are outside, unmeasured."""
    finer_factor: float = 10.0
    """The same for finer pixels, which are averaged."""


LIMITS = Limits()


def verdict_rule() -> str:
    """Definition of in range, borderline and outside, as a text for reports."""
    return (
        "The verdict on an image is the loss of hard Dice that is expected of it against images "
        "of the kind that the networks were trained on: in range up to "
        f"{LIMITS.acceptable_loss:g}, or what {LIMITS.usual_share:.0%} of those images keep; "
        f"borderline up to {LIMITS.largest_loss:g}; outside beyond, or where nothing like it was "
        "measured. Facts such as a reversed contrast or no particle are named, and may lower it."
    )


@dataclass(frozen=True)
class Fact:
    """A fact about an image that limits the verdict, whatever the expected Dice.

    Parameters
    ----------
    level : str
        Best verdict that it allows.
    what : str
        Description with numbers, part of a sentence.
    do : str
        Advice; may be empty.
    """

    level: Level
    what: str
    do: str = ""


@dataclass(frozen=True)
class Conditions:
    """Imaging conditions of an image, as far as known.

    Parameters
    ----------
    pixel_size_nm : float, optional
        Edge of a pixel as recorded [nm].
    dose_e_per_A2 : float, optional
        Dose [e/Å²].
    lens : Lens, optional
        Defocus and all other aberrations.
    """

    pixel_size_nm: float | None = None
    dose_e_per_A2: float | None = None
    lens: Lens | None = None


@dataclass(frozen=True)
class Verdict:
    """The answer for one image.

    Parameters
    ----------
    facts : tuple of Fact
        The most important first.
    usual_dice : float or None
        Mean hard Dice of the networks on images of the trained kind; None without an image.
    expected_dice : ExpectedDice or None
        None where it is unknown, or where no particle was found.
    not_compared : tuple of str
        What could not be compared, and why.
    loss_level : str or None
        Level by the expected loss; None where that is unknown.
    """

    facts: tuple[Fact, ...]
    usual_dice: float | None
    expected_dice: ExpectedDice | None
    not_compared: tuple[str, ...]
    loss_level: Level | None

    @property
    def level(self) -> Level:
        """The worst of the expected loss and all facts."""
        levels = [fact.level for fact in self.facts]
        levels += [self.loss_level] if self.loss_level else []
        return max(levels, key=LEVELS.index, default="borderline")

    @property
    def reasons(self) -> str:
        """Reasons of the verdict."""
        return "; ".join([*(fact.what for fact in self.facts), self.expectation])

    @property
    def what_to_do(self) -> str:
        """Advice, the most urgent first."""
        advice = list(dict.fromkeys(fact.do for fact in self.facts if fact.do))
        if _LOOK not in advice:
            advice.append(_ADVICE[self.level])
        return " ".join(advice).strip()

    @property
    def expectation(self) -> str:
        """Expected hard Dice in words."""
        dice = self.expected_dice
        if dice is None:
            return "expected hard Dice unknown"
        return (
            f"expected hard Dice {dice.mean:.2f} ({dice.low:.2f} to {dice.high:.2f}, "
            f"{dice.coverage:.0%} interval), {self.usual_dice:.2f} on images like those of training"
        )

    @property
    def sentence(self) -> str:
        """The whole verdict as a text for reports."""
        missing = f" Not compared: {'; '.join(self.not_compared)}." if self.not_compared else ""
        advice = f" {self.what_to_do}" if self.what_to_do else ""
        return f"{self.level.capitalize()}: {self.reasons}.{missing}{advice}"


_ADVICE: dict[Level, str] = {
    "in range": "",
    "borderline": "Look at the outlines before you use the sizes.",
    "outside": "Do not use the sizes; train networks on images like this one.",
}


def check_conditions(
    domain: TrainingDomain, optics: TrainedOptics | None, conditions: Conditions
) -> Verdict:
    """Verdict on an image before it is taken: borderline at best.

    Parameters
    ----------
    domain, optics
        Of a network package: ``package.description.domain`` and ``.optics``.
    conditions : Conditions
        Planned imaging conditions.

    Returns
    -------
    Verdict
        Without an expected Dice of the image; the loss under the lens is among its facts.
    """
    facts, missing = _condition_facts(domain, optics, conditions)
    facts.append(Fact("borderline", "the image itself was not compared"))
    return Verdict(tuple(facts), None, None, tuple(missing), None)


@dataclass(frozen=True, eq=False)
class DomainCheck:
    """Verdicts on images, for one package of networks.

    Parameters
    ----------
    domain, optics
        What the networks were trained on.
    kernel : Kernel or None
        None where there is too little evidence.
    evidence : DataFrame
        Of the package.
    """

    domain: TrainingDomain
    optics: TrainedOptics | None
    kernel: Kernel | None
    evidence: pd.DataFrame

    @property
    def usual_dice(self) -> float:
        """Mean hard Dice on images of the trained kind that the networks had not seen."""
        return float(self.usual_evidence["hard_dice"].mean())

    def expect(self, inputs: NDArray[np.float64] | None) -> ExpectedDice | None:
        """Expected Dice of an image; None where nothing like it was measured."""
        if inputs is None or self._estimator is None:
            return None
        expected = self._estimator.expect(inputs)
        return expected if expected.explained_variance >= LIMITS.least_explained_variance else None

    def verdict(
        self,
        conditions: Conditions,
        inputs: NDArray[np.float64] | None,
        *,
        any_found: bool,
        extra: tuple[Fact, ...] = (),
    ) -> Verdict:
        """Verdict on one image.

        Parameters
        ----------
        conditions : Conditions
            Its imaging conditions, as far as known.
        inputs : ndarray, optional
            From `observe`; None where nothing could be compared.
        any_found : bool
            Whether there is a particle, including at the border.
        extra : tuple of Fact
            Further facts, such as a reversed contrast.
        """
        facts, missing = _condition_facts(self.domain, self.optics, conditions)
        facts = [*extra, *facts]
        expected, loss_level = self.expect(inputs), None
        if not any_found:
            expected = None
            facts.insert(0, Fact("outside", "no particle found", _LOOK))
        elif inputs is None:
            missing.append("image statistics (the image is too small, or holds but one number)")
            facts.append(Fact("borderline", "the image is too small to be compared"))
        elif self._estimator is None:
            missing.append("image statistics (the package has too little evidence)")
            facts.append(Fact("borderline", "the package has too little evidence to compare with"))
        elif expected is None:
            facts.append(Fact("outside", self._because("nothing like it was measured", inputs)))
        else:
            loss_level = self._loss_level(expected)
            if loss_level != "in range":
                facts.append(Fact(loss_level, self._because("unlike training", inputs)))
        return Verdict(tuple(facts), self.usual_dice, expected, tuple(missing), loss_level)

    def most_deviant(self, inputs: NDArray[np.float64]) -> str:
        """The at most two inputs that deviate most from the trained kind, in words.

        Parameters
        ----------
        inputs : ndarray, shape (len(INPUTS),)
            From `observe`.
        """
        usual = self.usual_evidence[list(INPUTS)].to_numpy(np.float64)
        beyond, texts = [], []
        for name, what in INPUT_DESCRIPTIONS.items():
            k = INPUTS.index(name)
            measured = usual[np.isfinite(usual[:, k]), k]
            if not len(measured) or not np.isfinite(inputs[k]):
                continue
            low, high = np.quantile(measured, [0.025, 0.975])
            spread = max(float(measured.std()), 1e-9)
            beyond.append(max(low - inputs[k], inputs[k] - high) / spread)
            ends = [
                10 ** min(v, 99.0) if name.startswith("log_") else v for v in (inputs[k], low, high)
            ]
            texts.append(f"{what} {ends[0]:.3g}, {ends[1]:.3g} to {ends[2]:.3g} in training")
        order = np.argsort(beyond)[::-1][:2]
        return "; ".join(texts[k] for k in order if beyond[k] > 0)

    def _because(self, what: str, inputs: NDArray[np.float64]) -> str:
        most_deviant = self.most_deviant(inputs)
        return f"{what}: {most_deviant}" if most_deviant else what

    def _loss_level(self, expected: ExpectedDice) -> Level:
        loss = self.usual_dice - expected.mean
        if expected.mean >= self._lowest_usual:
            return "in range"
        return LEVELS[int(loss > LIMITS.acceptable_loss) + int(loss > LIMITS.largest_loss)]

    @cached_property
    def usual_evidence(self) -> pd.DataFrame:
        """Evidence on images of the trained kind, at the best scale."""
        return best_measured(self.evidence[self.evidence["usual"]])

    @cached_property
    def _lowest_usual(self) -> float:
        """Expectation that most images of the trained kind reach."""
        expectations = self.usual_evidence["unseen_expectation"]
        lowest = float(expectations.quantile(1 - LIMITS.usual_share)) if len(expectations) else 1.0
        return max(lowest, self.usual_dice - LIMITS.largest_loss)

    @cached_property
    def _estimator(self) -> DiceEstimator | None:
        if self.kernel is None or len(self.evidence) < FEWEST_MICROGRAPHS:
            return None
        return DiceEstimator.of(self.kernel, self.evidence)


INPUT_DESCRIPTIONS = {
    "agreement": "agreement of the networks",
    "soft_dice": "confidence of the networks (Soft Dice Confidence)",
    "stable_turned": "overlap with the mask of the turned image",
    "stable_noisier": "overlap with the mask of a noisier image",
    "stable_blurred": "overlap with the mask of a blurred image",
    "stable_halved": "overlap with the mask of the image at half the size",
    "log_cover": "part of the image that is particle",
    "log_diameter_px": "typical width of particles [px]",
    "holes": "holes in the mask, as part of it",
    "roundness": "roundness of particles",
    "contrast": "brightness of particles against their surroundings [standard deviations]",
    "solidity": "compactness of particles",
    **DESCRIPTIONS,
}
"""Inputs that a reason may name, in words."""


_LOOK = "Look at the image: is it an empty film, or are its particles unlike those of training?"


def _condition_facts(
    domain: TrainingDomain, optics: TrainedOptics | None, conditions: Conditions
) -> tuple[list[Fact], list[str]]:
    """Facts from pixel size, dose and lens alone, and what could not be compared."""
    facts: list[Fact] = []
    missing: list[str] = []
    if conditions.pixel_size_nm is None:
        facts.append(Fact("borderline", "the pixel size is not known", "State the pixel size."))
    else:
        facts += _pixel_size_facts(conditions.pixel_size_nm, domain.pixel_size_nm)
    if conditions.dose_e_per_A2 is None:
        missing.append("dose (not known for this image)")
    elif domain.dose_e_per_A2 is None:
        missing.append("dose (not known for the training set)")
    elif domain.dose_e_per_A2.excess(conditions.dose_e_per_A2) > LIMITS.dose_factor:
        dose, trained = conditions.dose_e_per_A2, domain.dose_e_per_A2
        facts.append(Fact("borderline", f"dose {dose:.3g} e/Å², trained at {trained} e/Å²"))
    if optics is None:
        missing.append("optics (no imaging conditions are in the package)")
    elif conditions.lens is None:
        missing.append("optics (the defocus is not known for this image)")
    else:
        facts += _optics_facts(loss_under(optics, conditions.lens), optics, conditions.lens)
    return facts, missing


def _pixel_size_facts(value: float, trained: Range | None) -> list[Fact]:
    if trained is None:
        return []
    finer, factor = value < trained.low, trained.excess(value)
    if factor <= (LIMITS.finer_factor if finer else LIMITS.coarser_factor):
        return []
    how = "fine" if finer else "coarse"
    what = f"pixels of {value:.3g} nm, {factor:.3g} times as {how} as trained ({trained} nm)"
    return [Fact("outside", what, "Check the pixel size.")]


def _optics_facts(under: LossUnder, optics: TrainedOptics, lens: Lens) -> list[Fact]:
    relation = optics.relation
    level = LEVELS[
        int(under.loss > LIMITS.acceptable_loss or not under.explains)
        + int(under.loss > LIMITS.largest_loss)
    ]
    what = (
        f"defocus {lens.defocus_nm:.3g} nm, overlap of transfer with training {under.overlap:.2f}, "
        f"where networks reach a hard Dice of {under.expected_dice:.2f} ({under.low:.2f} to "
        f"{under.high:.2f}, {len(relation.cell_overlap)} pairs of conditions, "
        f"{relation.n_networks} networks)"
    )
    if np.isinf(under.loss):
        what += ", less than any measured overlap"
    if not under.explains:
        what += (
            f"; overlap explained nothing of networks held out (R² = {relation.rows_held_out:.2f})"
        )
    return [Fact(level, what)]
