"""Typed parameters of a study: a YAML block with these fields is all that a study is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from hrtem_shift.microscope.conditions import Camera
from hrtem_shift.parameters import ParameterBlock, nearest
from hrtem_shift.pipelines.annotations import DataFrame, LazyPatchSet, PatchSet
from hrtem_shift.preparation.folds import FoldRule
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.preparation.variants import patch_set_name
from hrtem_shift.training.recipe import Recipe, TrainingNoise

if TYPE_CHECKING:
    from hrtem_shift.preparation.folds import Split


class Rates(ParameterBlock):
    """What a device does in a second, and costs in an hour: for the cost of a plan."""

    device: str = "one core of a busy AMD EPYC with AVX-512 bfloat16, docs/evidence/shift.md"
    """Which device, and where the rates are from."""
    simulated_px: float = Field(default=3.7e5, gt=0)
    """Pixels of exit waves, each phonon configuration counted."""
    imaged_px: float = Field(default=5.5e6, gt=0)
    """Pixels of images."""
    trained_px: float = Field(default=4.4e6, gt=0)
    """Pixels of patches that one network learns from, validation included."""
    tested_px: float = Field(default=1.1e7, gt=0)
    """Pixels of patches that one network segments."""
    dollars_per_hour: float = Field(default=0.05, ge=0)


class NoiseAxis(ParameterBlock):
    """Noise augmentation study: one data set, trained with more and more added noise."""

    train_set: str
    """Data set whose networks are trained with noise."""
    fold: int = Field(ge=0)
    """Fold that these networks leave out for testing."""
    seeds: int = Field(ge=2)
    """Networks a point; a band needs two."""
    rho: list[float] = Field(min_length=1)
    """Fixed standard deviations of the added noise; 0 = none."""
    rho_max: list[float] = Field(default_factory=list)
    """Upper bounds of a standard deviation drawn from U(0, rho_max) for each sample."""
    thinning: list[float] = Field(default_factory=list)
    """Shares of the electrons that are kept: images as at so much less dose, by `Study.camera`."""
    thinning_min: list[float] = Field(default_factory=list)
    """Lower bounds of a share drawn for each sample, log-uniform up to 1: all doses alike."""

    def noises(self) -> list[TrainingNoise]:
        """All points of all axes."""
        points = {
            "fixed": self.rho,
            "uniform": self.rho_max,
            "thinning": self.thinning,
            "mixed_thinning": self.thinning_min,
        }
        return [
            TrainingNoise.model_validate({"mode": mode, "rho": rho})
            for mode, values in points.items()
            for rho in values
        ]


class Study(ParameterBlock):
    """A selection of data sets, how they are prepared, and the networks trained on them."""

    question: str = "How well does a network do on images unlike those that it was trained on?"
    """What the report asks."""
    data_sets: list[str] = Field(default_factory=list)
    """Sets to train on and to test on, in the order in which tables and figures show them;
    none: all that ``ingestion.split_by`` makes."""
    test_sets: list[str] = Field(default_factory=list)
    """Further sets, which are tested on only."""
    labels: dict[str, str] = Field(default_factory=dict)
    """What figures call a data set, where not by its name."""
    axis: Literal["dose_e_per_A2", "pixel_size_nm", "diameter_nm"] | None = None
    """What the sets differ in, if it is a number: how far apart two sets are is read off it."""
    seed: int = Field(ge=0)
    """Root of every random draw of this study."""
    folds: int = Field(ge=2)
    """Parts of a data set; each is the test set of one network."""
    fold_rule: FoldRule = "micrograph"
    """What never straddles a fold: a ``micrograph`` (or its group), a ``session``; or only a
    patch, as published (``published_patchwise``) or in the order of ready patches
    (``patchwise``): neighbours in one image are then trained and tested on."""
    train_folds: int | None = Field(default=None, ge=1)
    """So many folds get networks, the first ones; null: all."""
    seeds: int = Field(ge=1)
    """Networks a fold."""
    validation_fraction: float = Field(gt=0, lt=1)
    """Share of the micrographs (by patchwise rules, of the patches) outside the test fold that
    choose the best epoch."""
    preparation: Preparation
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Name -> what differs in the preparation. Each variant trains networks of its own and tests
    them on patches that were prepared alike."""
    recipe: Recipe
    patches_per_test: int | None = Field(default=None, ge=1)
    """Patches of a test, evenly spread over those that there are; null: all."""
    test_on_training: bool = False
    """Whether networks are tested on their own training patches, too: the gap is overfitting."""
    particles: bool = True
    """Whether networks without noise segment whole micrographs, to count and size particles."""
    smallest_particle_nm: float = Field(default=0.8, ge=0)
    """Diameter of the smallest speck that counts as a particle."""
    noise: list[NoiseAxis] = Field(default_factory=list)
    """Noise augmentation, for studies that have it."""
    camera: Camera = Camera()
    """Camera of the sets whose electrons are thinned; the default counts each electron."""
    mixed_norms: list[Annotated[float, Field(gt=0, le=1)]] = Field(default_factory=list)
    """Shares of a test micrograph in the batch norms with which networks without noise are tested,
    too; none: as trained only."""
    rates: Rates = Rates()
    dry_run: bool = False
    """Print the cost of the study, and end."""

    @field_validator("variants")
    @classmethod
    def _names_of_folders(cls, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name in variants:
            if not name.replace("_", "").isalnum():
                raise ValueError(f"'{name}' holds more than letters, digits and underscores")
        return variants

    @model_validator(mode="after")
    def _noise_fits(self) -> Study:
        for axis in self.noise:
            if axis.train_set not in self.data_sets:
                raise ValueError(
                    f"noise.train_set '{axis.train_set}' is none of data_sets"
                    f"{nearest(axis.train_set, self.data_sets)}"
                )
            if axis.fold >= self.folds:
                raise ValueError(
                    f"noise.fold = {axis.fold}, but folds count from 0 to {self.folds - 1}"
                )
            thins = any(noise.thins for noise in axis.noises())
            differs = self.preparation.model_dump(exclude={"patch_px", "min_particle_fraction"})
            if thins and differs != _STANDARDIZED:
                raise ValueError(
                    "thinning needs counts: preparation may only standardize, and not repair "
                    "x-rays, resample or flatten"
                )
        if self.noise and self.variants:
            raise ValueError("a study has variants or noise, not both")
        return self

    @model_validator(mode="after")
    def _norms_can_be_mixed(self) -> Study:
        if self.mixed_norms and self.recipe.norm != "batch":
            raise ValueError(
                f"mixed_norms needs batch norms, but recipe.norm is '{self.recipe.norm}'"
            )
        return self

    @model_validator(mode="after")
    def _variants_are_possible(self) -> Study:
        self.preparations()
        return self

    @property
    def recipes_compared(self) -> int:
        """By how many recipes the networks of each set are trained."""
        return 1

    @property
    def trials(self) -> int:
        """Networks of each set that are trained in a search, and not tested."""
        return 0

    def preparations(self) -> dict[str, Preparation]:
        """Preparation of each variant; the only one is called ``""`` where there is no other."""
        common = self.preparation.model_dump()
        return {
            name: Preparation.model_validate(common | differs)
            for name, differs in (self.variants or {"": {}}).items()
        }


_STANDARDIZED = Preparation(rescaling="standardize").model_dump(
    exclude={"patch_px", "min_particle_fraction"}
)


def split_of(patch_set: PatchSet, study: Study, fold: int) -> Split:
    """Patches that networks of a fold are trained on, validated with, and tested on."""
    from hrtem_shift.preparation.folds import split

    return split(
        patch_set.index["fold"].to_numpy(),
        patch_set.index["group"].to_numpy(),
        fold,
        validation_fraction=study.validation_fraction,
        seed=study.seed,
        rule=study.fold_rule,
    )


def assign_folds(inventory: DataFrame, study: Study) -> dict[str, LazyPatchSet]:
    """Assign the micrographs of each data set to folds; patches are cut when they are saved.

    Sets that are tested on only have a single fold. There is one patch set for each variant.

    Raises
    ------
    InputError
        Fewer groups than folds; or, on saving, a micrograph has changed since the inventory,
        is too small, or cannot be prepared.
    """
    from hrtem_shift.preparation.patch_set_plan import plan_patch_set

    plans = {}
    for name, rows in inventory.groupby("data_set", sort=False):
        folds = 1 if name in study.test_sets else study.folds
        for variant, preparation in study.preparations().items():
            key = patch_set_name(str(name), variant)
            plans[key] = plan_patch_set(key, rows, preparation, folds, study.seed, study.fold_rule)
    return plans
