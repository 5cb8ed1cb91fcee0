"""Augmentation is a pure function of (seed, epoch, patch)."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hrtem_shift.training.augmentation import add_noise, augment, rotate
from hrtem_shift.training.recipe import TrainingNoise


def run(discs, patches, **changes):
    arguments = {
        "epoch": 1,
        "seed": 9,
        "noise": TrainingNoise(mode="uniform", rho=0.7),
        "rotation_probability": 0.5,
    } | changes
    arrays = discs.images, discs.masks, discs.background
    return augment(*arrays, patches=np.array(patches), **arguments)


def test_a_sample_is_the_same_alone_and_in_any_batch(discs):
    x, y = run(discs, range(12))
    for patch in (11, 3, 7):
        alone = run(discs, [patch])
        assert torch.equal(alone[0][0], x[patch])
        assert torch.equal(alone[1][0], y[patch])


@pytest.mark.parametrize("change", [{"epoch": 2}, {"seed": 10}])
def test_another_epoch_or_seed_draws_anew(discs, change):
    assert not torch.equal(run(discs, range(6))[0], run(discs, range(6), **change)[0])


def test_the_data_set_is_never_written_to(discs):
    before = discs.fingerprint
    run(discs, range(12), rotation_probability=1.0)
    del discs.__dict__["fingerprint"]
    assert discs.fingerprint == before


def test_without_noise_and_rotation_only_the_eight_dihedral_images_occur(discs):
    image = discs.images[0].astype(np.float32)
    eight = [np.rot90(i, k) for k in range(4) for i in (image, image[:, ::-1])]
    seen = set()
    for epoch in range(60):
        x, y = run(discs, [0], epoch=epoch, noise=TrainingNoise(), rotation_probability=0.0)
        match = [i for i, other in enumerate(eight) if np.array_equal(x[0, 0], other)]
        assert len(match) == 1
        assert int(y.sum()) == int(discs.masks[0].sum())
        seen.add(match[0])
    assert seen == set(range(8))


def test_image_and_mask_turn_together():
    """The mask of a turned disc is where the turned disc is."""
    y, x = np.mgrid[:64, :64]
    mask = (y - 20) ** 2 + (x - 34) ** 2 < 100
    image = torch.from_numpy(np.where(mask, -3.0, 1.0).astype(np.float32))[None, None]
    label = torch.from_numpy(mask.astype(np.uint8))[None]
    for angle in np.linspace(0.1, 6.2, 9):
        turned, turned_label = rotate(image, label, np.array([angle]), torch.ones(1))
        found = turned[0, 0].numpy() < -1
        agreement = 2 * (found & (turned_label[0].numpy() == 1)).sum()
        assert agreement / (found.sum() + turned_label.sum().item()) > 0.97


@pytest.mark.parametrize("radius_px", [10, 20])
def test_a_turned_particle_keeps_its_area(radius_px):
    """The published code floors a bilinear mask: -12.5 % at 10 px, -6.5 % at 20 px."""
    y, x = np.mgrid[:64, :64] - 31.5
    mask = torch.from_numpy((y**2 + x**2 < radius_px**2).astype(np.uint8))[None]
    angles = np.linspace(0.1, 6.2, 16)
    _, turned = rotate(torch.zeros(16, 1, 64, 64), mask.expand(16, -1, -1), angles, torch.zeros(16))
    change = turned.sum(dim=(1, 2)).double().mean().item() / mask.sum().item() - 1
    assert abs(change) < 0.01


def test_what_comes_in_from_outside_is_background():
    image = torch.full((1, 1, 32, 32), 2.5)
    turned, _ = rotate(
        image, torch.zeros(1, 32, 32, dtype=torch.uint8), np.array([0.7]), torch.tensor([2.5])
    )
    assert torch.allclose(turned, image, atol=1e-5)


@given(rho=st.floats(0.05, 3), seed=st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_noise_keeps_a_standardized_image_standardized(rho, seed):
    rng = np.random.default_rng(seed)
    image = rng.standard_normal((128, 128)).astype(np.float32)
    noisy = add_noise(image, TrainingNoise(rho=rho), rng)
    assert noisy.dtype == np.float32
    assert abs(noisy.mean()) < 0.05
    assert noisy.std() == pytest.approx(1, abs=0.03)
    # The image is what remains of it: correlation 1 / sqrt(1 + rho^2).
    correlation = np.corrcoef(noisy.ravel(), image.ravel())[0, 1]
    assert correlation == pytest.approx(1 / np.hypot(1, rho), abs=0.03)


def test_uniform_noise_varies_between_samples_and_stays_below_its_bound():
    image = np.zeros((64, 64), np.float32)
    stds = [
        float(add_noise(image, TrainingNoise(mode="uniform", rho=2), rng).std())
        for rng in map(np.random.default_rng, range(200))
    ]
    added = np.tan(np.arcsin(np.clip(stds, 0, 1)))  # s / sqrt(1 + s^2) back to s
    assert max(stds) < 1.04 * 2 / np.hypot(1, 2)  # of 4,096 pixels, 3.6 standard errors
    assert np.mean(added) == pytest.approx(1.0, abs=0.12)


def test_no_noise_returns_the_image_itself():
    image = np.ones((4, 4), np.float32)
    assert add_noise(image, TrainingNoise(), np.random.default_rng(0)) is image
