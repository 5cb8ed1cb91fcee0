"""What an imaging study would cost, computed from rates before anything starts."""

from __future__ import annotations

from hrtem_shift.pipelines.imaging.parameters import ImagingStudy
from hrtem_shift.pipelines.simulation.parameters import SimulatedSet

WAVE_BYTES, IMAGE_BYTES, PATCH_BYTES, NETWORK_BYTES = 8, 4, 3, 4 * 130_682
"""Of a pixel of a wave, an image, a patch with its mask; of a network."""


def cost_of(study: ImagingStudy, template: SimulatedSet) -> str:
    """Networks, images, bytes, hours and dollars of a study, as a table in text.

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
    scenes, side_px = template.scenes, template.multislice.pixels
    image_px = side_px**2
    waves = scenes * (1 + len(study.structures)) * max(1, template.multislice.phonon_configurations)
    images = scenes * template.images_per_scene * (len(study.conditions) + len(study.structures))
    networks = len(study.data_sets) * study.seeds * (study.train_folds or study.folds)
    patches = (side_px // study.preparation.patch_px) ** 2
    patch_px = study.preparation.patch_px**2
    trained_on = scenes * template.images_per_scene * patches * (1 - 1 / study.folds)
    shown = recipe.patches_per_epoch or trained_on * recipe.passes_per_epoch
    epoch_px = (shown + study.validation_fraction * trained_on) * patch_px
    tested = len(study.conditions) + len(study.structures)
    test_px = tested * scenes * template.images_per_scene / study.folds * patches * patch_px
    hours = {
        "simulation": waves * image_px / rates.simulated_px / 3600,
        "images": images * image_px / rates.imaged_px / 3600,
        "training": networks * recipe.epochs * epoch_px / rates.trained_px / 3600,
        "tests": networks * test_px / rates.tested_px / 3600,
    }
    gigabytes = {
        "exit waves": waves * image_px * WAVE_BYTES / 1e9,
        "images": images * image_px * IMAGE_BYTES / 1e9,
        "patches": images * patches * patch_px * PATCH_BYTES / 1e9,
        "networks": networks * NETWORK_BYTES / 1e9,
    }
    total = sum(hours.values())
    lines = [
        f"Dry run: nothing was done. Rates: {rates.device}",
        f"  conditions   {len(study.conditions):>10,}   ({len(study.trained)} trained under)",
        f"  exit waves   {waves:>10,}   {gigabytes['exit waves']:10.1f} GB"
        f" {hours['simulation']:10.1f} h",
        f"  images       {images:>10,}   {gigabytes['images']:10.1f} GB {hours['images']:10.1f} h",
        f"  patches      {images * patches:>10,}   {gigabytes['patches']:10.1f} GB",
        f"  networks     {networks:>10,}   {gigabytes['networks']:10.1f} GB"
        f" {hours['training']:10.1f} h of training, {hours['tests']:.1f} h of tests",
        f"  in all       {sum(gigabytes.values()):10.1f} GB, {total:.1f} device-hours, "
        f"{total * rates.dollars_per_hour:,.0f} dollars at {rates.dollars_per_hour:g} an hour",
    ]
    return "\n".join(lines)
