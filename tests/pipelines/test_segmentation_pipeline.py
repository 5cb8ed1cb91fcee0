"""Segmentation through the catalog, and packages of networks that a study has trained."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from disc_patches import disc_patch_set
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from network_packages import (
    PIXEL_SIZE_NM,
    dark_network,
    disc_micrograph,
    make_package,
    training_image,
)
from PIL import Image

from hrtem_shift.catalog.network_store import NetworkStore
from hrtem_shift.catalog.results import StudyResults
from hrtem_shift.errors import InputError
from hrtem_shift.execution.compute import Compute
from hrtem_shift.micrographs.checksums import sha256_of
from hrtem_shift.networks.weights import weights_fingerprint, weights_of
from hrtem_shift.pipelines.segmentation.parameters import Segmentation
from hrtem_shift.pipelines.segmentation.pipeline import create_pipeline
from hrtem_shift.pipelines.study import Study, assign_folds
from hrtem_shift.pipelines.trained_study import study_of
from hrtem_shift.reliability.training_domain import Range
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.packaging import domain_of, optics_of, package_of
from hrtem_shift.segmentation.results import write_tiff
from hrtem_shift.training.plan import plan_row
from hrtem_shift.training.recipe import TrainingNoise

STUDY = {
    "data_sets": ["discs", "others"],
    "seed": 1,
    "folds": 3,
    "seeds": 1,
    "validation_fraction": 0.2,
    "preparation": {"patch_px": 32},
    "recipe": {"name": "fast"},
}


def run(paths, network, results):
    data = {
        "params:segmentation": Segmentation(paths=paths, network=network),
        "params:compute": Compute(device="cpu"),
        "params:stores.segmentation": str(results),
    }
    entries = {name: MemoryDataset(value, copy_mode="assign") for name, value in data.items()}
    return SequentialRunner().run(create_pipeline(), DataCatalog(entries))


def test_images_become_tables_and_a_figure(tmp_path):
    package = make_package(tmp_path / "package")
    for k in range(2):
        write_tiff(tmp_path / f"m{k}.tif", training_image(k), PIXEL_SIZE_NM)
    (tmp_path / "broken.dm4").write_bytes(b"1")
    made = run([str(tmp_path)], str(package), tmp_path / "results")
    assert set(made) == {f"segmentation.{name}" for name in ("summary", "sizes_figure", "results")}
    summary = made["segmentation.summary"].load()
    assert summary["status"].tolist() == ["failed", "segmented", "segmented"]
    pd.testing.assert_frame_equal(
        summary, pd.read_csv(tmp_path / "results" / "summary.csv"), check_dtype=False, rtol=1e-5
    )


def test_a_run_without_images_says_how_to_name_them(tmp_path):
    with pytest.raises(InputError, match=r"segmentation\.paths=FOLDER"):
        run([], None, tmp_path)


def test_a_single_path_is_a_list_of_one():
    assert Segmentation(paths="a.dm3").paths == ["a.dm3"]
    assert Segmentation(threshold=0.4, paths="a").options().model_dump() == {
        "pixel_size_nm": None,
        "defocus_nm": None,
        "threshold": 0.4,
        "min_area_nm2": None,
        "exclude_border": False,
        "memory_gib": 4.0,
    }


def written(place, seed):
    """Files of a training image and of its mask."""
    micrograph = disc_micrograph(seed)
    image, mask = place.with_suffix(".tif"), place.with_suffix(".png")
    write_tiff(image, micrograph.pixels, PIXEL_SIZE_NM)
    Image.fromarray(micrograph.mask.astype(np.uint8) * 255).save(mask)
    sums = {"image_sha256": sha256_of(image), "mask_sha256": sha256_of(mask)}
    return {"image": str(image), "mask": str(mask), **sums}


@pytest.fixture
def trained(tmp_path):
    """Store and catalog of a study, as a run leaves them, and the run ids of `discs`."""
    study, store = Study.model_validate(STUDY), NetworkStore(tmp_path / "networks")
    patch_sets = {
        "discs": disc_patch_set(contrast=4.0),
        "others": disc_patch_set("others", n=6, seed=1),
    }
    rows = []
    for fold, level in enumerate((0.3, 0.6, 0.9)):
        weights = weights_of(dark_network(level))
        row = plan_row(
            train_set="discs",
            patch_set_fingerprint=patch_sets["discs"].fingerprint,
            fold=fold,
            seed=0,
            root_seed=study.seed,
            validation_fraction=study.validation_fraction,
            recipe=study.recipe,
            noise=TrainingNoise(),
        )
        record = {"weights": weights_fingerprint(weights), "parameters": study.recipe.model_dump()}
        store.put(row | record, weights)
        rows.append(row)
    inventory = pd.DataFrame(
        [
            {
                "data_set": name,
                "micrograph": micrograph,
                "group": micrograph,
                "pixel_size_nm": 0.1,
                "dose_e_per_A2": dose,
                "defocus_nm": -5.0 + 2 * number,
                "height_px": 32,
                "material": "Au",
                **written(tmp_path / f"{name}_{micrograph}", number),
            }
            for name, dose in (("discs", 100.0), ("others", 50.0))
            for number, micrograph in enumerate(patch_sets[name].index["micrograph"].unique())
        ]
    )
    plans = assign_folds(inventory, study)
    data = {
        "dose_study.plan": pd.DataFrame(rows),
        "dose_study.patch_sets": {
            name: replace(one, source_fingerprint=plans[name].source_fingerprint)
            for name, one in patch_sets.items()
        },
        "dose_study.inventory": inventory,
    }
    entries = {name: MemoryDataset(value, copy_mode="assign") for name, value in data.items()}
    return store, DataCatalog(entries), [row["run_id"] for row in rows]


def weights(store, run_ids):
    return [store.weights(run_id) for run_id in run_ids]


def test_networks_of_a_study_become_a_package(trained, tmp_path):
    store, catalog, run_ids = trained
    parameters = {"compute": {"device": "cpu"}, "dose_study": Study.model_validate(STUDY)}
    study = study_of(run_ids, store, catalog, parameters)
    assert study.name == "dose_study"
    package_of(study, weights(store, run_ids), tmp_path / "package", "discs", drawn=4)
    package = read_package(tmp_path / "package")
    description = package.description
    assert description.name == "discs"
    assert [member.run_id for member in description.members] == run_ids
    assert description.preparation.patch_px == 32
    domain = description.domain
    assert (domain.pixel_size_nm.low, domain.dose_e_per_A2.high) == (0.1, 100)
    n = catalog.load("dose_study.patch_sets")["discs"].index["micrograph"].nunique()
    assert domain.conditions["defocus_nm"].model_dump() == {"low": -5, "high": -5 + 2 * (n - 1)}
    assert set(domain.conditions) == {"defocus_nm"}
    assert len(package.usual_evidence) == n and set(package.usual_evidence["n_networks"]) == {1}
    assert {"discs", "others", "drawn"} < set(package.evidence["data_set"])
    assert set(package.evidence["dose_e_per_A2"].dropna()) == {50, 100}
    assert description.kernel is not None
    assert sum(one.n_pixels for one in description.reliability) > 0
    image = torch.from_numpy(training_image(0)[None, None] / 100 - 1)
    with torch.inference_mode():
        assert torch.equal(package.networks[2](image), dark_network(0.9)(image))


def test_a_single_network_is_a_package_too(trained, tmp_path):
    store, catalog, run_ids = trained
    study = study_of(run_ids[:1], store, catalog, {"dose_study": Study.model_validate(STUDY)})
    package_of(study, weights(store, run_ids[:1]), tmp_path / "package", "discs", drawn=4)
    package = read_package(tmp_path / "package")
    assert len(package.networks) == 1
    assert 0 < len(package.usual_evidence) < 12 and package.evidence["agreement"].isna().all()
    assert "agreement" not in package.description.kernel.inputs


def test_an_unknown_network_is_not_packaged(trained, tmp_path):
    store, catalog, run_ids = trained
    with pytest.raises(InputError, match="no such network is finished"):
        study_of(
            [*run_ids, "other_fold0"], store, catalog, {"dose_study": Study.model_validate(STUDY)}
        )
    kept = pd.DataFrame({"run_id": ["other_fold0"], "made_of": ["abc"]})
    results = StudyResults(tmp_path / "results", {"networks": kept})
    catalog["dose_study.results"] = MemoryDataset(results, copy_mode="assign")
    with pytest.raises(InputError, match="its weights are not here") as error:
        study_of(["other_fold0"], store, catalog, {"dose_study": Study.model_validate(STUDY)})
    assert "Train it again" in error.value.fix
    with pytest.raises(InputError, match="in the plan of no study"):
        study_of(run_ids, store, catalog, {"compute": {}})


@pytest.mark.parametrize("changed", [{"seed": 2}, {"preparation": {"patch_px": 64}}])
def test_other_patches_than_those_of_the_training_are_no_evidence(trained, changed):
    store, catalog, run_ids = trained
    with pytest.raises(InputError, match="are not those of its parameters"):
        study_of(run_ids, store, catalog, {"dose_study": Study.model_validate(STUDY | changed)})


def test_a_dose_that_is_not_known_of_all_is_not_promised():
    table = pd.DataFrame({"pixel_size_nm": [0.02, 0.03], "dose_e_per_A2": [80.0, np.nan]})
    domain = domain_of(table)
    assert domain.dose_e_per_A2 is None
    assert (domain.pixel_size_nm.low, domain.pixel_size_nm.high) == (0.02, 0.03)
    assert domain_of(table[["pixel_size_nm"]]).dose_e_per_A2 is None
    assert domain_of(table, resampled_to_nm=0.05).pixel_size_nm == Range(low=0.05, high=0.05)


def imaging_study(defoci_nm=(2.0, 6.0, 12.0, 20.0, 30.0)):
    names = [f"defocus_{d:g}" for d in defoci_nm]
    inventory = pd.DataFrame(
        {
            "data_set": names,
            "pixel_size_nm": 0.02,
            "dose_e_per_A2": 400.0,
            "defocus_nm": defoci_nm,
            "focal_spread_std_nm": 1.5,
        }
    )
    scores = pd.DataFrame(
        [
            {
                "run_id": f"{train}_{fold}",
                "train_set": train,
                "test_set": test,
                "hard_dice": 0.9 - 0.1 * abs(names.index(train) - names.index(test)),
                "rho": 0.0,
            }
            for train in names
            for test in names
            for fold in range(2)
        ]
    )
    return scores, inventory


def test_a_study_of_conditions_tells_what_another_defocus_costs():
    scores, inventory = imaging_study()
    optics = optics_of(scores, inventory, "defocus_6")
    assert optics.lenses[0].defocus_nm == 6
    assert (optics.relation.n_rows, optics.relation.n_networks) == (5, 10)
    assert optics.relation.expected(1.0) == pytest.approx(0.9, abs=0.02)
    noisy = pd.concat([scores, scores.assign(rho=1.0, hard_dice=0.0)])
    assert optics_of(noisy, inventory, "defocus_6") == optics


def test_too_few_conditions_tell_nothing():
    scores, inventory = imaging_study((2.0, 6.0))
    assert optics_of(scores, inventory, "defocus_6") is None
    scores, inventory = imaging_study()
    assert optics_of(scores, inventory.drop(columns="defocus_nm"), "defocus_6") is None
