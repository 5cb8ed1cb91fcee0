"""Training: the published loop, ours, and MONAI, on generated patches.

    python benchmarks/training.py --json FILE [--quick]

MONAI (extra `bench`) is left out where it is not installed. Every arm runs in fresh processes
with one thread, arms in turn and in reversed order every other round. CPU seconds count the
processes that a loader starts. Five questions:

throughput  128 px, batches of 32, each patch eight times an epoch, one validation an epoch:
            images through one network, training and validation alike, a CPU second. Ours
            trains four networks at once. `ceiling` is ours on a batch that never changes.
packs       The same of steps by how many networks make a pack.
time        128 px (--quick: 32 px): CPU seconds of a network until its validation Dice reaches
            that of the published loop at the end, and how both kinds of networks do at another
            dose. The loop ends where it has stopped to gain (`plateau`), or after 250 epochs;
            an hour a round. Dice is over all pixels of the patches, for both the same.
memory      what the patches take, and a whole process while it trains, a network.
inference   CPU seconds for a whole micrograph of 4096 px.

CPU seconds of a shared machine vary; ratios of one round are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import ONE_THREAD, cpu_name, in_fresh_process, median_and_interval
from numpy.typing import NDArray
from torch import nn
from training_arms import ours, port
from training_arms.patches import patches

from hrtem_shift.execution.devices import disable_malloc_trim
from hrtem_shift.networks.architectures import new_network
from hrtem_shift.networks.prediction import predict_masks
from hrtem_shift.networks.weights import network_from, weights_of
from hrtem_shift.training.recipe import Recipe

MEMBERS = 4
PACKS = (1, 2, 3, 4, 6, 8)
N_VALIDATION = 8
PLATEAU_EPOCHS, PLATEAU_GAIN, LEAST_EPOCHS = 25, 0.003, 100
NOISE, OTHER_NOISE = 0.7, 1.4
PUBLISHED, FAST = (Recipe.model_validate({"name": name}) for name in ("published", "fast"))
THROUGHPUT = ("port", "ours", "ours_float32", "ceiling", *(["monai"] if find_spec("monai") else []))


Part = tuple[dict[str, Any], dict[str, dict[str, float]]]
"""What was measured of each arm, and ratios."""


def main() -> None:
    """Run the parts, print and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, help="measure these again and keep the rest of FILE"
    )
    options = parser.parse_args()
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    machine = {"cpu": cpu_name(), "torch": version("torch"), "load": {}}
    result = {"machine": machine, "arms": {}, "ratios": {}}
    if options.only and options.json.exists():
        result = json.loads(options.json.read_text("utf-8"))
    for part in options.only or PARTS:
        arms, ratios = PARTS[part](options.quick)
        result["arms"] |= arms
        result["ratios"] |= ratios
        result["machine"]["load"][part] = os.getloadavg()[0]
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def throughput(quick: bool) -> Part:
    """Images through one network a CPU second, of each arm."""
    speed = throughput_rounds(rounds=2 if quick else 5, n_train=12 if quick else 32)
    ratios = {
        "throughput_vs_port": ratio(speed, "ours", "port"),
        "throughput_float32_vs_port": ratio(speed, "ours_float32", "port"),
        "throughput_of_ceiling": ratio(speed, "ours", "ceiling"),
    }
    if "monai" in speed:
        ratios["throughput_vs_monai"] = ratio(speed, "ours", "monai")
    arms = {
        arm: {key: median_and_interval([row[key] for row in rows]) for key in rows[0]}
        for arm, rows in speed.items()
    }
    return arms, ratios


def time(quick: bool) -> Part:
    """CPU seconds until a network is as good as one that was trained as published."""
    rows = time_to_dice(1, n_train=16, size=32) if quick else time_to_dice(2)
    ratios = {"time_to_dice_vs_port": median_and_interval([row["ratio"] for row in rows])}
    return {"time_to_dice": rows}, ratios


def packs(quick: bool) -> Part:
    """Images a CPU second by how many networks are trained as one, on a batch that stays."""
    rates: dict[str, list[float]] = {f"pack_of_{members}": [] for members in PACKS}
    for _ in range(1 if quick else 3):
        for name, members in zip(rates, PACKS, strict=True):
            rates[name].append(in_fresh_process(pack_images_per_cpu_s, members))
    return {name: {"images_per_cpu_s": median_and_interval(n)} for name, n in rates.items()}, {}


def memory(quick: bool) -> Part:
    """Memory that the patches take, and that a process takes for each network it trains."""
    held = {arm: in_fresh_process(held_MiB, arm) for arm in ("port", "ours")}
    whole = {arm: in_fresh_process(training_MiB, arm) for arm in ("port", "ours", "nothing")}
    each = {"port": whole["port"], "ours": whole["ours"] / MEMBERS}
    ratios = {
        "memory_vs_port": median_and_interval([held["port"] / held["ours"]]),
        "process_memory_vs_port": median_and_interval([each["port"] / each["ours"]]),
    }
    return {"patches_held_MiB": held, "process_MiB": whole}, ratios


