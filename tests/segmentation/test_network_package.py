"""Packages: what is written is read, and nothing else is."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from network_packages import dark_network, disc_image, make_package, measured
from safetensors.numpy import load_file, save_file

from hrtem_shift.errors import InputError
from hrtem_shift.networks.weights import weights_bytes, weights_of
from hrtem_shift.reliability.training_domain import Range
from hrtem_shift.segmentation.package import PackageError, read_package, write_package


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return make_package(tmp_path_factory.mktemp("packages") / "discs")


@pytest.fixture
def package(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "package")


def sign_again(package):
    """Make SHA256SUMS what it must be, as an attacker would."""
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(package.iterdir())
        if path.name != "SHA256SUMS"
    ]
    (package / "SHA256SUMS").write_text("".join(lines))


def change_description(package, **changes):
    path = package / "package.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    sign_again(package)


def test_what_is_written_is_read(package):
    found = read_package(package)
    assert [member.fold for member in found.description.members] == [0, 1, 2]
    assert len(found.networks) == 3 and not any(n.training for n in found.networks)
    pd.testing.assert_frame_equal(found.evidence, measured()[1], rtol=1e-12)
    assert found.description.kernel == measured()[0]
    image = torch.from_numpy(disc_image((40, 40, 12))[None, None] / 100 - 1)
    with torch.inference_mode():
        assert torch.equal(found.networks[1](image), dark_network(0.8)(image))


def test_the_same_package_has_the_same_bytes_wherever_it_lies(whole, tmp_path):
    again = make_package(tmp_path / "elsewhere")
    assert read_package(again).identity == read_package(whole).identity


def test_a_folder_that_is_no_package_is_not_replaced(tmp_path, whole):
    found = read_package(whole)
    (tmp_path / "holiday.jpg").write_bytes(b"1")
    with pytest.raises(InputError, match="It would be deleted"):
        write_package(tmp_path, found.description, [], found.evidence, "")
    assert (tmp_path / "holiday.jpg").is_file()


class Bomb:
    """Unpickled, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def a_pickle_for_weights(package, tmp_path):
    bomb = pickle.dumps(Bomb(tmp_path / "ran"))
    (package / "network_0.safetensors").write_bytes(bomb)
    sign_again(package)


def a_torch_file_for_weights(package, tmp_path):
    torch.save({"state": Bomb(tmp_path / "ran")}, package / "network_0.safetensors")
    sign_again(package)


def a_pickle_beside_the_weights(package, tmp_path):
    (package / "network.pkl").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    sign_again(package)


