"""What a study of simulated sets would cost, computed from rates before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hrtem_shift.errors import InputError
from hrtem_shift.pipelines.simulation.exit_waves import DECIDES_A_WAVE
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet
from hrtem_shift.pipelines.study import Study

WAVE_BYTES, PATCH_BYTES, NETWORK_BYTES, TEST_BYTES = 13, 3, 4 * 130_682, 4096
"""Of a pixel of a wave with its label maps and of a patch with its mask; of a network, a test."""


class _Networks(NamedTuple):
    """Networks of one set that are tested alike."""

    train_set: str
    number: int
    ways: int
    """How often each is tested on each set: as trained, with the same noise, with mixed norms."""
    particles: bool
    """Whether whole micrographs are segmented, too."""


def cost_of(study: Study, sets: Mapping[str, SimulatedSet]) -> str:
    """Networks, tests, images, bytes, hours and dollars of a study, as a table in text.

    Parameters
    ----------
    study : Study
        Its networks, tests and rates.
    sets : mapping
        Simulated sets by name. Tests on sets of the study that are not among them, which are
        recorded, are named and not counted.

    Raises
    ------
    InputError
        A set that networks are trained on is not simulated: its images are not known.

    Notes
    -----
    Every patch is counted, as if none showed too little particle: an upper bound.
    """
    recorded = [name for name in (*study.data_sets, *study.test_sets) if name not in sets]
    if not study.data_sets or set(recorded) & set(study.data_sets):
        raise InputError(
            "a dry run, but networks are trained on recorded micrographs",
            where="dry_run of the study",
            why="Cost is counted from scenes and pixels of simulated sets",
            fix="Run without dry_run; finished parts of a run are kept when it is stopped",
        )
    rates, recipe = study.rates, study.recipe
    sets = {name: sets[name] for name in (*study.data_sets, *study.test_sets) if name in sets}
    waves, wave_px = _waves(sets)
    images = {name: each.scenes * each.images_per_scene for name, each in sets.items()}
    side_px = {name: each.multislice.pixels for name, each in sets.items()}
    patch_px = study.preparation.patch_px**2
    patches = {name: images[name] * _patches(study, each) for name, each in sets.items()}
    variants = len(study.preparations())
    trained = tested = n_networks = n_tests = 0.0
    for networks in _networks(study):
        train_set = networks.train_set
        learned_from = patches[train_set] * (1 - 1 / study.folds)
        shown = recipe.patches_per_epoch or learned_from * recipe.passes_per_epoch
        epoch_px = (shown + study.validation_fraction * learned_from) * patch_px
        n_networks += networks.number
        trained += networks.number * recipe.epochs * epoch_px
        n_tests += networks.number * networks.ways * (len(sets) + len(recorded))
        for test_set, of_set in patches.items():
            share = 1 / study.folds if _shares_scenes(sets, train_set, test_set) else 1
            on = min(of_set * share, study.patches_per_test or of_set) * patch_px * networks.ways
            whole = images[test_set] * share * side_px[test_set] ** 2 * networks.particles
            tested += networks.number * (on + whole)
    imaged_px = sum(images[name] * side_px[name] ** 2 for name in sets)
    n_images = sum(images.values())
    rows = {  # count, bytes, hours
        "exit waves": (waves, wave_px * WAVE_BYTES, wave_px / rates.simulated_px),
        "images": (
            n_images,
            variants * sum(patches.values()) * patch_px * PATCH_BYTES,
            imaged_px / rates.imaged_px,
        ),
        "networks": (n_networks, n_networks * NETWORK_BYTES, trained / rates.trained_px),
        "tests": (n_tests, n_tests * TEST_BYTES, tested / rates.tested_px),
    }
    gigabytes = sum(size for _, size, _ in rows.values()) / 1e9
    seconds = sum(spent for _, _, spent in rows.values())
    hours = seconds / 3600
    lines = [
        f"Dry run: nothing was done. Rates: {rates.device}",
        f"  data sets    {len(sets) + len(recorded):>10,}   ({len(study.data_sets)} trained on)",
        *(
            f"  {name:<12} {count:>10,.0f}   {size / 1e9:10.2f} GB {spent / 3600:10.2f} h"
            for name, (count, size, spent) in rows.items()
        ),
        *(f"  not counted: tests on {name}, which is recorded" for name in recorded),
        f"  in all       {gigabytes:10.1f} GB, {hours:.1f} device-hours "
        f"({seconds / n_networks:.1f} s a network), "
        f"{hours * rates.dollars_per_hour:,.1f} dollars at {rates.dollars_per_hour:g} an hour",
    ]
    return "\n".join(lines)


def _waves(sets: Mapping[str, SimulatedSet]) -> tuple[int, int]:
    """Number of exit waves, each phonon configuration counted, and their pixels.

    Sets that share scenes share waves.
    """
    shared: dict[tuple[str, str], tuple[int, int]] = {}
    for name, each in sets.items():
        key = each.scenes_from or name, each.model_dump_json(include=DECIDES_A_WAVE)
        count = each.scenes * max(1, each.multislice.phonon_configurations)
        shared[key] = max(shared.get(key, (0, 0)), (count, count * each.multislice.pixels**2))
    return sum(count for count, _ in shared.values()), sum(px for _, px in shared.values())


def _patches(study: Study, simulated: SimulatedSet) -> int:
    """Patches of an image."""
    pixel_size_nm = study.preparation.pixel_size_nm
    side_px = (
        round(simulated.scene.field_nm / pixel_size_nm)
        if pixel_size_nm
        else simulated.multislice.pixels
    )
    return int(side_px // study.preparation.patch_px) ** 2


def _shares_scenes(sets: Mapping[str, SimulatedSet], train_set: str, test_set: str) -> bool:
    first, second = (sets[name].scenes_from for name in (train_set, test_set))
    return train_set == test_set or (first is not None and first == second)


def _networks(study: Study) -> Iterator[_Networks]:
    folds = study.train_folds or study.folds
    plain = 1 + len(study.mixed_norms)
    per_set = folds * study.seeds * len(study.preparations()) * study.recipes_compared
    for name in study.data_sets:
        yield _Networks(name, per_set, plain, study.particles)
        yield _Networks(name, study.trials, 0, False)
    for axis in study.noise:
        for noise in axis.noises():
            if noise.rho > 0:
                yield _Networks(axis.train_set, axis.seeds, 1 + (noise.mode == "fixed"), False)
            else:  # the first seeds are in the matrix
                more = axis.seeds - study.seeds * (axis.fold < folds)
                yield _Networks(axis.train_set, max(0, more), plain, study.particles)
