"""One micrograph: repaired, prepared, segmented, measured and checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.microscope.conditions import Lens
from hrtem_shift.networks.inference import WHOLE_PX, Predictor
from hrtem_shift.preparation.burned_in_marks import burned_in_marks
from hrtem_shift.preparation.hot_pixels import repair_hot_pixels
from hrtem_shift.preparation.resampling import mapped_back
from hrtem_shift.reliability.observation import (
    MIXED_SHARE,
    Observation,
    memory_bytes,
    observe,
)
from hrtem_shift.reliability.signals import SIGNALS
from hrtem_shift.reliability.verdict import (
    LIMITS,
    Conditions,
    DomainCheck,
    Fact,
    Verdict,
    check_conditions,
)
from hrtem_shift.segmentation.measures import label_particles, measure_particles
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import NetworkPackage

BETTER_MIXED = 0.02
"""Least gain of expected Dice for which batch norms are mixed with the image's statistics."""

BETTER_REVERSED = 0.1
"""Least gain of expected Dice for which the image with reversed contrast is used."""

TRIAL_PX = 1024
"""Edge [px] of the middle of a larger image on which reversed contrast is tried first."""


@dataclass(frozen=True, eq=False)
class SegmentedImage:
    """Particles of one image, and the verdict on them.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Number of the particle that a pixel belongs to; 0 on background.
    probability : ndarray of float32, shape (H, W)
        Of a particle.
    spread : ndarray of float32, shape (H, W), or None
        Its standard deviation over the networks; None for a single network.
    particles : DataFrame
        Their measures (`hrtem_shift.segmentation.measures`).
    verdict : Verdict
        How far to trust the result.
    agreement : float
        Of the networks: `Prediction.agreement`.
    scale : float
        How many times as fine as the image's pixels those are that the networks saw.
    notes : tuple of str
        What was repaired or left out.
    """

    labels: NDArray[np.int32]
    probability: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    particles: pd.DataFrame
    verdict: Verdict
    agreement: float
    scale: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A network package on a device, for many images."""

    package: NetworkPackage
    ensemble: tuple[Predictor, ...]
    domain_check: DomainCheck

    @classmethod
    def of(cls, package: NetworkPackage, device: str = "cpu") -> Segmenter:
        """Segmenter of a package."""
        networks = (Predictor(network, device) for network in package.networks)
        return cls(package, tuple(networks), domain_check_of(package))


def domain_check_of(package: NetworkPackage) -> DomainCheck:
    """The domain check of a package."""
    description = package.description
    return DomainCheck(description.domain, description.optics, description.kernel, package.evidence)


def check_memory(
    shape: tuple[int, ...], pixel_size_nm: float, package: NetworkPackage, most_gib: float
) -> None:
    """Refuse an image that needs more memory than allowed, before anything is allocated.

    Raises
    ------
    InputError
        With both numbers.
    """
    scale = max(package.description.scaling.of(shape, pixel_size_nm))
    needed = memory_bytes(shape, scale) / 2**30
    if needed > most_gib:
        height, width = shape
        raise InputError(
            f"{height} x {width} pixels of {pixel_size_nm:.3g} nm take about {needed:.1f} GiB",
            where="--memory-gib",
            why=f"The limit is {most_gib:g} GiB, and networks see {pixel_size_nm / scale:.3g} nm a "
            "pixel",
            fix="Check the pixel size, cut the image, or allow more with --memory-gib",
        )


def segment_image(
    recorded: RecordedImage,
    segmenter: Segmenter,
    options: SegmentationOptions,
    *,
    whole_px: int = WHOLE_PX,
) -> SegmentedImage:
    """Segment one image.

    Hot pixels are repaired, and burned-in letters and bars are left out. Networks that find the
    scale themselves see the image at several, and the one with the highest sum of expected Dice
    and Soft Dice Confidence of particles' cores is used; batch norms are mixed with the image's own
    statistics where more Dice is expected so.
    With others, an image whose expected Dice is low is tried with reversed contrast.

    Parameters
    ----------
    recorded : RecordedImage
        From `hrtem_shift.micrographs.readers.read_micrograph`.
    segmenter : Segmenter
        The networks, and what they were trained on.
    options : SegmentationOptions
        Threshold, smallest area, border.
    whole_px : int
        See `hrtem_shift.networks.inference.Predictor.probability`.

    Returns
    -------
    SegmentedImage
        On the grid of the micrograph, whatever pixel size the networks saw.

    Raises
    ------
    InputError
        The pixel size is not known, or the image cannot be prepared or is too large.
    """
    size_nm = recorded.pixel_size_nm
    if size_nm is None:
        raise InputError(
            "the pixel size is not known",
            where=f"{recorded.kind} image",
            why="Particle sizes and the resolution that networks need follow from it",
            fix="Give it in nm: --pixel-size-nm 0.02",
        )
    package = segmenter.package
    check_memory(recorded.pixels.shape, size_nm, package, options.memory_gib)
    repaired = repair_hot_pixels(recorded.pixels)
    marks = burned_in_marks(repaired.pixels)
    conditions = Conditions(size_nm, recorded.dose_e_per_A2, _lens(package, options.defocus_nm))
    seen, reversed_contrast = _observed(
        repaired.pixels, marks, conditions, segmenter, options, whole_px
    )
    height, width = recorded.pixels.shape
    probability = mapped_back(seen.prediction.probability, (height, width))
    spread = seen.prediction.spread
    spread = None if spread is None else mapped_back(spread, (height, width))
    core = seen.prediction.core
    core = None if core is None else mapped_back(core, (height, width))
    mask, area_nm2, share = (probability > options.threshold) & ~marks, options.min_area_nm2, 0.0
    if area_nm2 is None:
        scaling = package.description.scaling
        area_nm2, share = scaling.smallest_area_nm2(size_nm, seen.scale), scaling.smallest_share
    labels = label_particles(
        mask,
        size_nm,
        core,
        min_area_nm2=area_nm2,
        smallest_share=share,
        exclude_border=options.exclude_border,
    )
    any_found = labels.any() or label_particles(mask, size_nm, min_area_nm2=area_nm2).any()
    particles = measure_particles(labels, probability, spread, size_nm)
    verdict = segmenter.domain_check.verdict(
        conditions,
        seen.inputs,
        any_found=bool(any_found),
        extra=_contrast_facts(seen, reversed_contrast, segmenter.domain_check),
    )
    return SegmentedImage(
        labels,
        probability,
        spread,
        particles,
        verdict,
        seen.prediction.agreement,
        seen.scale,
        _notes(repaired.n_hot, repaired.n_dead, marks, reversed_contrast, seen.mixed_norms),
    )


def _observed(
    pixels: NDArray,
    marks: NDArray[np.bool_],
    conditions: Conditions,
    segmenter: Segmenter,
    options: SegmentationOptions,
    whole_px: int,
) -> tuple[Observation, bool]:
    """Observation at the best scale, and whether it is of the image with reversed contrast."""
    description, size_nm = segmenter.package.description, conditions.pixel_size_nm
    assert size_nm is not None
    domain_check, whole = segmenter.domain_check, np.s_[:, :]

    def observed(
        part: tuple[slice, slice], scale: float, reverse: bool = False, mixed_norms: float = 0.0
    ) -> Observation:
        image = pixels[part]
        if reverse:
            image = np.asarray(pixels.max() - np.asarray(image, np.float32))
        return observe(
            image,
            scale,
            segmenter.ensemble,
            description.preparation,
            marks=marks[part],
            threshold=options.threshold,
            whole_px=whole_px,
            mixed_norms=mixed_norms,
        )

    def expected_of(seen: Observation) -> float:
        """-1 where no pixel is a particle."""
        expected = domain_check.expect(seen.inputs)
        any_particle = (seen.prediction.probability > options.threshold).any()
        return (expected.mean if expected else 0.0) if any_particle else -1.0

    def how_good(seen: Observation) -> float:
        """Of a scale: the mask, and how surely it falls into particles."""
        return expected_of(seen) + seen.prediction.core_confidence

    def is_better(other: Observation, than: Observation) -> bool:
        return expected_of(other) >= expected_of(than) + BETTER_REVERSED

    first, *other_scales = description.scaling.of(pixels.shape, size_nm)
    best = observed(whole, first)
    for scale in other_scales:
        seen = observed(whole, scale)
        if how_good(seen) > how_good(best):
            best = seen
    measured_mixed = bool((domain_check.evidence["mixed_norms"] > 0).any())
    if measured_mixed and expected_of(best) < domain_check.usual_dice - LIMITS.acceptable_loss:
        mixed = observed(whole, best.scale, mixed_norms=MIXED_SHARE)
        if expected_of(mixed) > expected_of(best) + BETTER_MIXED:
            best = mixed
    good = expected_of(best) >= domain_check.usual_dice - LIMITS.largest_loss
    before = check_conditions(domain_check.domain, domain_check.optics, conditions)
    no_trial = best.inputs is None or domain_check.kernel is None or before.level == "outside"
    if good or no_trial or description.scales:
        return best, False
    middle = _middle(pixels.shape)
    if middle != whole and not is_better(observed(middle, first, True), observed(middle, first)):
        return best, False
    reverse = observed(whole, first, reverse=True)
    return (reverse, True) if is_better(reverse, best) else (best, False)


def _middle(shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The middle of an image; the whole of a small one."""
    if max(shape) <= TRIAL_PX:
        return np.s_[:, :]
    starts = [max(side - TRIAL_PX, 0) // 2 for side in shape]
    return np.s_[starts[0] : starts[0] + TRIAL_PX, starts[1] : starts[1] + TRIAL_PX]


def _contrast_facts(
    seen: Observation, reversed_contrast: bool, domain_check: DomainCheck
) -> tuple[Fact, ...]:
    usual = domain_check.usual_evidence["contrast"]
    if reversed_contrast:
        look, trained = ("brighter", "dark") if usual.median() < 0 else ("darker", "bright")
        what = (
            f"the contrast is reversed: particles look {look} than the support, and the networks "
            f"know {trained} ones, so the reversed image was segmented"
        )
        return (Fact("borderline", what, f"Look at the overlay: is all that is {look} particle?"),)
    if seen.inputs is None or usual.empty:
        return ()
    contrast = float(seen.inputs[SIGNALS.index("contrast")])
    low, high = float(usual.quantile(0.01)), float(usual.quantile(0.99))
    if contrast > 0 > high:
        return (Fact("borderline", _UNLIKE.format("brighter", "darker")),)
    if contrast < 0 < low:
        return (Fact("borderline", _UNLIKE.format("darker", "brighter")),)
    return ()


_UNLIKE = "what was found is {} than its surroundings, and particles of training are {}"


def _notes(
    n_hot: int,
    n_dead: int,
    marks: NDArray[np.bool_],
    reversed_contrast: bool,
    mixed_norms: float,
) -> tuple[str, ...]:
    notes = []
    bad = [
        f"{number} {kind} pixel{'' if number == 1 else 's'}"
        for number, kind in ((n_hot, "hot"), (n_dead, "dead"))
        if number
    ]
    if bad:
        notes.append(f"repaired {' and '.join(bad)}")
    if marks.any():
        notes.append(f"{marks.mean():.1%} of the image are burned-in marks and were left out")
    if reversed_contrast:
        notes.append("the image was segmented with its contrast reversed")
    if mixed_norms:
        notes.append(
            f"batch norms of the networks were mixed with {mixed_norms:.0%} of the image's own "
            "statistics, as more Dice was expected so"
        )
    return tuple(notes)


def _lens(package: NetworkPackage, defocus_nm: float | None) -> Lens | None:
    """The first lens of training at another defocus."""
    optics = package.description.optics
    if optics is None or defocus_nm is None:
        return None
    return optics.lenses[0].model_copy(update={"defocus_nm": defocus_nm})
