"""Packages of networks that were adapted to a few labelled images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from network_packages import PIXEL_SIZE_NM
from particle_packages import QUICK, bright_sample, make_particle_package, mean_dice
from PIL import Image

from hrtem_shift.errors import InputError
from hrtem_shift.segmentation.adapt_package import adapt_package, folds_of
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.results import write_tiff


def images_in(folder, number, group=""):
    folder.mkdir()
    rows = ["image,mask,pixel_size_nm,group"]
    for k in range(number):
        sample = bright_sample(k)
        write_tiff(folder / f"b{k}.tif", sample.pixels, PIXEL_SIZE_NM)
        Image.fromarray(sample.labels.astype(np.uint8)).save(folder / f"b{k}_numbers.png")
        rows.append(f"b{k}.tif,b{k}_numbers.png,,{group}")
    (folder / "metadata.csv").write_text("\n".join(rows))
    return folder


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return read_package(make_particle_package(tmp_path_factory.mktemp("packages") / "dark"))


@pytest.fixture(scope="module")
def adapted(tmp_path_factory, package):
    folder = tmp_path_factory.mktemp("adapted")
    images = images_in(folder / "bright", 3)
    adapt_package(package, images, folder / "new", "bright discs", recipe=QUICK)
    return read_package(folder / "new")


def test_adapted_networks_do_well_on_other_images_of_the_kind(package, adapted):
    others = [bright_sample(100 + k) for k in range(4)]
    before, *after = (
        mean_dice(network, others) for network in (package.networks[0], *adapted.networks)
    )
    assert before < 0.3
    assert len(after) == 1 and min(after) > before + 0.5 * (1 - before)


def test_evidence_of_the_kind_is_of_images_that_were_held_out(package, adapted):
    usual = adapted.usual_evidence
    assert set(usual["micrograph"]) == {f"bright/b{k}" for k in range(3)}
    assert set(usual["n_networks"]) == {1}
    assert usual.groupby("micrograph")["hard_dice"].max().mean() > 0.6
    altered = adapted.evidence[adapted.evidence["micrograph"].str.startswith("bright/")]
    assert len(altered) > len(usual)
    before = adapted.evidence[~adapted.evidence["micrograph"].str.startswith("bright/")]
    pd.testing.assert_series_equal(
        before["hard_dice"].reset_index(drop=True), package.evidence["hard_dice"]
    )
    assert adapted.description.kernel is not None


def test_the_card_says_what_was_done(adapted):
    description = adapted.description
    assert description.name == "bright discs"
    assert "Adapted from the package dark discs" in description.evidence_note
    assert "64 steps with 3 images of bright" in description.evidence_note
    assert "measured in 3 folds" in (adapted.folder / "CARD.md").read_text()
    assert {member.train_set for member in description.members} == {"dark, bright"}


def test_other_networks_and_too_few_images_are_refused_before_work(tmp_path, package):
    images = images_in(tmp_path / "one", 1)
    with pytest.raises(InputError, match="1 labelled image"):
        adapt_package(package, images, tmp_path / "new", "new")
    description = package.description.model_copy(update={"architecture": "residual_unet"})
    older = replace(package, description=description)
    with pytest.raises(InputError, match="residual_unet"):
        adapt_package(older, images, tmp_path / "new", "new")
    empty = images_in(tmp_path / "empty", 2)
    for k in range(2):
        Image.new("L", (96, 96)).save(empty / f"b{k}_numbers.png")
    with pytest.raises(InputError, match="no label shows a particle"):
        adapt_package(package, empty, tmp_path / "new", "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("groups", "folds"),
    [
        (["a", "b"], [0, 1]),
        (["a", "a", "b", "c", "d"], [0, 0, 1, 2, 0]),
        (["a", "a", "a"], [0, 1, 2]),
    ],
)
def test_images_of_a_group_are_held_out_together(groups, folds):
    assert folds_of(pd.DataFrame({"group": groups})).tolist() == folds