def a_python_module(package, tmp_path):
    (package / "__init__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    sign_again(package)


def other_shapes(package, tmp_path):
    weights = load_file(package / "network_0.safetensors")
    weights["final_conv.weight"] = np.zeros((3, 4, 1, 1), np.float32)
    _weights_with_their_fingerprint(package, weights)


def a_missing_array(package, tmp_path):
    weights = load_file(package / "network_0.safetensors")
    del weights["final_conv.bias"]
    _weights_with_their_fingerprint(package, weights)


def weights_that_are_nan(package, tmp_path):
    weights = load_file(package / "network_0.safetensors")
    weights["bottleneck.conv1.weight"][0, 0, 0, 0] = np.nan
    _weights_with_their_fingerprint(package, weights)


def another_architecture(package, tmp_path):
    weights = load_file(package / "network_0.safetensors")
    weights["architecture"] = np.frombuffer(b"smp:Unet batch", np.uint8)
    _weights_with_their_fingerprint(package, weights)


def _weights_with_their_fingerprint(package, weights):
    from hrtem_shift.networks.weights import weights_fingerprint

    save_file(weights, package / "network_0.safetensors")
    members = json.loads((package / "package.json").read_text())["members"]
    members[0]["weights"] = weights_fingerprint(weights)
    change_description(package, members=members)


def other_weights(package, tmp_path):
    other = weights_bytes(weights_of(dark_network(0.1)))
    (package / "network_0.safetensors").write_bytes(other)
    sign_again(package)


def a_path_that_leaves_the_folder(package, tmp_path):
    shutil.move(package / "network_0.safetensors", tmp_path / "outside.safetensors")
    members = json.loads((package / "package.json").read_text())["members"]
    members[0]["file"] = "../outside.safetensors"
    change_description(package, members=members)


def an_absolute_path_in_the_checksums(package, tmp_path):
    with (package / "SHA256SUMS").open("a") as file:
        file.write(f"{hashlib.sha256(b'').hexdigest()}  /etc/passwd\n")


def a_link(package, tmp_path):
    shutil.move(package / "network_0.safetensors", tmp_path / "outside.safetensors")
    (package / "network_0.safetensors").symlink_to(tmp_path / "outside.safetensors")


def a_folder(package, tmp_path):
    (package / "more").mkdir()


def one_flipped_bit(package, tmp_path):
    path = package / "network_2.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def no_checksums(package, tmp_path):
    (package / "SHA256SUMS").unlink()


def no_evidence(package, tmp_path):
    (package / "evidence.csv").unlink()
    sign_again(package)


def no_description(package, tmp_path):
    (package / "package.json").unlink()
    sign_again(package)


def an_unknown_field(package, tmp_path):
    change_description(package, class_path="os.system")


def a_later_schema(package, tmp_path):
    change_description(package, schema_version=99)


def text_for_json(package, tmp_path):
    (package / "package.json").write_text("{" * 10_000)
    sign_again(package)


def evidence_of_impossible_scores(package, tmp_path):
    measured()[1].assign(hard_dice=1.5).to_csv(package / "evidence.csv", index=False)
    sign_again(package)


def evidence_of_text(package, tmp_path):
    measured()[1].assign(log_roughness="=cmd()").to_csv(package / "evidence.csv", index=False)
    sign_again(package)


EVIL = {
    a_pickle_for_weights: "network_0.safetensors is no safetensors file",
    a_torch_file_for_weights: "network_0.safetensors is no safetensors file",
    a_pickle_beside_the_weights: "it holds 'network.pkl', which is no file of a package",
    a_python_module: "it holds '__init__.py', which is no file of a package",
    other_shapes: "size mismatch for final_conv.weight",
    a_missing_array: "final_conv.bias",
    weights_that_are_nan: "not finite in bottleneck.conv1.weight",
    another_architecture: "is of another architecture",
    other_weights: "holds other weights",
    a_path_that_leaves_the_folder: "members.0.file",
    an_absolute_path_in_the_checksums: "'/etc/passwd' is either in the folder",
    a_link: "is a link or a folder",
    a_folder: "is a link or a folder",
    one_flipped_bit: "network_2.safetensors is not the file",
    no_checksums: "'SHA256SUMS' is missing",
    no_evidence: "'evidence.csv' is missing",
    no_description: "'package.json' is missing",
    an_unknown_field: "unknown parameter 'class_path'",
    a_later_schema: "schema_version",
    text_for_json: "Invalid JSON",
    evidence_of_impossible_scores: "hard_dice goes beyond 0 to 1",
    evidence_of_text: "Unable to parse string",
}


@pytest.mark.parametrize("damage", EVIL, ids=lambda damage: damage.__name__)
def test_an_evil_package_is_refused_and_nothing_runs(package, tmp_path, damage):
    damage(package, tmp_path)
    with pytest.raises(PackageError, match=EVIL[damage]) as refused:
        read_package(package)
    assert refused.value.where == f"network package {package}"
    assert not (tmp_path / "ran").exists()


def test_a_missing_folder_is_no_package(tmp_path):
    with pytest.raises(PackageError, match="no such folder"):
        read_package(tmp_path / "none")


def test_a_range_knows_how_far_outside_a_value_is():
    dose = Range(low=50, high=200)
    assert [dose.excess(value) for value in (50, 100, 200, 400, 10)] == [1, 1, 1, 2, 5]
    assert dose.excess(0) == np.inf
    assert [dose.nearest(value) for value in (10, 100, 400)] == [50, 100, 200]
    with pytest.raises(ValueError, match="above"):
        Range(low=2, high=1)


def test_the_card_says_what_was_trained_on_and_measured(whole):
    card = (whole / "CARD.md").read_text()
    assert "3 networks (residual_unet, batch norm) trained on the data set `discs`" in card
    assert "| pixel size [nm] | 0.1 | 0.1 |" in card
    evidence = measured()[1]
    mean = evidence.loc[evidence["usual"], "hard_dice"].mean()
    assert f"| discs (as trained on; unseen) | {mean:.3f} |" in card
    assert "Whether probabilities are right was not measured" in card
