"""Planned tests of networks on patches, and their scores."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from hrtem_shift.evaluation.dice import count_pixels, summarise_counts
from hrtem_shift.evaluation.particle_matching import summarise_particles
from hrtem_shift.networks.mixed_norms import with_mixed_norms
from hrtem_shift.networks.prediction import on_device, predict_masks
from hrtem_shift.preparation.patch_set import PatchSet
from hrtem_shift.preparation.variants import patch_set_name, set_and_variant
from hrtem_shift.seeds import generator_at
from hrtem_shift.tables import rows_of

RESULTS_VERSION = 1
"""Increased when the testing code changes its results, so that older scores are not reused."""

Key = tuple[str, str]
"""run_id and test_id."""

NETWORK_COLUMNS = ["run_id", "variant", "train_set", "fold", "seed", "noise_mode", "rho"]
TEST_COLUMNS = [*NETWORK_COLUMNS, "test_set", "patches", "test_rho", "norm_share", "test_id"]
"""What describes a test in a table of scores; the other columns are its values."""


def plan_tests(
    plan: pd.DataFrame,
    test_sets: Sequence[str],
    fingerprints: Mapping[str, str],
    *,
    groups: Mapping[str, Collection[str]],
    on_training: bool = False,
    mixed_norms: Sequence[float] = (),
    most_patches: int | None = None,
) -> pd.DataFrame:
    """Rows of (network, test): the held-out fold of the same set, else the whole other set.

    Of a set that shares scenes (or other groups) with the training set, only unseen patches are
    tested. Patches are prepared like those of training. A network trained with noise of fixed
    strength is tested both without noise and with the same noise; one trained without noise is
    tested as trained and with mixed batch norms.

    Parameters
    ----------
    plan : DataFrame
        From `hrtem_shift.training.plan`; train_set is the name of a patch set.
    test_sets : sequence of str
        Data sets.
    fingerprints : mapping
        Patch set -> fingerprint.
    groups : mapping
        Data set -> its groups, which never straddle a fold.
    on_training : bool
        Whether networks are tested on their own training patches, too.
    mixed_norms : sequence of float
        Shares of each test micrograph in the batch norms, above 0
        (`hrtem_shift.networks.mixed_norms`).
    most_patches : int, optional
        Patches of a test, see `spread_evenly`; by default all.

    Returns
    -------
    DataFrame
        `NETWORK_COLUMNS` (train_set is a data set now), test_set, patches (``fold``,
        ``whole``, ``unseen`` or ``train``), test_rho (noise of the test patches), norm_share
        (of the test micrograph in the batch norms; 0 = as trained), test_id (changes with the
        test set's contents).
    """
    rows = [
        test
        for network in rows_of(plan)
        for test in _tests_of(network, test_sets, groups, on_training, mixed_norms)
    ]
    tests = pd.DataFrame(rows)
    names = [patch_set_name(*key) for key in zip(tests["test_set"], tests["variant"], strict=True)]
    noise = ["" if rho == 0 else f"_noise{rho:g}" for rho in tests["test_rho"]]
    norms = ["" if share == 0 else f"_norms{share:g}" for share in tests["norm_share"]]
    some = "" if most_patches is None else f"_of{most_patches}"
    tests["test_id"] = [
        f"{name}_{patches}{some}{noisy}{mixed}_{RESULTS_VERSION}_{fingerprints[name]}"
        for name, patches, noisy, mixed in zip(names, tests["patches"], noise, norms, strict=True)
    ]
    return tests


def _tests_of(
    network: Mapping[str, Any],
    test_sets: Sequence[str],
    groups: Mapping[str, Collection[str]],
    on_training: bool,
    mixed_norms: Sequence[float],
) -> Iterator[dict[str, Any]]:
    train_set, variant = set_and_variant(network["train_set"])
    network = {**network, "train_set": train_set, "variant": variant}
    described = {name: network[name] for name in NETWORK_COLUMNS}
    noises = [0.0, network["rho"]] if network["noise_mode"] == "fixed" else [0.0]
    ways = [{"test_rho": rho, "norm_share": 0.0} for rho in dict.fromkeys(noises)]
    if network["rho"] == 0:
        ways += [{"test_rho": 0.0, "norm_share": share} for share in dict.fromkeys(mixed_norms)]
    for way in ways:
        for name in test_sets:
            apart = set(groups[name]).isdisjoint(groups[train_set])
            patches = "fold" if name == train_set else "whole" if apart else "unseen"
            yield {**described, "test_set": name, "patches": patches, **way}
    if on_training:
        yield {**described, "test_set": train_set, "patches": "train", **ways[0]}


def spread_evenly(patches: NDArray[np.int64], most: int | None) -> NDArray[np.int64]:
    """At most so many of the patches of a test, evenly spaced in their order; None: all.

    A set lists its patches micrograph by micrograph, so that every scene stays in the test.
    """
    if most is None or most >= len(patches):
        return patches
    return patches[(np.arange(most) * 2 + 1) * len(patches) // (2 * most)]


class PatchesOfTest(NamedTuple):
    """Patches of one test.

    Attributes
    ----------
    patch_set : PatchSet
        Holds the patches.
    patches : (N,) ndarray of int
        Indices in the patch set.
    noise_std : float
        Noise s that is added to each patch, x -> (x + N(0, s)) / sqrt(1 + s²), the same for
        all networks.
    """

    patch_set: PatchSet
    patches: NDArray[np.int64]
    noise_std: float = 0.0

    def images(self) -> NDArray[np.floating]:
        """The patches (N, p, p), with their noise."""
        images = self.patch_set.images
        if self.noise_std > 0:
            return np.stack([with_noise(images[k], self.noise_std, int(k)) for k in self.patches])
        return np.asarray(images[self.patches])


BATCH = 32
"""Patches of a batch."""


def score_network(
    network: nn.Module,
    patch_set: PatchSet,
    patches: NDArray[np.int64],
    *,
    noise_std: float = 0.0,
    device: str,
    precision: torch.dtype,
) -> pd.DataFrame:
    """Confusion counts of one network on some patches.

    Parameters
    ----------
    network : Module
        In evaluation mode, or from `hrtem_shift.networks.prediction.optimize_for_inference`.
    patch_set, patches, noise_std
        As in `PatchesOfTest`.
    device, precision
        As in `score_together`.

    Returns
    -------
    DataFrame
        patch (index in the patch set) and `COUNTS`.
    """
    images = PatchesOfTest(patch_set, patches, noise_std).images()
    masks = predict_masks(network, images, device=device, precision=precision)
    counts = count_pixels(masks, patch_set.masks[patches] == 1)
    counts.insert(0, "patch", patches)
    return counts


def score_together(
    networks: Sequence[nn.Module],
    tests: Sequence[PatchesOfTest],
    *,
    device: str,
    precision: torch.dtype,
) -> list[list[pd.DataFrame]]:
    """Confusion counts of several networks on several tests, whose patches fill common batches.

    The last batch is filled up, because a small one is rounded otherwise: counts do not depend on
    which tests are done together.

    Parameters
    ----------
    networks : sequence of Module
        As in `score_network`.
    tests : sequence of PatchesOfTest
        Of one size.
    device : str
        Where to compute.
    precision : dtype
        Of convolutions.

    Returns
    -------
    list of list of DataFrame
        For each network and test, as from `score_network`.
    """
    images = np.concatenate([test.images() for test in tests])
    truth = np.concatenate([test.patch_set.masks[test.patches] for test in tests]) == 1
    patches = np.concatenate([test.patches for test in tests])
    ends = np.cumsum([len(test.patches) for test in tests])[:-1]
    filled = np.resize(images, (-(-len(images) // BATCH) * BATCH, *images.shape[1:]))
    tables = []
    for network in networks:
        masks = predict_masks(network, filled, device=device, precision=precision, batch_size=BATCH)
        counts = count_pixels(masks[: len(images)], truth)
        counts.insert(0, "patch", patches)
        parts = np.split(np.arange(len(counts)), ends)
        tables.append([counts.iloc[part].reset_index(drop=True) for part in parts])
    return tables


def score_with_mixed_norms(
    network: nn.Module,
    patch_set: PatchSet,
    patches: NDArray[np.int64],
    share: float,
    *,
    device: str,
    precision: torch.dtype,
) -> pd.DataFrame:
    """Confusion counts of a network whose batch norms are mixed, anew for each micrograph.

    Parameters
    ----------
    network : Module
        As it was trained; moved to the device.
    patch_set, patches, device, precision
        As for `score_network`.
    share : float
        Of the tested patches of a micrograph in the statistics, 0 to 1; see
        `hrtem_shift.networks.mixed_norms.with_mixed_norms`.

    Returns
    -------
    DataFrame
        As from `score_network`, micrograph by micrograph.

    Raises
    ------
    InputError
        The network has no batch norms.
    """
    network = on_device(network, device)
    micrographs = patch_set.index["micrograph"].to_numpy()[patches]
    tables = []
    for name in pd.unique(micrographs):
        of_micrograph = patches[micrographs == name]
        images = torch.from_numpy(patch_set.images[of_micrograph].astype(np.float32))
        mixed = with_mixed_norms(network, images[:, None].to(device), share)
        counts = score_network(mixed, patch_set, of_micrograph, device=device, precision=precision)
        tables.append(counts)
    if not tables:
        return score_network(network, patch_set, patches, device=device, precision=precision)
    return pd.concat(tables, ignore_index=True)


def with_noise(image: NDArray, noise_std: float, index: int) -> NDArray[np.float32]:
    """A patch with noise, (x + N(0, s)) / sqrt(1 + s²); the noise depends on the index alone.

    Training adds the same kind of noise from a counter-based generator
    (`hrtem_shift.training.noise`).
    """
    noise = generator_at(0, "test noise", index).standard_normal(image.shape, np.float32)
    noisy: NDArray[np.float32] = image.astype(np.float32)
    noisy += np.float32(noise_std) * noise
    noisy /= np.float32(np.hypot(1, noise_std))
    return noisy


def score_of(counts: pd.DataFrame, particles: pd.DataFrame | None = None) -> dict[str, Any]:
    """What one network scored in one test.

    Parameters
    ----------
    counts : DataFrame
        From `score_network`.
    particles : DataFrame, optional
        From `hrtem_shift.evaluation.whole_micrographs.match_particles`.

    Returns
    -------
    dict
        The values of `summarise_counts`, n_patches, those of `summarise_particles` where there
        are particles, and reason (why there is no score; empty where there is one).
    """
    score = summarise_counts(counts) if len(counts) else {}
    seen = {} if particles is None else summarise_particles(particles)
    reason = "" if score else "no patch to test on"
    return {**_NO_SCORE, **score, "n_patches": len(counts), **seen, "reason": reason}


def tabulate(tests: pd.DataFrame, scores: Mapping[Key, Mapping[str, Any]]) -> pd.DataFrame:
    """Scores joined to the planned tests; a test without a score keeps its row, as NaN.

    Parameters
    ----------
    tests : DataFrame
        From `plan_tests`.
    scores : mapping of (run_id, test_id) to mapping
        From `score_of`.

    Returns
    -------
    DataFrame
        The columns of `tests` and the values of `score_of`.
    """
    untested = {**_NO_SCORE, "n_patches": 0, "reason": "not tested"}
    rows = [
        {**test, **scores.get((test["run_id"], test["test_id"]), untested)}
        for test in rows_of(tests)
    ]
    return pd.DataFrame(rows)


_NO_SCORE = dict.fromkeys(("hard_dice", "false_positive_rate", "false_negative_rate"), float("nan"))


def plain_scores(scores: pd.DataFrame, seeds: int, *, on_training: bool = False) -> pd.DataFrame:
    """Scores that make a generalization matrix: without noise, as trained, of the first seeds.

    Parameters
    ----------
    scores : DataFrame
        From `tabulate`, as it is or read from a file.
    seeds : int
        Networks a fold; a noise axis may have more.
    on_training : bool
        Those on training patches, instead of those on unseen ones.
    """
    scores = as_trained(scores)
    plain = (scores["rho"] == 0) & (scores["test_rho"] == 0) & (scores["seed"] < seeds)
    chosen = scores[plain & ((scores["patches"] == "train") == on_training)]
    texts = {name: chosen[name].astype(object).fillna("") for name in ("variant", "reason")}
    return chosen.assign(**texts)  # a file holds nothing for ""


def as_trained(scores: pd.DataFrame) -> pd.DataFrame:
    """Scores of networks with the batch norms of their training: all, in tables of older runs."""
    return scores[scores["norm_share"] == 0] if "norm_share" in scores else scores


def mean_and_std(scores: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Mean and standard deviation (ddof 1) of hard Dice over networks.

    Returns
    -------
    DataFrame
        The columns of `by`, hard_dice_mean, hard_dice_std, n_networks (those with a score);
        mean and std are NaN when a planned score is missing.
    """
    grouped = scores.groupby(list(by), sort=False)["hard_dice"]
    table = pd.DataFrame(
        {
            "hard_dice_mean": grouped.apply(lambda dice: dice.mean(skipna=False)),
            "hard_dice_std": grouped.apply(lambda dice: dice.std(ddof=1, skipna=False)),
            "n_networks": grouped.count(),
        }
    )
    return table.reset_index()
