"""Augmentation is a pure function of (seed, pass, patch), the same in both implementations."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.training.augmentation import add_noise_only, augment
from hrtem_shift.training.counter_rng import interleave, sample_augmentations, samples_of, stream_of
from hrtem_shift.training.device_patches import DevicePatches, to_device
from hrtem_shift.training.noise import add_noise, add_noise_in_torch
from hrtem_shift.training.recipe import TrainingNoise
from hrtem_shift.training.rotation import rotate_in_torch, rotate_patches

UNIFORM = TrainingNoise(mode="uniform", rho=0.7)


def samples(patches, passes=1, seed=9, noise=UNIFORM):
    return samples_of(np.array(patches), passes, stream=stream_of(seed, "augment"), noise=noise)


def run(patch_set, *address, rotation_probability=0.5, **more):
    return augment(
        to_device(patch_set, "cpu"),
        samples(*address, **more),
        rotation_probability=rotation_probability,
        label_rotation="nearest",
    )


def disc(radius_px, size=64):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return torch.from_numpy((y**2 + x**2 < radius_px**2).astype(np.uint8))


def rotations(count):
    """The affine maps of samples that are all rotated."""
    return sample_augmentations(samples(range(count), passes=3), rotation_probability=1).affine


def test_a_sample_is_the_same_alone_and_in_any_batch(discs):
    x, y = run(discs, range(12))
    for patch in (11, 3, 7):
        alone = run(discs, [patch])
        assert torch.equal(alone[0][0], x[patch])
        assert torch.equal(alone[1][0], y[patch])


def test_a_sample_is_the_same_among_other_members(discs):
    patches = to_device(discs, "cpu")
    choices = {"rotation_probability": 0.5, "label_rotation": "nearest"}
    first, second = samples([3, 1, 4]), samples([5, 9, 2], seed=8, noise=TrainingNoise())
    x, y = augment(patches, interleave([first, second]), **choices)
    for place, member in enumerate((first, second)):
        alone = augment(patches, member, **choices)
        assert torch.equal(alone[0], x[place::2])
        assert torch.equal(alone[1], y[place::2])


@pytest.mark.parametrize("change", [{"passes": 2}, {"seed": 10}])
def test_another_pass_or_seed_draws_anew(discs, change):
    assert not torch.equal(run(discs, range(6))[0], run(discs, range(6), **change)[0])


def test_the_data_set_is_never_written_to(discs):
    before = discs.images.copy(), discs.masks.copy()
    run(discs, range(12), rotation_probability=1.0)
    assert np.array_equal(before[0], discs.images)
    assert np.array_equal(before[1], discs.masks)


def test_patches_are_read_from_a_file_that_may_not_be_written(discs, tmp_path):
    np.save(tmp_path / "images.npy", discs.images)
    on_disk = np.load(tmp_path / "images.npy", mmap_mode="r")
    patches = to_device(
        type(discs)("d", on_disk, discs.masks, discs.background, discs.index), "cpu"
    )
    x, _ = add_noise_only(patches, samples([2], noise=TrainingNoise()))
    assert np.array_equal(x[0].numpy(), discs.images[2].astype(np.float32))


def test_eight_passes_show_the_eight_dihedral_images_once(discs):
    image, mask = discs.images[0].astype(np.float32), discs.masks[0]
    eight = [np.rot90(i, k) for k in range(4) for i in (image, image[:, ::-1])]
    masks = [np.rot90(i, k) for k in range(4) for i in (mask, mask[:, ::-1])]
    for first in (0, 8, 16):
        seen = []
        for passes in range(first, first + 8):
            x, y = run(discs, [0], passes, noise=TrainingNoise(), rotation_probability=0.0)
            match = [i for i, other in enumerate(eight) if np.array_equal(x[0], other)]
            assert np.array_equal(y[0], masks[match[0]])
            seen += match
        assert sorted(seen) == list(range(8))


def test_the_asked_share_is_rotated_by_all_angles():
    affine = sample_augmentations(samples(np.arange(4000)), rotation_probability=0.25).affine
    exact = np.isin(affine, (-1, 0, 1)).all(axis=(1, 2))
    assert 1 - exact.mean() == pytest.approx(0.25, abs=0.03)
    angles = np.arctan2(affine[~exact, 1, 0], affine[~exact, 0, 0])
    counts, _ = np.histogram(angles, 8, (-np.pi, np.pi))
    assert counts.min() > 0.7 * counts.mean()
    assert np.allclose(np.abs(np.linalg.det(affine)), 1, atol=1e-6)


def test_image_and_mask_turn_together():
    """The mask of a rotated disc is where the rotated disc is."""
    y, x = np.mgrid[:64, :64]
    mask = torch.from_numpy(((y - 20) ** 2 + (x - 34) ** 2 < 100).astype(np.uint8)).repeat(9, 1, 1)
    image = 1 - 4 * mask.float()
    rotated, labels = rotate_patches(image, mask, torch.ones(9), rotations(9), "nearest")
    both = ((rotated < -1) & (labels == 1)).sum((1, 2))
    assert (2 * both / ((rotated < -1).sum((1, 2)) + labels.sum((1, 2))) > 0.97).all()


@pytest.mark.parametrize(
    ("rule", "radius_px", "change", "tolerance"),
    [
        ("nearest", 10, 0.0, 0.01),
        ("nearest", 20, 0.0, 0.01),
        # Measured with the published code, scikit-image's rotation.
        ("published", 10, -0.125, 0.02),
        ("published", 20, -0.065, 0.01),
    ],
)
def test_area_of_a_turned_particle(rule, radius_px, change, tolerance):
    mask = disc(radius_px).repeat(40, 1, 1)
    _, rotated = rotate_patches(mask.float(), mask, torch.zeros(40), rotations(40), rule)
    area = rotated.sum((1, 2)).double().mean() / mask[0].sum()
    assert float(area) - 1 == pytest.approx(change, abs=tolerance)


def test_what_comes_in_from_outside_is_background(discs):
    """Noise included: a flat patch at its background stays flat where no noise is."""
    level = torch.full((4, 32, 32), 2.5)
    mask = torch.zeros(4, 32, 32, dtype=torch.uint8)
    rotated, labels = rotate_patches(level, mask, torch.full((4,), 2.5), rotations(4), "nearest")
    assert torch.allclose(rotated, level, atol=1e-5)
    assert not labels.any()


def test_the_background_is_rescaled_with_the_noisy_image():
    flat = DevicePatches(
        torch.full((1, 64, 64), 3.0, dtype=torch.float16),
        torch.zeros(1, 64, 64, dtype=torch.uint8),
        torch.tensor([3.0]),
    )
    sample = samples([0], passes=2, noise=TrainingNoise(rho=2))
    x, _ = augment(flat, sample, rotation_probability=1, label_rotation="nearest")
    corners = x[0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.numpy() == pytest.approx(3 / 5**0.5)
    assert x[0, 16:48, 16:48].mean().item() == pytest.approx(3 / 5**0.5, abs=0.1)


@pytest.mark.parametrize("rule", ["nearest", "published"])
def test_both_implementations_turn_alike(discs, rule):
    images, masks = torch.from_numpy(discs.images).float(), torch.from_numpy(discs.masks)
    affine = sample_augmentations(samples(range(len(images))), rotation_probability=0.5).affine
    given = images, masks, torch.from_numpy(discs.background), affine, rule
    (ours, ours_mask), (theirs, theirs_mask) = rotate_patches(*given), rotate_in_torch(*given)
    assert torch.allclose(ours, theirs, atol=2e-4)
    assert (ours_mask != theirs_mask).float().mean() < 1e-3


def test_both_implementations_add_the_same_noise():
    few = samples(range(5))
    draws = sample_augmentations(few, 0.0)
    images = torch.linspace(-1, 1, 5 * 30 * 35).view(5, 30, 35)  # not a multiple of four
    theirs = add_noise_in_torch(images, draws.noise_std, draws.keys)
    assert torch.allclose(add_noise(images.clone(), draws.noise_std, draws.keys), theirs, atol=1e-6)


@given(rho=st.floats(0.05, 3), seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_noise_keeps_a_standardized_image_standardized(rho, seed):
    image = torch.from_numpy(np.random.default_rng(seed).standard_normal((1, 128, 128), np.float32))
    chosen = sample_augmentations(samples([0], seed=seed, noise=TrainingNoise(rho=rho)), 0.0)
    noisy = add_noise(image.clone(), chosen.noise_std, chosen.keys)
    assert abs(noisy.mean()) < 0.05
    assert noisy.std().item() == pytest.approx(1, abs=0.03)
    # The image is what remains of it: correlation 1 / sqrt(1 + rho^2).
    correlation = np.corrcoef(noisy.ravel(), image.ravel())[0, 1]
    assert correlation == pytest.approx(1 / np.hypot(1, rho), abs=0.03)


def test_noise_is_white_and_normal():
    zeros = torch.zeros(16, 128, 128)
    white = add_noise(
        zeros, np.full(16, 1, np.float32), sample_augmentations(samples(range(16)), 0.0).keys
    )
    white = white.numpy() * 2**0.5
    assert white.var() == pytest.approx(1, abs=0.01)
    assert (white**4).mean() == pytest.approx(3, abs=0.06)
    for shifted in (
        np.roll(white, 1, axis=2),
        np.roll(white, 1, axis=1),
        np.roll(white, 1, axis=0),
    ):
        assert abs(np.mean(white * shifted)) < 0.01


def test_uniform_noise_varies_between_samples_and_stays_below_its_bound():
    stds = sample_augmentations(
        samples(np.arange(500), noise=TrainingNoise(mode="uniform", rho=2)), 0.0
    ).noise_std
    assert 0 <= stds.min() < 0.1 and 1.9 < stds.max() < 2
    assert stds.mean() == pytest.approx(1, abs=0.08)


def test_without_noise_a_validation_image_is_the_patch(discs):
    x, y = add_noise_only(to_device(discs, "cpu"), samples([4, 2], noise=TrainingNoise()))
    assert np.array_equal(x, discs.images[[4, 2]].astype(np.float32))
    assert np.array_equal(y, discs.masks[[4, 2]])