def inference(quick: bool) -> Part:
    """CPU seconds for a whole micrograph."""
    return {"inference": in_fresh_process(inference_s, 2048 if quick else 4096)}, {}


PARTS = {
    "throughput": throughput,
    "packs": packs,
    "time": time,
    "memory": memory,
    "inference": inference,
}


def throughput_rounds(rounds: int, n_train: int) -> dict[str, list[dict[str, float]]]:
    """Images a CPU second, and the largest memory, of each arm and round."""
    records: dict[str, list[dict[str, float]]] = {arm: [] for arm in THROUGHPUT}
    for round_ in range(rounds):
        for arm in THROUGHPUT if round_ % 2 == 0 else reversed(THROUGHPUT):
            row = in_fresh_process(images_per_cpu_s, arm, n_train)
            records[arm].append(row)
            print(f"round {round_}: {arm:12s} {row['images_per_cpu_s']:.1f} a CPU-s", flush=True)
    return records


def images_per_cpu_s(arm: str, n_train: int) -> dict[str, float]:
    """Two epochs, after one of two patches that loads and compiles what is needed."""
    run(arm, 2, epochs=1)
    start = cpu_s()
    images = run(arm, n_train, epochs=2)
    return {"images_per_cpu_s": images / (cpu_s() - start), "peak_MiB": peak_MiB()}


def pack_images_per_cpu_s(members: int) -> float:
    """Steps of 16 patches of 128 px a network, after two."""
    disable_malloc_trim()
    ours.steps_without_data(128, members, 16, steps=2)
    start = cpu_s()
    ours.steps_without_data(128, members, 16, steps=12)
    return 12 * 16 * members / (cpu_s() - start)


def training_MiB(arm: str) -> float:
    """Largest memory of the processes of a short training of 64 patches of 128 px."""
    if arm != "nothing":
        run(arm, 64, epochs=1)
    return peak_MiB()


