"""Where labelled images of a user are found, and how their labels are read."""

import numpy as np
import pytest
import tifffile
from network_packages import PIXEL_SIZE_NM, disc_image, make_package, training_image

from hrtem_shift.errors import InputError, InputErrors
from hrtem_shift.segmentation.batch import FILES, segment_images
from hrtem_shift.segmentation.inputs import find_images
from hrtem_shift.segmentation.labelled_images import find_labelled_images, load_labelled
from hrtem_shift.segmentation.options import SegmentationOptions
from hrtem_shift.segmentation.package import read_package
from hrtem_shift.segmentation.results import write_tiff
from hrtem_shift.tables import rows_of


def write_image(folder, name, pixels=None):
    folder.mkdir(exist_ok=True)
    pixels = training_image(1) if pixels is None else pixels
    write_tiff(folder / f"{name}.tif", pixels, PIXEL_SIZE_NM)
    return pixels


def samples_of(inventory):
    return {row["micrograph"]: load_labelled(row) for row in rows_of(inventory)}


def test_a_micrograph_folder_may_have_numbers_of_particles(tmp_path):
    pixels = write_image(tmp_path, "a", disc_image((40, 40, 14), (40, 66, 14)))
    write_image(tmp_path, "b")
    y, x = np.mgrid[:128, :128]
    numbers = (np.hypot(y - 40, x - 40) < 14) + 2 * (np.hypot(y - 40, x - 66) < 13)
    tifffile.imwrite(tmp_path / "a_numbers.tif", numbers.astype(np.uint16))
    tifffile.imwrite(tmp_path / "b_mask.tif", ((numbers > 0) * 255).astype(np.uint8))
    table = ("image,mask,pixel_size_nm,dose_e_per_A2", "a.tif,a_numbers.tif,0.2,90")
    (tmp_path / "metadata.csv").write_text("\n".join([*table, "b.tif,b_mask.tif,,"]))
    read = samples_of(find_labelled_images(tmp_path))
    micrograph, sample = read["a"]
    assert micrograph.pixel_size_nm == 0.2
    assert micrograph.metadata["dose_e_per_A2"] == 90
    np.testing.assert_array_equal(sample.pixels, pixels)
    np.testing.assert_array_equal(sample.labels, numbers)
    np.testing.assert_array_equal(micrograph.mask, numbers > 0)
    micrograph, sample = read["b"]
    assert micrograph.pixel_size_nm == pytest.approx(PIXEL_SIZE_NM)
    assert sample.labels.max() == 1  # they touch


def test_labels_beside_images_are_paired(tmp_path):
    labels = np.zeros((128, 128), np.uint8)
    labels[:20, :20], labels[40:60, 40:60] = 1, 2
    for name, ending in (("a", "labels"), ("b", "mask"), ("c", "mask"), ("c", "labels")):
        write_image(tmp_path, name)
        stored = labels if ending == "labels" else (labels > 0).astype(np.uint8) * 255
        write_tiff(tmp_path / f"{name}_{ending}.tif", stored, PIXEL_SIZE_NM)
    write_image(tmp_path, "without")
    inventory = find_labelled_images(tmp_path)
    assert inventory["micrograph"].tolist() == ["a", "b", "c"]
    assert [str(path).rsplit("_")[-1] for path in inventory["mask"]] == [
        "labels.tif",
        "mask.tif",
        "labels.tif",
    ]
    for _, sample in samples_of(inventory).values():
        np.testing.assert_array_equal(sample.labels, labels)


def test_corrected_results_count_and_others_do_not(tmp_path):
    package, images = make_package(tmp_path / "package"), tmp_path / "images"
    for k in range(3):
        write_image(images, f"m{k}", training_image(k))
    out = tmp_path / "results"
    segment_images(
        find_images([str(images)], FILES, out), read_package(package), SegmentationOptions(), out
    )
    with pytest.raises(InputError, match="no result was corrected"):
        find_labelled_images(out)
    corrected = np.zeros((128, 128), np.uint8)
    corrected[10:30, 10:30] = 255
    tifffile.imwrite(out / "m0" / "m0_mask.tif", corrected)
    numbers = corrected // 255
    numbers[60:70, 60:70] = 2
    tifffile.imwrite(out / "m2" / "m2_labels.tif", numbers)
    read = samples_of(find_labelled_images(out))
    assert sorted(read) == ["m0", "m2"]
    np.testing.assert_array_equal(read["m0"][0].pixels, training_image(0))
    assert read["m0"][0].pixel_size_nm == pytest.approx(PIXEL_SIZE_NM)
    np.testing.assert_array_equal(read["m0"][1].labels, corrected // 255)
    np.testing.assert_array_equal(read["m2"][1].labels, numbers)
    (out / "m1" / "result.json").write_text("[]")
    with pytest.raises(InputError, match="cannot be read as the record of a result"):
        find_labelled_images(out)


def test_a_folder_without_labels_is_refused(tmp_path):
    write_image(tmp_path, "a")
    with pytest.raises(InputError, match="no labelled image"):
        find_labelled_images(tmp_path)
    with pytest.raises(InputError, match="no labelled image"):
        find_labelled_images(tmp_path / "nowhere")


def test_faults_are_named_together(tmp_path):
    for name in "ab":
        write_image(tmp_path, name)
        write_tiff(tmp_path / f"{name}_mask.tif", np.zeros((64, 64), np.uint8), PIXEL_SIZE_NM)
    with pytest.raises(InputErrors, match="2 faults"):
        find_labelled_images(tmp_path)
