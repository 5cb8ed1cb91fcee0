"""From an image to particles: sizes in nm on any grid, and results that can be read again."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import tifffile
from network_packages import PIXEL_SIZE_NM, disc_image, make_package, training_image
from particle_packages import make_particle_package

from hrtem_shift.errors import InputError
from hrtem_shift.micrographs.readers import read_image, read_mask, read_micrograph
from hrtem_shift.micrographs.recorded_image import RecordedImage
from hrtem_shift.networks.cores import CORE_LEVEL
from hrtem_shift.preparation.patches import Preparation
from hrtem_shift.reliability.observation import MIXED_SHARE, observe
from hrtem_shift.reliability.training_domain import TrainingDomain
from hrtem_shift.reliability.verdict import LIMITS
from hrtem_shift.segmentation.batch import FILES, inspect_images, segment_images
from hrtem_shift.segmentation.inputs import InputImage, find_images
from hrtem_shift.segmentation.micrographs import BETTER_MIXED, Segmenter, segment_image
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.results import escape_formula, write_tiff

OPTIONS = SegmentationOptions()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    return read_package(make_package(tmp_path_factory.mktemp("packages") / "discs"))


def recorded(pixels, pixel_size_nm=PIXEL_SIZE_NM, dose=None):
    return RecordedImage(pixels, "tif", pixel_size_nm=pixel_size_nm, dose_e_per_A2=dose)


def test_particles_have_their_sizes(package):
    image = disc_image((40, 40, 12), (90, 80, 16))
    found = segment_image(recorded(image), Segmenter.of(package), OPTIONS)
    assert found.particles["equivalent_diameter_nm"].tolist() == pytest.approx([2.4, 3.2], rel=0.03)
    assert found.particles["centroid_x_nm"].tolist() == pytest.approx([4.0, 8.0], abs=0.05)
    assert found.scale == 1
    assert found.spread.shape == found.labels.shape == image.shape
    assert found.verdict.level == "in range"


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.5, 3])
def test_sizes_do_not_depend_on_the_pixels_that_an_image_came_in(package, factor):
    circles = [(60 / factor, 60 / factor, 20 / factor), (120 / factor, 150 / factor, 26 / factor)]
    image = disc_image(*circles, side=round(192 / factor), noise=0.02)
    found = segment_image(recorded(image, PIXEL_SIZE_NM * factor), Segmenter.of(package), OPTIONS)
    assert found.labels.shape == image.shape
    assert found.scale == pytest.approx(factor)
    assert found.particles["equivalent_diameter_nm"].tolist() == pytest.approx([4.0, 5.2], rel=0.05)


def test_a_calibration_that_is_two_percent_off_is_not_resampled(package):
    image = training_image(1)
    same = segment_image(recorded(image, 0.1015), Segmenter.of(package), OPTIONS)
    assert same.scale == 1
    np.testing.assert_array_equal(
        same.probability, segment_image(recorded(image), Segmenter.of(package), OPTIONS).probability
    )


def test_the_scale_with_the_highest_expected_dice_is_used(tmp_path):
    """Discs three times as large as in training, under a pixel size that hides it."""
    domain = TrainingDomain(pixel_size_nm=None, dose_e_per_A2=None)
    package = read_package(make_package(tmp_path / "any", domain=domain, scales=[1, 0.5, 0.25]))
    segmenter = Segmenter.of(package)
    image = disc_image((120, 120, 42), (270, 240, 54), side=384)
    result = segment_image(recorded(image), segmenter, OPTIONS)
    expected = {scale: expected_of(image, segmenter, scale) for scale in (1.0, 0.5, 0.25)}
    assert result.scale == max(expected, key=expected.get)
    assert len(set(expected.values())) == 3
    diameters = result.particles["equivalent_diameter_nm"].tolist()
    assert diameters == pytest.approx([8.4, 10.8], rel=0.05)


def test_where_networks_predict_cores_their_confidence_counts_for_the_scale(tmp_path):
    segmenter = Segmenter.of(read_package(make_particle_package(tmp_path / "cores")))
    preparation, chosen = segmenter.package.description.preparation, set()
    for radius in (12, 30, 50):
        image = disc_image((96, 96, radius), side=192)
        good = {}
        for scale in (1.0, 0.5):
            seen = observe(image, scale, segmenter.ensemble, preparation)
            cores = seen.prediction.core[seen.prediction.core > CORE_LEVEL]
            total = seen.prediction.core.sum() + cores.size
            any_particle = (seen.prediction.probability > 0.5).any()
            expected = expected_of(image, segmenter, scale) if any_particle else -1
            good[scale] = expected + 2 * cores.sum() / total
        result = segment_image(recorded(image), segmenter, OPTIONS)
        assert result.scale == max(good, key=good.get)
        chosen.add(result.scale)
    assert chosen == {1.0, 0.5}


def test_batch_norms_are_mixed_where_more_dice_is_expected_so(tmp_path):
    """With evidence of mixed norms, on images of ever more noise."""
    package = read_package(make_package(tmp_path / "mixed"))
    package = replace(package, evidence=package.evidence.assign(mixed_norms=MIXED_SHARE))
    segmenter, gains = Segmenter.of(package), {}
    for noise in (0.02, 20, 60, 200):
        image = disc_image((40, 40, 14), (90, 80, 16), noise=noise)
        plain, mixed = (expected_of(image, segmenter, 1, share) for share in (0, MIXED_SHARE))
        good = plain >= segmenter.domain_check.usual_dice - LIMITS.acceptable_loss
        gains[noise] = (not good) and mixed > plain + BETTER_MIXED
        notes = segment_image(recorded(image), segmenter, OPTIONS).notes
        assert any("batch norms" in note for note in notes) == gains[noise]
    assert not gains[0.02]


def expected_of(image, segmenter, scale, mixed_norms=0.0):
    preparation = segmenter.package.description.preparation
    seen = observe(image, scale, segmenter.ensemble, preparation, mixed_norms=mixed_norms)
    expectation = segmenter.domain_check.expect(seen.inputs)
    return expectation.mean if expectation else 0.0


def test_without_a_pixel_size_of_training_there_are_scales(tmp_path):
    with pytest.raises(ValueError, match="either a pixel size of training, or scales"):
        make_package(tmp_path / "both", scales=[1])


def test_an_image_without_pixel_size_is_refused(package):
    with pytest.raises(InputError, match="pixel size is not known"):
        segment_image(recorded(training_image(1), None), Segmenter.of(package), OPTIONS)


def test_x_rays_are_removed_before_they_are_spread(package):
    description = package.description
    preparation = Preparation(patch_px=32, xray_threshold_counts=500)
    repairing = replace(
        package, description=description.model_copy(update={"preparation": preparation})
    )
    clean = disc_image((80, 80, 30), side=192)
    struck = clean.copy()
    struck[20, 20] += 5000
    found, expected = (
        segment_image(recorded(image, 0.05), Segmenter.of(repairing), OPTIONS).probability
        for image in (struck, clean)
    )
    np.testing.assert_allclose(found, expected, atol=0.2)
    assert ((found > 0.5) == (expected > 0.5)).mean() > 0.999


def test_options_decide_what_is_a_particle(package):
    image = disc_image((40, 40, 14), (90, 90, 4), (64, 127, 10), noise=0.02)
    segmenter = Segmenter.of(package)

    def number(**options):
        return len(
            segment_image(recorded(image), segmenter, SegmentationOptions(**options)).particles
        )

    assert number(min_area_nm2=0.1) == 3
    assert number() == 2
    assert number(exclude_border=True) == 1
    assert number(min_area_nm2=9) == 0
    assert number(threshold=0.999999) <= number(threshold=0.001, min_area_nm2=0.1)


def test_a_small_image_is_segmented_and_not_compared(package):
    found = segment_image(
        recorded(disc_image((12, 12, 8), side=24)), Segmenter.of(package), OPTIONS
    )
    assert len(found.particles) == 1
    assert "the image is too small" in " ".join(found.verdict.not_compared)
    assert found.verdict.level == "borderline"


def test_particles_that_an_option_leaves_out_were_found_all_the_same(package):
    at_border = recorded(disc_image((64, 127, 14), noise=0.02))
    left_out = segment_image(
        at_border, Segmenter.of(package), SegmentationOptions(exclude_border=True)
    )
    assert left_out.particles.empty
    assert "no particle found" not in left_out.verdict.reasons


def one_image(tmp_path, name="discs", pixels=None):
    path = tmp_path / f"{name}.tif"
    write_tiff(path, disc_image((40, 40, 14)) if pixels is None else pixels, PIXEL_SIZE_NM)
    return InputImage(name, path)


def test_results_can_be_read_again_in_nm(package, tmp_path):
    out = tmp_path / "out"
    result = segment_images([one_image(tmp_path)], package, OPTIONS, out)
    assert result.summary["status"].tolist() == ["segmented"] and result.failed.empty
    folder = out / "discs"
    mask = read_mask(folder / "discs_mask.tif")
    labels = read_image(folder / "discs_labels.tif")
    np.testing.assert_array_equal(mask, labels > 0)
    for name in ("mask", "labels", "probability", "spread"):
        again = read_micrograph(folder / f"discs_{name}.tif")
        assert again.pixel_size_nm == pytest.approx(PIXEL_SIZE_NM)
    assert tifffile.imread(folder / "discs_probability.tif").dtype == np.float32
    particles = pd.read_csv(folder / "discs_particles.csv")
    assert particles["area_nm2"].sum() == pytest.approx(mask.sum() * PIXEL_SIZE_NM**2, rel=1e-5)
    pd.testing.assert_frame_equal(particles, pd.read_csv(out / "particles.csv"))
    for picture in ("overlay", "sizes"):
        assert (folder / f"discs_{picture}.png").read_bytes().startswith(b"\x89PNG")


def test_every_number_in_a_table_has_its_unit_in_its_name(package, tmp_path):
    segment_images([one_image(tmp_path)], package, OPTIONS, tmp_path / "out")
    particles = set(pd.read_csv(tmp_path / "out" / "particles.csv"))
    without_unit = {"image", "particle_id", "circularity", "eccentricity", "touches_border"}
    without_unit |= {"mean_probability", "mean_spread"}
    assert {name for name in particles if not name.endswith(("_nm", "_nm2"))} == without_unit


def test_the_manifest_names_what_everything_was_made_of(package, tmp_path):
    image = one_image(tmp_path)
    segment_images([image], package, OPTIONS, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["network"]["identity"] == package.identity
    assert manifest["options"] == OPTIONS.model_dump()
    (entry,) = manifest["images"]
    assert len(entry["sha256"]) == 64 and entry["status"] == "segmented"
    assert set(entry["outputs"]) == {
        path.name for path in (tmp_path / "out" / "discs").iterdir() if path.name != "result.json"
    }
    assert {"torch", "numpy", "hrtem-shift", "python"} <= set(manifest["versions"])


def test_the_same_images_give_the_same_bytes(package, tmp_path):
    image = one_image(tmp_path)
    for name in ("a", "b"):
        segment_images([image], package, OPTIONS, tmp_path / name)
    for path in sorted((tmp_path / "a").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_finished_images_are_done_again_only_when_something_has_changed(package, tmp_path):
    images, out = [one_image(tmp_path, name) for name in ("a", "b")], tmp_path / "out"
    assert segment_images(images, package, OPTIONS, out).kept == 0
    first = (out / "summary.csv").read_bytes()
    assert segment_images(images, package, OPTIONS, out).kept == 2
    assert (out / "summary.csv").read_bytes() == first
    one_image(tmp_path, "b", disc_image((40, 60, 14)))
    assert segment_images(images, package, OPTIONS, out).kept == 1
    changed = SegmentationOptions(threshold=0.6)
    assert segment_images(images, package, changed, out).kept == 0
    assert segment_images(images, replace(package, identity="other"), changed, out).kept == 0
    (out / "a" / "a_mask.tif").unlink()
    assert segment_images(images, replace(package, identity="other"), changed, out).kept == 1


def test_the_empty_image_of_a_batch_has_no_particles_and_stops_nothing(package, tmp_path):
    empty = disc_image(noise=0.001)
    images = [one_image(tmp_path, "empty", empty), one_image(tmp_path, "discs")]
    options = SegmentationOptions(threshold=0.999999999)
    result = segment_images(images, package, options, tmp_path / "out")
    assert result.failed.empty
    assert pd.read_csv(tmp_path / "out" / "empty" / "empty_particles.csv").empty
    assert set(pd.read_csv(tmp_path / "out" / "particles.csv")["image"]) <= {"discs"}


def test_a_picture_is_warned_of(package, tmp_path):
    from PIL import Image

    Image.fromarray(disc_image((40, 40, 14)).astype(np.uint8)).save(tmp_path / "photo.png")
    images = find_images([str(tmp_path / "photo.png")])
    assert (
        segment_images(images, package, OPTIONS, tmp_path / "out")
        .failed["what"]
        .str.contains("--pixel-size-nm")[0]
    )
    options = SegmentationOptions(pixel_size_nm=PIXEL_SIZE_NM)
    assert segment_images(images, package, options, tmp_path / "out").failed.empty
    assert (
        "a png holds counts rescaled to 8 or 16 bit"
        in (tmp_path / "out" / "warnings.txt").read_text()
    )


def test_an_unforeseen_error_costs_one_image_and_is_said(package, tmp_path, monkeypatch, caplog):
    images = [one_image(tmp_path, name) for name in ("a", "b")]
    from hrtem_shift.segmentation import batch

    def fails_once(recorded, *arguments, **options):
        monkeypatch.undo()
        raise ZeroDivisionError("surprise")

    monkeypatch.setattr(batch, "segment_image", fails_once)
    result = segment_images(images, package, OPTIONS, tmp_path / "out")
    assert result.summary["status"].tolist() == ["failed", "segmented"]
    assert result.failed["what"].tolist() == [f"{images[0].path}: ZeroDivisionError: surprise"]
    assert "Traceback" in caplog.text


def test_a_dry_run_reads_everything_and_writes_nothing(package, tmp_path):
    (tmp_path / "broken.dm3").write_bytes(b"no image")
    one_image(tmp_path)
    out = tmp_path / "out"
    images = find_images([str(tmp_path)], FILES)
    table = inspect_images(images, package, OPTIONS, out)
    assert table["status"].tolist() == ["failed", "to segment"]
    assert "not a dm3" in table["what"][0]
    assert table.loc[1, ["height_px", "width_px", "pixel_size_nm"]].tolist() == [128, 128, 0.1]
    assert not out.exists()
    segment_images(images, package, OPTIONS, out)
    assert inspect_images(images, package, OPTIONS, out)["status"].tolist() == [
        "failed",
        "finished",
    ]


def test_cells_that_a_spreadsheet_would_run_are_plain(package, tmp_path):
    assert [escape_formula(text) for text in ("=1+1", "@a", "-a", "a", "")] == [
        "'=1+1",
        "'@a",
        "'-a",
        "a",
        "",
    ]
    image = one_image(tmp_path, "=cmd()")
    segment_images([image], package, OPTIONS, tmp_path / "out")
    for table in ("summary.csv", "particles.csv", "=cmd()/=cmd()_particles.csv"):
        cells = pd.read_csv(tmp_path / "out" / table)["image"]
        assert set(cells) == {"'=cmd()"}
