"""Exit waves, images and whole database items: ours, abTEM, and a first script in torch.

    python benchmarks/simulation.py --json FILE [--quick]

Needs the extra `bench`. Scene: a 5 nm gold sphere on 10.24 x 10.24 x 5 nm of carbon, about 61,600
atoms, 300 kV, 512 x 512 pixels of 0.02 nm, slices of 0.2 nm. Every job of every arm runs in
a fresh process with one thread, arms in turn and in reversed order every other round;
compilation and planning are not counted but stand beside as `first_s`. CPU seconds of a shared
machine vary; ratios of one round are what counts.
"""

from __future__ import annotations

import argparse
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from measuring import ONE_THREAD, cpu_name, in_fresh_process, median_and_interval, summary
from numpy.typing import NDArray
from simulation_arms import stopwatch
from simulation_arms.task import ENERGY_keV, FIELD_nm, SLICE_nm

from hrtem_shift.microscope.electrons import wavelength_nm

JOBS: dict[str, tuple[str, ...]] = {
    "exit_wave": ("ours", "abtem_script", "naive_torch"),
    "joint_images": ("ours", "abtem_script", "abtem_numpy"),
    "database_item": ("ours", "abtem_script"),
}
RATIOS = {
    "exit_wave_vs_abtem": ("exit_wave", "abtem_script"),
    "exit_wave_vs_naive_torch": ("exit_wave", "naive_torch"),
    "joint_imaging_vs_abtem": ("joint_images", "abtem_script"),
    "joint_imaging_vs_abtem_numpy": ("joint_images", "abtem_numpy"),
    "database_item_vs_abtem": ("database_item", "abtem_script"),
}
REFERENCE_PIXELS = 2048
BANDS_per_nm = (10.0, 16.0)
UNDERFOCUS_nm = 5.0


def main() -> None:
    """Run the jobs, print a table and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ONE_THREAD})
    records = measure(rounds=2 if options.quick else 9)
    errors = image_errors(second_opinion=not options.quick)
    distances = image_distances()
    result = {
        "machine": {
            "cpu": cpu_name(),
            "load": os.getloadavg()[0],
            **{name: version(name) for name in ("torch", "abtem", "numpy")},
        },
        "arms": {
            arm: {job: summary(rows) for job, rows in jobs.items()}
            | errors.get(arm, {})
            | distances.get(arm, {})
            for arm, jobs in records.items()
        },
        "ratios": {key: ratio(records, *of) for key, of in RATIOS.items()},
    }
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(json.dumps(result, indent=1))


def measure(rounds: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Seconds of each arm, job and round."""
    records: dict[str, dict[str, list[dict[str, float]]]] = {}
    for round_ in range(rounds):
        for job, arms in JOBS.items():
            for arm in arms if round_ % 2 == 0 else reversed(arms):
                row = in_fresh_process(getattr(stopwatch, job), arm, round_)
                records.setdefault(arm, {}).setdefault(job, []).append(row)
                print(f"round {round_}: {job:14s} {arm:13s} {row['cpu_s']:.3f} CPU-s", flush=True)
    return records


def ratio(
    records: dict[str, dict[str, list[dict[str, float]]]], job: str, arm: str
) -> dict[str, float]:
    """Seconds of another arm over ours, round by round: above 1, ours is faster."""
    pairs = zip(records[arm][job], records["ours"][job], strict=True)
    return median_and_interval([other["cpu_s"] / own["cpu_s"] for other, own in pairs])


def image_errors(second_opinion: bool) -> dict[str, dict[str, Any]]:
    """How far waves and images at 512 pixels are from a reference at 2048 pixels."""
    references = {"image_error": "ours"}
    if second_opinion:
        references["image_error_against_abtem"] = "abtem_script"
    errors: dict[str, dict[str, Any]] = {}
    for key, arm in references.items():
        fine = spectrum(arm, REFERENCE_PIXELS)
        for other in JOBS["exit_wave"]:
            coarse = spectrum(other, stopwatch.PIXELS)
            errors.setdefault(other, {})[key] = {
                f"up to {band / 10:g} per Å": {
                    "wave": distance(within(coarse, band), within(fine, band)),
                    "image": distance(
                        intensity(within(coarse, band)), intensity(within(fine, band))
                    ),
                }
                for band in BANDS_per_nm
            }
    return errors


def spectrum(arm: str, pixels: int) -> NDArray[np.complex128]:
    """Fourier transform of an arm's wave at the exit plane, on the frequencies of 512 pixels.

    Ours lets the wave leave from the middle of the last slice; the others count from its
    entrance, and are propagated back by half a slice.
    """
    wave = in_fresh_process(stopwatch.wave_of, arm, 0, pixels)
    keep = np.fft.fftfreq(stopwatch.PIXELS, 1 / stopwatch.PIXELS).astype(int)
    cropped = np.fft.fft2(wave, norm="forward")[np.ix_(keep, keep)].astype(np.complex128)
    return cropped if arm == "ours" else propagated(cropped, -SLICE_nm / 2)


def propagated(spectrum: NDArray[np.complex128], way_nm: float) -> NDArray[np.complex128]:
    """Transform of the wave that much further along the beam."""
    return spectrum * np.exp(-1j * np.pi * wavelength_nm(ENERGY_keV) * way_nm * q_per_nm() ** 2)


def within(spectrum: NDArray[np.complex128], band_per_nm: float) -> NDArray[np.complex128]:
    """The transform up to a frequency."""
    return np.where(q_per_nm() <= band_per_nm, spectrum, 0)


def intensity(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Image of an ideal lens at underfocus: it looks back into the specimen."""
    return np.abs(np.fft.ifft2(propagated(spectrum, -UNDERFOCUS_nm), norm="forward")) ** 2


def q_per_nm() -> NDArray[np.float64]:
    """Frequency of each sample of a transform of 512 x 512 pixels."""
    q = np.fft.fftfreq(stopwatch.PIXELS, FIELD_nm / stopwatch.PIXELS)
    return np.hypot(q[:, None], q[None, :])


def image_distances() -> dict[str, dict[str, float]]:
    """Relative distance between ours and abTEM's images of one wave, the largest of eight.

    About their means, since ours keeps the electrons that the envelope takes as background.
    """
    wave = in_fresh_process(stopwatch.wave_of, "ours", 0, stopwatch.PIXELS)
    own, *others = (
        in_fresh_process(stopwatch.images_of, arm, wave, 8) for arm in JOBS["joint_images"]
    )
    largest = (
        max(distance(b - b.mean(), a - a.mean()) for a, b in zip(own, other, strict=True))
        for other in others
    )
    return {
        arm: {"image_distance_to_ours": far}
        for arm, far in zip(JOBS["joint_images"][1:], largest, strict=True)
    }


def distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Relative L2."""
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


if __name__ == "__main__":
    main()
