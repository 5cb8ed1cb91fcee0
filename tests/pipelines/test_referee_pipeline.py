"""The referee and its calibration through the real command line, with tiny scenes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT.parent / "shared" / "data" / "published_networks"
TINY_REFEREE = """
compute: {executor: serial}
referee:
  scenes_across: 2
  preparation: {patch_px: 64, flat_field: null, flat_field_scale: null}
  simulation:
    scenes: 8
    coherence: quasi_coherent
    scene:
      field_nm: 2.56
      particles: {count: 1, diameter_nm: 1.6, shape: [sphere]}
      carbon: {generator: hard_spheres, thickness_nm: 1.0, roughness_rms_nm: 0.0}
    multislice: {pixels: 128, slice_thickness_nm: 0.4}
calibration:
  micrographs: 1
  free: {absorption_length_nm: null, read_noise_e: null}
"""

needs_networks = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the published networks are not beside us"
)


@pytest.fixture(scope="module")
def tiny(new_project):
    project = new_project()
    project.environment_of("judged", TINY_REFEREE)
    return project


def run(project, pipeline, *parameters):
    given = [f"--params={','.join(parameters)}"] if parameters else []
    return project.run(f"--pipeline={pipeline}", *given, env="judged")


@pytest.fixture(scope="module")
def judged(tiny):
    done = run(tiny, "referee", f"referee.networks={PUBLISHED}")
    assert done.returncode == 0, done.stdout + done.stderr
    return tiny.tables("referee")


@needs_networks
@pytest.mark.slow
def test_workers_change_nothing(tiny, judged):
    how = f"referee.networks={PUBLISHED},compute.executor=processes,compute.workers=2"
    done = run(tiny, "referee", how)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tiny.tables("referee") == judged


@needs_networks
def test_every_family_is_scored_on_every_dose(tiny, judged):
    scores = pd.read_csv(tiny.reports / "referee" / "referee.csv", dtype={"test_set": str})
    assert list(scores) == ["family", "fold", "test_set", "hard_dice", "n_patches"]
    families = {f"5nmAu330kX{dose}eUTC" for dose in (80, 423, 884)}
    assert len(scores) == 15 * 3 and set(scores["family"]) == families
    assert set(scores["test_set"]) == {"80", "423", "884"} and set(scores["fold"]) == set(range(5))
    assert scores["hard_dice"].between(0, 1).all() and scores["n_patches"].between(1, 32).all()
    cells = pd.read_csv(tiny.reports / "referee" / "cells.csv")
    assert cells["published"].notna().sum() == 5
    statistics = pd.read_csv(tiny.reports / "referee" / "image_statistics.csv")
    assert statistics["simulated"].notna().all() and statistics["published"].notna().sum() == 4
    assert (tiny.reports / "referee" / "matrix.png").stat().st_size > 10_000
    micrographs = pd.read_parquet(tiny.folder / "data/01_raw/referee/micrographs.parquet")
    assert len(micrographs) == 6 and micrographs["defocus_nm"].nunique() == 6


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "no folder of published networks is named"),
        (["referee.networks=conf"], "conf"),
        (["referee.scenes_across=3"], "8 scenes of data set '884' do not fill micrographs of 3"),
        (["referee.preparation.patch_px=80"], "128 px are not cut into whole patches of 80"),
        (["referee.simulation.imaging.dqe_zero=2"], "referee.simulation.imaging.dqe_zero"),
        (["calibration.free.defocus=1"], "calibration.free.defocus"),
    ],
)
def test_a_referee_that_cannot_judge_says_so_before_any_work(tiny, parameters, message):
    done = run(tiny, "referee", *parameters)
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert message in said and "Traceback" not in said
    assert "to simulate" not in said


def test_statistics_of_ones_own_micrographs_are_fitted_by_scenes_of_their_own(tiny):
    """A folder of noise at one dose: the targets are its own contrast and roughness."""
    folder, rng = tiny.folder / "mine", np.random.default_rng(0)
    folder.mkdir()
    mask = np.zeros((256, 256), bool)
    mask[40:120, 60:140] = True
    rows = []
    for number in range(2):
        pixels = rng.poisson(100 - 8 * mask).astype(np.float32)
        tifffile.imwrite(folder / f"{number}.tif", pixels)
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}.png")
        rows.append({"image": f"{number}.tif", "mask": f"{number}.png", "pixel_size_nm": 0.02})
    pd.DataFrame(rows).assign(dose_e_per_A2=423).to_csv(folder / "metadata.csv", index=False)
    done = run(tiny, "calibration", "calibration.folder=mine")
    assert done.returncode == 0, done.stdout + done.stderr
    results = tiny.reports / "calibration"
    statistics = pd.read_csv(results / "statistics.csv").set_index("statistic")
    assert statistics["value"]["contrast"] == pytest.approx(0.8, abs=0.1)
    assert statistics["value"]["roughness"] == pytest.approx(1 / 6, rel=0.1)
    conditions = pd.read_csv(results / "conditions.csv").set_index("condition")
    assert list(conditions.index) == ["spot_std_px", "dqe_zero"]
    assert conditions["value"].between(conditions["low"], conditions["high"]).all()
    tried = pd.read_csv(results / "evaluations.csv")
    found = tried[["contrast_423", "roughness_423"]].to_numpy()
    misses = (np.log(found / statistics["value"].to_numpy()) ** 2).sum(axis=1)
    assert misses.min() < 0.9 * misses[0]
    seen = pd.read_parquet(tiny.folder / "data/01_raw/calibration/micrographs.parquet")
    assert set(seen["data_set"]) == {"423"} and set(seen["seed"]) == {57}
