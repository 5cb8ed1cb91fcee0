"""MONAI: its U-Net and trainer, patches cached, rotated and flipped by its transforms."""

from __future__ import annotations

import torch
from monai.data import CacheDataset, DataLoader
from monai.engines import SupervisedTrainer
from monai.networks.nets import UNet
from monai.transforms import Compose, RandFlipd, RandRotate90d, RandRotated, ToTensord
from numpy.typing import NDArray

KEYS = ("image", "label")
BATCH, LEARNING_RATE = 32, 1e-4


def train(images: NDArray, masks: NDArray, epochs: int) -> None:
    """Train one network, each patch eight times an epoch, in this process."""
    transforms = Compose(
        [
            RandFlipd(KEYS, prob=0.5, spatial_axis=0),
            RandRotate90d(KEYS, prob=0.75),
            RandRotated(KEYS, range_x=3.1416, prob=0.5, mode=("bilinear", "nearest")),
            ToTensord(KEYS),
        ]
    )
    pairs = [
        {"image": image[None].astype("float32"), "label": mask[None].astype("int64")}
        for image, mask in zip(images, masks, strict=True)
    ]
    data = CacheDataset(pairs * 8, transforms, cache_rate=1.0, num_workers=0, progress=False)
    network = UNet(2, 1, 2, (4, 8, 16, 32, 64), (2, 2, 2, 2), num_res_units=2, norm="batch")
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=epochs,
        train_data_loader=DataLoader(data, batch_size=BATCH, shuffle=True, num_workers=0),
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=LEARNING_RATE),
        loss_function=lambda logits, label: torch.nn.functional.cross_entropy(
            logits, label[:, 0].long()
        ),
    )
    trainer.run()
