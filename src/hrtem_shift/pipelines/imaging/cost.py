"""What an imaging study would cost, computed from rates before anything starts."""

from __future__ import annotations

from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet

WAVE_BYTES, PATCH_BYTES, NETWORK_BYTES, TEST_BYTES = 13, 3, 4 * 130_682, 4096
"""Of a pixel of a wave with its label maps and of a patch with its mask; of a network, a test."""


def cost_of(study: ImagingStudy, template: SimulatedSet) -> str:
    """Networks, tests, images, bytes, hours and dollars of a study, as a table in text.

    Parameters
    ----------
    study : ImagingStudy
        Its conditions, networks and rates.
    template : SimulatedSet
        Scenes and pixels.

    Notes
    -----
    Every patch is counted, as if none showed too little particle: an upper bound.
    """
    rates, recipe = study.rates, study.recipe
    side_px, scenes = template.multislice.pixels, template.scenes
    sets = len(study.data_sets) + len(study.test_sets)
    waves = scenes * (1 + len(study.structures)) * max(1, template.multislice.phonon_configurations)
    images = scenes * template.images_per_scene * sets
    networks = len(study.data_sets) * study.seeds * (study.train_folds or study.folds)
    patches = (side_px // study.preparation.patch_px) ** 2
    patch_px = study.preparation.patch_px**2
    of_a_set = scenes * template.images_per_scene * patches
    trained_on = of_a_set * (1 - 1 / study.folds)
    shown = recipe.patches_per_epoch or trained_on * recipe.passes_per_epoch
    epoch_px = (shown + study.validation_fraction * trained_on) * patch_px
    tested_on = min(of_a_set / study.folds, study.patches_per_test or of_a_set)
    hours = {
        "simulation": waves * side_px**2 / rates.simulated_px / 3600,
        "images": images * side_px**2 / rates.imaged_px / 3600,
        "training": networks * recipe.epochs * epoch_px / rates.trained_px / 3600,
        "tests": networks * sets * tested_on * patch_px / rates.tested_px / 3600,
    }
    gigabytes = {
        "exit waves": waves * side_px**2 * WAVE_BYTES / 1e9,
        "patches": images * patches * patch_px * PATCH_BYTES / 1e9,
        "networks": networks * NETWORK_BYTES / 1e9,
        "tests": networks * sets * TEST_BYTES / 1e9,
    }
    total = sum(hours.values())
    counts = {
        "exit waves": (waves, hours["simulation"]),
        "patches": (images * patches, hours["images"]),
        "networks": (networks, hours["training"]),
        "tests": (networks * sets, hours["tests"]),
    }
    lines = [
        f"Dry run: nothing was done. Rates: {rates.device}",
        f"  conditions   {len(study.conditions):>10,}   ({len(study.trained)} trained under, "
        f"{len(study.drawn)} distributions)",
        *(
            f"  {name:<12} {count:>10,}   {gigabytes[name]:10.2f} GB {spent:10.2f} h"
            for name, (count, spent) in counts.items()
        ),
        f"  in all       {sum(gigabytes.values()):10.1f} GB, {total:.1f} device-hours "
        f"({total * 3600 / networks:.1f} s a network), "
        f"{total * rates.dollars_per_hour:,.1f} dollars at {rates.dollars_per_hour:g} an hour",
    ]
    return "\n".join(lines)