def run(arm: str, n_train: int, epochs: int) -> int:
    """Train on patches of 128 px; how many images went through a network."""
    n_validation = max(2, n_train // 7)
    images, masks = patches(n_train + n_validation, 128, seed=1, noise=NOISE)
    if arm == "port":
        parts = slice(n_train), slice(n_train, None)
        training, validation = (
            port.Patches(images[part], masks[part], augmented=part is parts[0]) for part in parts
        )
        port.train(new_network(0), training, validation, epochs)
        return epochs * (len(training) + len(validation))
    if arm == "monai":
        from training_arms import with_monai

        with_monai.train(images[:n_train], masks[:n_train], epochs)
        return epochs * 8 * n_train
    disable_malloc_trim()
    if arm == "ceiling":
        steps = epochs * -(-8 * n_train // PUBLISHED.batch_size)
        ours.steps_without_data(128, MEMBERS, PUBLISHED.batch_size, steps)
        return MEMBERS * steps * PUBLISHED.batch_size
    changes = {"epochs": epochs} | ({"precision": "float32"} if arm == "ours_float32" else {})
    recipe = PUBLISHED.model_copy(update=changes)
    ours.train(ours.device_patches(images, masks), n_train, MEMBERS, recipe)
    return epochs * MEMBERS * (8 * n_train + n_validation)


def time_to_dice(rounds: int, n_train: int = 24, size: int = 128) -> list[dict[str, float]]:
    """Seconds to the Dice that the published loop ends with, and Dice at the other dose."""
    rows = []
    for round_ in range(rounds):
        port_run = in_fresh_process(port_curve, round_, n_train, size)
        target = float(np.mean(port_run["dice"][-PLATEAU_EPOCHS:]))
        own_run = in_fresh_process(own_curve, round_, n_train, size)
        seconds = [first_s(one["dice"], one["cpu_s"], target) for one in (port_run, own_run)]
        rows.append(
            {
                "target_dice": target,
                "port_epochs": len(port_run["dice"]),
                "port_cpu_s": seconds[0],
                "ours_cpu_s": seconds[1],
                "ratio": seconds[0] / seconds[1],
                "whole_training_ratio": port_run["cpu_s"][-1] / own_run["cpu_s"][-1],
                "ours_final_dice": own_run["dice"][-1],
                "port_other_dose_dice": port_run["other_dice"],
                "ours_other_dose_dice": own_run["other_dice"],
            }
        )
        print(f"round {round_}: {rows[-1]}", flush=True)
    return rows


def first_s(dice: list[float], seconds: list[float], target: float) -> float:
    """When a curve first reaches the target; infinite if it does not."""
    return next((s for d, s in zip(dice, seconds, strict=True) if d >= target), float("inf"))


def plateau(dice: list[float]) -> bool:
    """Whether the last epochs are hardly better than as many before them."""
    if len(dice) < LEAST_EPOCHS:
        return False
    before, last = np.split(np.array(dice[-2 * PLATEAU_EPOCHS :]), 2)
    return bool(last.mean() - before.mean() < PLATEAU_GAIN)


def port_curve(round_: int, n_train: int, size: int) -> dict[str, Any]:
    """Validation Dice and CPU seconds of each epoch of the published loop, one network."""
    images, masks = patches(n_train + N_VALIDATION, size, seed=100 + round_, noise=NOISE)
    network, best = new_network(round_), [np.inf, {}]
    dices, seconds, start, looking_s = [], [], cpu_s(), 0.0

    def look(loss: float) -> bool:
        nonlocal looking_s
        looked = cpu_s()
        seconds.append(looked - start - looking_s)
        dices.append(dice_of(network, images[n_train:], masks[n_train:]))
        if loss < best[0]:
            best[:] = loss, weights_of(network)
        print(f"  epoch {len(dices)}: {dices[-1]:.3f} after {seconds[-1]:.0f} CPU-s", flush=True)
        looking_s += cpu_s() - looked
        return not plateau(dices)

    training = port.Patches(images[:n_train], masks[:n_train], augmented=True)
    validation = port.Patches(images[n_train:], masks[n_train:], augmented=False)
    port.train(network, training, validation, PUBLISHED.epochs, look)
    return {"dice": dices, "cpu_s": seconds, "other_dice": other_dice(best[1], round_, size)}


def own_curve(round_: int, n_train: int, size: int) -> dict[str, Any]:
    """The same of the fast recipe: mean of four networks, and a network's share of the time."""
    images, masks = patches(n_train + N_VALIDATION, size, seed=100 + round_, noise=NOISE)
    disable_malloc_trim()
    ours.train(
        ours.device_patches(images[:4], masks[:4]), 2, MEMBERS, FAST.model_copy(update=ONE_EPOCH)
    )
    dices: list[list[float]] = []
    seconds: list[float] = []
    start = cpu_s()

    def look(member: int, row: dict[str, float]) -> None:
        if member == 0:
            dices.append([])
            seconds.append((cpu_s() - start) / MEMBERS)
        dices[-1].append(row["validation_dice"])

    trained = ours.train(ours.device_patches(images, masks), n_train, MEMBERS, FAST, look)
    other = [other_dice(one.weights, round_, size) for one in trained]
    dice = [float(np.mean(each)) for each in dices]
    return {"dice": dice, "cpu_s": seconds, "other_dice": float(np.mean(other))}


ONE_EPOCH = {"epochs": 1, "passes_per_epoch": 1}


def other_dice(weights: Any, round_: int, size: int) -> float:
    """Dice on 64 patches of twice the noise."""
    return dice_of(network_from(weights), *patches(64, size, seed=900 + round_, noise=OTHER_NOISE))


def dice_of(network: nn.Module, images: NDArray, masks: NDArray) -> float:
    """Hard Dice over all pixels of some patches, as validation of ours has it."""
    found = predict_masks(network.eval(), images)
    return float(2 * (found & (masks == 1)).sum() / (found.sum() + masks.sum()))


def held_MiB(arm: str) -> float:
    """Memory that 64 patches of 256 px take where they are trained on."""
    images, masks = patches(64, 256, seed=1, noise=NOISE)
    if arm == "port":
        held = port.Patches(images, masks, augmented=True)
        return (held.images.nbytes + held.labels.nbytes) / 2**20
    patch_set = ours.device_patches(images, masks)
    arrays = (patch_set.images, patch_set.masks, patch_set.background)
    return sum(one.nbytes for one in arrays) / 2**20


def inference_s(edge_px: int) -> dict[str, float]:
    """CPU seconds for a whole micrograph of 4096 px, scaled up from a smaller one."""
    disable_malloc_trim()
    network = new_network(0).eval()
    image = np.random.default_rng(0).standard_normal((1, edge_px, edge_px)).astype(np.float32)

    def seconds(precision: torch.dtype) -> float:
        start = cpu_s()
        predict_masks(network, image, precision=precision)
        return (cpu_s() - start) * (4096 / edge_px) ** 2

    precisions = {"bfloat16_cpu_s": torch.bfloat16, "float32_cpu_s": torch.float32}
    return {
        name: float(np.median([seconds(precision) for _ in range(3)]))
        for name, precision in precisions.items()
    }


def ratio(records: dict[str, list[dict[str, float]]], arm: str, other: str) -> dict[str, float]:
    """Images a second of one arm over another's, round by round."""
    pairs = zip(records[arm], records[other], strict=True)
    key = "images_per_cpu_s"
    return median_and_interval([mine[key] / its[key] for mine, its in pairs])


def cpu_s() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def peak_MiB() -> float:
    """Largest resident memory so far of this process and its largest child."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(who).ru_maxrss for who in whose) / 1024


if __name__ == "__main__":
    main()
