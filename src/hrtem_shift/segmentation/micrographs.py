"""One micrograph: prepared, segmented, measured and judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.preparation.patches import Preparation, cut_patches, shows_enough
from hrtem_shift.preparation.resampling import AS_CALIBRATED, mapped_back
from hrtem_shift.preparation.steps import prepare
from hrtem_shift.segmentation.features import features_of
from hrtem_shift.segmentation.inference import WHOLE_PX, Predictor, predict
from hrtem_shift.segmentation.measures import label_particles, measure_particles
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import NetworkPackage
from hrtem_shift.segmentation.verdict import Judge, Verdict


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What was found on one micrograph.

    Parameters
    ----------
    labels : ndarray of int32, shape (H, W)
        Number of the particle that a pixel belongs to; 0 on background.
    probability : ndarray of float32, shape (H, W)
        That a pixel belongs to a particle.
    spread : ndarray of float32, shape (H, W), or None
        Its standard deviation over the networks; None for a single network.
    particles : DataFrame
        Their measures (`hrtem_shift.segmentation.measures`).
    verdict : Verdict
        Whether to believe it.
    agreement : float
        Of the networks (`Prediction`).
    seen_pixel_size_nm : float
        Edge of the pixels that the networks saw [nm].
    """

    labels: NDArray[np.int32]
    probability: NDArray[np.float32]
    spread: NDArray[np.float32] | None
    particles: pd.DataFrame
    verdict: Verdict
    agreement: float
    seen_pixel_size_nm: float


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A package of networks, ready for many micrographs."""

    ensemble: tuple[Predictor, ...]
    judge: Judge

    @classmethod
    def of(cls, package: NetworkPackage, device: str = "cpu") -> Segmenter:
        """From a package, on a device."""
        networks = (Predictor(network, device) for network in package.networks)
        return cls(tuple(networks), Judge(package))


def segment(
    recorded: RecordedImage,
    segmenter: Segmenter,
    options: SegmentationOptions,
    *,
    whole_px: int = WHOLE_PX,
) -> Segmentation:
    """Segment one micrograph.

    Parameters
    ----------
    recorded : RecordedImage
        From `hrtem_shift.micrographs.readers.read_micrograph`.
    segmenter : Segmenter
        The networks, and what they were trained on.
    options : SegmentationOptions
        Threshold, smallest area, border.
    whole_px : int
        See `hrtem_shift.segmentation.inference.Predictor.probability`.

    Returns
    -------
    Segmentation
        On the grid of the micrograph, whatever pixel size the networks saw.

    Raises
    ------
    InputError
        The pixel size is not known, or the image cannot be prepared.
    """
    size_nm = recorded.pixel_size_nm
    if size_nm is None:
        raise InputError(
            "the pixel size is not known",
            where=f"{recorded.kind} image",
            why="Neither sizes nor the networks' own scale mean anything without it",
            fix="Give it: --pixel-size-nm 0.02",
        )
    description = segmenter.judge.package.description
    trained_nm = description.domain.pixel_size_nm
    seen_nm = (
        size_nm if trained_nm.excess(size_nm) <= AS_CALIBRATED else trained_nm.nearest(size_nm)
    )
    prepared = prepare(recorded.pixels, description.preparation, size_nm / seen_nm).pixels
    found = predict(segmenter.ensemble, prepared, threshold=options.threshold, whole_px=whole_px)
    seen = found.probability > options.threshold
    verdict = segmenter.judge.verdict(
        pixel_size_nm=size_nm,
        dose_e_per_A2=recorded.dose_e_per_A2,
        features=_features(prepared, seen, description.preparation),
        agreement=found.agreement,
        defocus_nm=options.defocus_nm,
    )
    height, width = recorded.pixels.shape
    probability = mapped_back(found.probability, (height, width))
    spread = None if found.spread is None else mapped_back(found.spread, (height, width))
    labels = label_particles(
        probability > options.threshold,
        size_nm,
        min_area_nm2=options.min_area_nm2,
        exclude_border=options.exclude_border,
    )
    particles = measure_particles(labels, probability, spread, size_nm)
    return Segmentation(labels, probability, spread, particles, verdict, found.agreement, seen_nm)


def _features(
    prepared: NDArray[np.float32], mask: NDArray[np.bool_], preparation: Preparation
) -> NDArray[np.float64] | None:
    """Features of the patches that would be in a patch set; of all where none would be."""
    if min(prepared.shape) < preparation.patch_px:
        return None
    patches, masks, _ = cut_patches(prepared, mask, preparation.patch_px)
    keep = shows_enough(masks, preparation.min_particle_fraction)
    return features_of(patches[keep] if keep.any() else patches)
