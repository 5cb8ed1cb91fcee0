"""Networks that call a pixel particle where it is dark, and packages of them."""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from hrtem_shift.micrographs.micrograph import Micrograph
from hrtem_shift.networks.residual_unet import ResidualUNet
from hrtem_shift.networks.weights import weights_fingerprint, weights_of, with_architecture
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.reliability.estimator import Kernel, fit_estimator
from hrtem_shift.reliability.held_out_tests import Measurement, TestMicrograph, gather_evidence
from hrtem_shift.reliability.observation import Scaling
from hrtem_shift.reliability.training_domain import Range, TrainingDomain
from hrtem_shift.segmentation.card import card_of
from hrtem_shift.segmentation.description import Description, PackageMember
from hrtem_shift.segmentation.package import write_package

PIXEL_SIZE_NM = 0.1
PREPARATION = Preparation(patch_px=32, min_particle_fraction=None)
LEVELS = (0.7, 0.8, 0.9)


def dark_network(level=0.8, gain=20.0, norm="batch") -> ResidualUNet:
    """Residual U-Net whose logit is `gain` (-x - `level`) for a prepared intensity x < 0."""
    network = ResidualUNet(norm=norm)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "bn" not in name:
                parameter.zero_()
        network.downs[0].conv_add.weight[0, 0] = -1
        network.ups[3].conv_add.weight[0, 0] = 1
        network.final_conv.weight[1, 0] = gain
        network.final_conv.bias[1] = -gain * level
    return network.eval()


def disc_image(*circles, side=128, noise=0.05, seed=0, mean=100.0) -> np.ndarray:
    """Counts (side, side): discs (y, x, radius) in pixels, half as bright as the background."""
    y, x = np.mgrid[:side, :side]
    discs = np.zeros((side, side), bool)
    for centre_y, centre_x, radius in circles:
        discs |= (y - centre_y) ** 2 + (x - centre_x) ** 2 <= radius**2
    draw = np.random.default_rng(seed).normal(0, noise, discs.shape)
    return (mean * (1 - 0.5 * discs + draw)).astype(np.float32)


def training_image(seed: int) -> np.ndarray:
    """One of the images that the packages claim to be trained on: two discs of 12 to 16 px."""
    rng = np.random.default_rng([seed, 1])
    places = rng.uniform(30, 98, 2), rng.uniform(30, 98, 2)
    return disc_image(*((*place, rng.uniform(12, 16)) for place in places), seed=seed)


def disc_micrograph(seed: int) -> Micrograph:
    """A training image with its truth."""
    pixels = training_image(seed)
    return Micrograph(f"m{seed}", pixels, PIXEL_SIZE_NM, pixels < 75, {"dose_e_per_A2": 100.0})


@cache
def measured(number=16) -> tuple[Kernel, pd.DataFrame]:
    """Kernel and evidence of three dark networks, on training images and altered ones."""
    tests = [
        TestMicrograph(
            data_set="discs",
            group=f"m{seed}",
            usual=True,
            load=partial(disc_micrograph, seed),
            unseen_by=(0, 1, 2),
            alterations=2,
        )
        for seed in range(number)
    ]
    networks = tuple(dark_network(level) for level in LEVELS)
    scaling = Scaling(Range(low=PIXEL_SIZE_NM, high=PIXEL_SIZE_NM))
    kernel, evidence = fit_estimator(
        gather_evidence(Measurement(networks, PREPARATION, scaling), tests)
    )
    assert kernel is not None
    return kernel, evidence


def make_package(folder: Path, levels=LEVELS, norm="batch", **changes) -> Path:
    """Write a package of `dark_network`; `changes` replace fields of its description."""
    weights = [
        with_architecture(weights_of(dark_network(level, norm=norm)), "residual_unet", norm)
        for level in levels
    ]
    fields = {
        "name": "dark discs",
        "made_by": "tests",
        "architecture": "residual_unet",
        "norm": norm,
        "preparation": PREPARATION,
        "domain": TrainingDomain(
            pixel_size_nm=Range(low=PIXEL_SIZE_NM, high=PIXEL_SIZE_NM),
            dose_e_per_A2=Range(low=100, high=100),
        ),
        "members": [
            PackageMember(
                file=f"network_{k}.safetensors",
                run_id=f"discs_fold{k}",
                train_set="discs",
                fold=k,
                seed=0,
                weights=weights_fingerprint(one),
            )
            for k, one in enumerate(weights)
        ],
        "reliability": [],
    }
    kernel, evidence = measured()
    description = Description(**(fields | {"kernel": kernel} | changes))
    write_package(folder, description, weights, evidence, card_of(description, evidence))
    return folder
