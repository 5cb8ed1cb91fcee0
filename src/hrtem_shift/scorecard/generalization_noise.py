"""Claims of arXiv 2306.11853 on noise augmentation, and what noise stands for."""

from __future__ import annotations

from functools import partial
from typing import Literal

from hrtem_shift.scorecard.bootstrap_scores import BootstrapScores, Replicates
from hrtem_shift.scorecard.claims import at_least
from hrtem_shift.scorecard.findings import along_the_noise
from hrtem_shift.scorecard.generalization_paper import DOSE, MATTERS
from hrtem_shift.scorecard.generalization_paper import PAPER as PAPER

noise_in_training = partial(PAPER.claim, study="dose_study", networks=along_the_noise)

_ABOVE_ONE = (1.1, 10.0)


@noise_in_training(
    "Fig. 5",
    "hard Dice at the lowest dose, mean over ρ from 0.5 to 1 minus without noise",
    at_least(MATTERS),
)
def noise_repairs_low_dose(noise: BootstrapScores) -> Replicates:
    """Noise of the right strength in training makes high-dose networks fit for low dose."""
    return _gain(noise, "lowest", rho=(0.5, 1.0))


@noise_in_training(
    "Fig. 5",
    "change of hard Dice by noise of ρ from 0.5 to 1, lowest dose minus dose of training",
    at_least(0),
)
def noise_helps_low_dose_most(noise: BootstrapScores) -> Replicates:
    """The lower the dose of the test, the more noise in training helps."""
    return _gain(noise, "lowest", rho=(0.5, 1.0)) - _gain(noise, "trained", rho=(0.5, 1.0))


@noise_in_training(
    "Fig. 5",
    "hard Dice at the dose of training, mean over ρ up to 0.5 minus without noise",
    at_least(-0.02),
)
def little_noise_is_free(noise: BootstrapScores) -> Replicates:
    """A little noise costs nothing at the dose of training."""
    return _gain(noise, "trained", rho=(0.01, 0.5))


@noise_in_training(
    "Fig. 5",
    "hard Dice at the dose of training, without noise minus mean over ρ above 1",
    at_least(0.1),
)
def much_noise_collapses(noise: BootstrapScores) -> Replicates:
    """Beyond ρ = 1 networks collapse on clean images."""
    return -_gain(noise, "trained", rho=_ABOVE_ONE)


@noise_in_training(
    "Fig. 5, text",
    "hard Dice lost by ρ above 1 where test images carry the same noise, "
    "minus half of that lost on clean ones",
    at_least(0),
)
def collapse_is_lost_information(noise: BootstrapScores) -> Replicates:
    """Beyond ρ = 1 networks collapse because noise destroys what an image shows."""
    on_noisy = _gain(noise, "trained", rho=_ABOVE_ONE, noisy_test=True)
    return _gain(noise, "trained", rho=_ABOVE_ONE) / 2 - on_noisy


@noise_in_training(
    "Fig. 5",
    "hard Dice at the lowest dose, mean over upper bounds of ρ from 1 to 2 minus without noise",
    at_least(MATTERS),
)
def mixed_noise_repairs_low_dose(noise: BootstrapScores) -> Replicates:
    """Noise of mixed strength repairs low dose."""
    return _gain(noise, "lowest", rho=(1.0, 2.0), noise_mode="uniform")


@noise_in_training(
    "Fig. 5",
    "hard Dice at the dose of training, mean over upper bounds of ρ from 1 to 2 "
    "minus without noise",
    at_least(-0.02),
)
def mixed_noise_is_free(noise: BootstrapScores) -> Replicates:
    """Noise of mixed strength costs nothing at the dose of training, however strong."""
    return _gain(noise, "trained", rho=(1.0, 2.0), noise_mode="uniform")


# Thinned electrons: noise that is that of a lower dose

_AS_AT_THE_LOWEST = (0.05, 0.2)
"""Shares of the electrons of 884 e/Å² that are 44 to 177 e/Å²."""


@noise_in_training(
    "Fig. 5, text",
    "hard Dice at the lowest dose, electrons thinned to 5 to 20 % in training minus all of them",
    at_least(MATTERS),
)
def thinning_repairs_low_dose(noise: BootstrapScores) -> Replicates:
    """Fewer electrons in training make high-dose networks fit for low dose."""
    return _gain(noise, "lowest", rho=_AS_AT_THE_LOWEST, noise_mode="thinning")


@noise_in_training(
    "Fig. 5, text",
    "hard Dice at the lowest dose, mean over Gaussian noise of ρ from 0.5 to 1 minus electrons "
    "thinned to 5 to 20 %",
    at_least(-0.02),
)
def gaussian_noise_stands_for_low_dose(noise: BootstrapScores) -> Replicates:
    """Gaussian noise in training repairs low dose as well as the noise of fewer electrons."""
    thinned = _gain(noise, "lowest", rho=_AS_AT_THE_LOWEST, noise_mode="thinning")
    return _gain(noise, "lowest", rho=(0.5, 1.0)) - thinned


def _gain(
    noise: BootstrapScores,
    at: Literal["trained", "lowest"],
    *,
    rho: tuple[float, float],
    noise_mode: str = "fixed",
    noisy_test: bool = False,
) -> Replicates:
    """Change of hard Dice by noise of these ρ in training, on the highest trained dose.

    Tested on that dose (``trained``) or on the lowest.
    """
    doses = noise.median(DOSE, noise.tested())
    trained, lowest = max(noise.sets(), key=doses.__getitem__), min(doses, key=doses.__getitem__)
    test_set = trained if at == "trained" else lowest
    without = noise.select(rho=0, noisy_test=False).cell(trained, test_set)
    noisy = noise.select(rho=rho, noise_mode=noise_mode, noisy_test=noisy_test)
    return noisy.cell(trained, test_set) - without
