"""The page of a batch: what it says, in which order, escaped, and small enough for a thousand."""

import base64
import html
import io
import re
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from segmented_batches import MANIFEST, RULE, batch, failed, segmented, write_overlay

from hrtem_shift.figures.batch_notices import merged_notes, warning_notices
from hrtem_shift.figures.batch_page import MOST_THUMBNAILS
from hrtem_shift.figures.thumbnails import overlay_thumbnail
from hrtem_shift.reliability.verdict import LEVELS, Verdict

EVIL = "<script>alert(1)</script><img src=x onerror='alert(2)'>"
MIB = 2**20


def section(page, heading):
    """Text of a section, without tags."""
    match = re.search(rf"<h2>{heading}</h2>(.*?)</section>", page, re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", "\n", match[1])).replace("\N{NO-BREAK SPACE}", " ")


def names(page):
    return [html.unescape(name) for name in re.findall(r'<td class="name">(.*?)</td>', page)]


def words(text):
    return " ".join(text.split())


def mixed():
    return [
        segmented("good", dice=0.93),
        segmented("doubtful", "borderline", 0.84, what_to_do="Look at the outlines."),
        segmented("bad", "outside", 0.41, reasons="too coarse; expected hard Dice 0.41"),
        segmented("unknown", "outside", None, reasons="nothing like it; expected hard Dice"),
        segmented("worse", "outside", 0.22),
        segmented("fair", dice=0.91),
        failed("broken", "its pixel size is not known"),
    ]


def test_counts_of_verdicts_come_first():
    page = batch(mixed()).page
    counts = re.search(r'<ul class="counts">(.*?)</ul>', page, re.DOTALL)
    wording = words(re.sub(r"<[^>]+>", " ", counts[1]))
    assert wording == "2 in range 1 borderline 3 outside 1 not segmented, why"
    assert counts.start() < page.index("<h2>")


def test_the_image_to_look_at_first_comes_first():
    assert names(batch(mixed()).page) == ["unknown", "worse", "bad", "doubtful", "fair", "good"]


def test_a_row_says_what_to_expect_why_and_what_to_do():
    row = segmented("a", "borderline", 0.84, n_particles=1234, reasons="odd; expected hard Dice 0")
    text = words(section(batch([row | {"what_to_do": "Look."}]).page, "Verdicts"))
    assert "a borderline 1,234 0.84 (0.78 to 0.87) odd Look." in text
    assert "with 90 % probability" in text
    assert RULE in text


def test_an_expectation_that_is_not_there_is_unknown():
    text = words(section(batch([segmented(dice=None)]).page, "Verdicts"))
    assert " unknown " in text and "nan" not in text.lower() and "probability" not in text


def test_the_reason_that_repeats_the_expected_dice_begins_as_verdicts_write_it():
    reasons = Verdict((), 0.9, None, (), None).reasons
    page = batch([segmented(reasons=f"first; {reasons}")]).page
    assert reasons not in page and "first" in page


def test_the_usual_dice_is_said_where_the_manifest_has_it():
    plain = batch([segmented()])
    assert "On images like those of training" not in plain.page
    plain.manifest = MANIFEST | {"network": MANIFEST["network"] | {"usual_dice": 0.876}}
    assert "On images like those of training it is 0.88." in plain.page


def test_overlays_stand_in_the_order_of_the_table_and_lead_to_the_large_ones(tmp_path):
    given = batch(mixed())
    for row in mixed()[:-1]:
        given.overlays[row["image"]] = write_overlay(tmp_path, row["image"], level=row["verdict"])
    page = given.page
    addresses = re.findall(r'<a href="(\./[^"]*)"><img', page)
    assert addresses == [f"./{name}/{name}_overlay.png" for name in names(page)]
    assert all((tmp_path / address).is_file() for address in addresses)
    assert "6 of 6 shown" in section(page, "Overlays")


def test_an_overlay_that_cannot_be_read_is_left_out(tmp_path):
    given = batch([segmented("a"), segmented("b"), segmented("c")])
    given.overlays["a"] = write_overlay(tmp_path, "a")
    given.overlays["b"] = tmp_path / "missing.png"
    given.overlays["c"] = tmp_path / "c.png"
    given.overlays["c"].write_bytes(given.overlays["a"].read_bytes()[:200])
    assert "1 of 3 shown, in the order of the table; 2 left out" in given.page


def test_a_thumbnail_is_the_micrograph_without_the_text_around_it(tmp_path):
    path = write_overlay(tmp_path, "a", shape=(300, 600))
    thumbnail = overlay_thumbnail(path, most_px=400, most_bytes=10**6)
    assert (thumbnail.width, thumbnail.height) == (400, 200)
    pixels = np.asarray(Image.open(io.BytesIO(thumbnail.jpeg)).convert("L"))
    assert pixels[[0, -1]].mean() < 200


def test_a_thumbnail_needs_no_more_bytes_than_it_may(tmp_path):
    path = write_overlay(tmp_path, "a")
    free = overlay_thumbnail(path, most_px=400, most_bytes=10**6)
    for most_bytes in (len(free.jpeg) // 2, 5000, 1500):
        thumbnail = overlay_thumbnail(path, most_px=400, most_bytes=most_bytes)
        assert len(thumbnail.jpeg) <= most_bytes
    assert 32 < thumbnail.width < free.width == 400


def test_sizes_have_intervals_and_can_be_saved():
    page = batch(mixed()).page
    text = words(section(page, "Sizes"))
    for statistic in ("D10", "D50", "D90", "mean"):
        assert re.search(rf"{statistic} \d\.\d\d \d\.\d\d to \d\.\d\d \d\.\d\d \d\.\d\d to", text)
    assert "n 210 whole particles, 6 images 105 whole particles, 3 images" in text
    saved = re.search(r'download="sizes.csv" href="data:text/csv;base64,([^"]*)"', page)[1]
    table = pd.read_csv(io.BytesIO(base64.b64decode(saved)))
    assert len(table) == 8 and table["low_nm"].lt(table["high_nm"]).all()


def test_images_that_are_all_in_range_are_counted_once():
    text = words(section(batch([segmented("a"), segmented("b")]).page, "Sizes"))
    assert "without images outside" not in text
    assert "none of those with whole particles is outside" in text


@pytest.mark.parametrize(
    ("n_images", "n_particles", "wording", "absent"),
    [
        (1, 8, ["Unsure: 7 whole particles, fewer than 30", "One image:"], ["images are few"]),
        (3, 80, ["3 images are few"], ["Unsure", "One image"]),
        (12, 8, ["No distribution is fitted"], ["Unsure", "are few", "One image"]),
        (1, 0, ["No particle is whole"], ["Unsure", "One image"]),
        (1, 1, ["Unsure: 1 whole particle, fewer", "D50 4.", " unknown "], []),
        (10, 700, [], ["Unsure", "No distribution", "are few"]),
    ],
)
def test_small_numbers_are_named(n_images, n_particles, wording, absent):
    rows = [segmented(f"image_{k}", n_particles=n_particles) for k in range(n_images)]
    given = batch(rows)
    if n_particles == 1:
        given.particles["equivalent_diameter_nm"] = 4.0
    text = words(section(given.page, "Sizes"))
    assert all(part in text for part in wording)
    assert not any(part in text for part in absent)


def test_what_was_repaired_is_said_for_all_images_together():
    hot = "{} hot and {} dead pixels were repaired"
    rows = [
        segmented("a", notes=hot.format(3, 0)),
        segmented("b", notes=hot.format(1200, 2) + "; 1.5% of the image are marks"),
        segmented("c", notes=hot.format(40, 2)),
    ]
    notices = merged_notes(rows)
    assert [(notice.what, notice.where) for notice in notices] == [
        ("3 to 1200 hot and 0 to 2 dead pixels were repaired", "a, b, c"),
        ("1.5% of the image are marks", "b"),
    ]
    page = batch(rows).page
    assert notices[0].what in section(page, "Repaired or noticed")
    assert f"On 3 micrographs, {notices[0].what}." in section(page, "Methods, to paste")


def test_many_images_are_not_all_named():
    rows = [segmented(f"image_{k}", notes="repaired" if k else "") for k in range(9)]
    assert merged_notes(rows)[0].where.endswith("image_5 and 3 others")
    rows[0]["notes"] = "repaired"
    assert merged_notes(rows)[0].where == "all 9 images"


def test_warnings_stand_with_the_image_of_their_path_and_notes_are_not_repeated():
    rows = [
        segmented("a", path="odd: folder/a.tif", notes="was repaired"),
        segmented("b", path="'=b.tif"),
    ]
    warnings = [
        "odd: folder/a.tif: was repaired",
        "odd: folder/a.tif: has no date: none",
        "=b.tif: has no date: none",
        "elsewhere.tif: is strange",
        "",
    ]
    notices = warning_notices(rows, warnings)
    assert [(notice.what, notice.images) for notice in notices] == [
        ("has no date: none", ("a", "b")),
        ("elsewhere.tif: is strange", ()),
    ]
    text = section(batch(rows, warnings=warnings).page, "Repaired or noticed")
    assert text.count("was repaired") == text.count("has no date: none") == 1


def test_what_was_not_compared_is_said():
    missing = "dose (not known for this image); optics (the defocus is not known)"
    rows = [segmented(f"image_{k}", not_compared=missing) for k in range(7)]
    text = words(section(batch(rows).page, "Verdicts"))
    assert "Not compared dose (not known for this image) all 7 images optics (the" in text


def test_the_methods_paragraph_says_every_choice():
    text = words(section(batch(mixed()).page, "Methods, to paste"))
    for sentence in (
        "6 micrographs were segmented by hrtem-shift 0.9.7 with 3 networks (Au_330kx, SHA-256 "
        "0123456789ab…).",
        "Their pixel size was 0.02 nm. The networks saw them at a pixel size of 0.021 nm.",
        "Images were prepared by repairing pixels 1500 counts above the median, then dividing "
        "by a smooth background ('exact' fit), then rescaling intensities ('standardize').",
        "the mean probability of the networks exceeds 0.5.",
        "those below 1 nm² were removed.",
        "Particles that the border of an image cuts were counted, but not sized.",
        f"{RULE}. Verdicts: 2 in range, 1 borderline, 3 outside.",
        "all images (210 particles, 6 images): D10",
        "without images outside (105 particles, 3 images): D10",
        "a bootstrap that draws images, then particles within each.",
    ):
        assert sentence in text
    assert ".." not in text and "nan" not in text and "efocus" not in text


def test_other_choices_give_another_methods_paragraph():
    options = MANIFEST["options"] | {"exclude_border": True, "defocus_nm": 8.5, "threshold": 0.7}
    network = MANIFEST["network"] | {"members": [{}]}
    given = batch([segmented(n_particles=5)], manifest=MANIFEST | {"options": options})
    given.manifest["network"] = {key: network[key] for key in ("name", "identity", "members")}
    text = words(section(given.page, "Methods, to paste"))
    for part in (
        "1 micrograph was segmented",
        "1 network (Au_330kx",
        "Their defocus was stated to be 8.5 nm.",
        "where the probability exceeds 0.7.",
        "cuts were removed.",
        "a bootstrap that draws particles.",
    ):
        assert part in text
    assert "prepared" not in text


def test_what_the_verdict_means_is_asked_of_the_manifest():
    given = batch([segmented()])
    del given.manifest["verdict_rule"]
    with pytest.raises(KeyError, match="verdict_rule"):
        _ = given.page


def test_images_that_failed_and_versions_are_named():
    page = batch(mixed()).page
    assert "session/broken.tif: its pixel size is not known" in section(page, "Not segmented")
    assert words(section(page, "Versions")) == "hrtem-shift 0.9.7 numpy 2.4.0"
    assert "No image failed." in section(batch([segmented()]).page, "Not segmented")


@pytest.mark.parametrize("rows", [[failed("a"), failed("b")], [failed("a")], []])
def test_without_a_segmented_image_there_is_a_page(rows):
    given = batch(rows)
    given.manifest = {"versions": {}}
    if not rows:
        given.summary = pd.DataFrame(columns=["image", "path", "status", "what"])
    page = given.page
    assert "No image was segmented." in page
    assert "<h2>Sizes" not in page and "<h2>Methods" not in page and "<h2>Overlays" not in page
    assert page.count("not an image") == len(rows)


def test_an_image_without_particles_has_a_page():
    page = batch([segmented("a", "borderline", None, n_particles=0)]).page
    assert "No particle is whole, so there is no size." in page
    methods = section(page, "Methods, to paste")
    assert "Equivalent diameters" not in methods and "bootstrap" not in methods


def test_texts_are_escaped_and_nothing_is_loaded(tmp_path):
    overlay = write_overlay(tmp_path, "a")
    texts = ("path", "reasons", "what_to_do", "notes", "not_compared")
    given = batch(
        [segmented(EVIL, **dict.fromkeys(texts, EVIL)), failed(EVIL, EVIL)],
        overlays={EVIL: overlay.rename(overlay.with_name('"><b>.png'))},
        warnings=[EVIL, f"{EVIL}: {EVIL}"],
    )
    network = MANIFEST["network"] | {"name": EVIL}
    given.manifest |= {
        "network": network,
        "verdict_rule": EVIL,
        "versions": {"hrtem-shift": EVIL, EVIL: EVIL},
    }
    page = given.page
    assert page.count("&lt;script&gt;") > 12
    assert not re.search(r"<script|<img src=x|<b>\.png", page)
    assert 'href="./a/%22%3E%3Cb%3E.png"' in page
    assert not re.search(r"https?:|url\(|@import|<link", page)


def test_the_same_batch_gives_the_same_page_without_a_date():
    assert batch(mixed()).page == batch(mixed()).page
    assert not re.search(r"202\d-", batch(mixed()).page)


@pytest.mark.slow
def test_a_thousand_images_make_a_page_below_10_mib_in_reasonable_time(tmp_path):
    """With the noisiest of overlays, long reasons, and a hundred particles an image."""
    rows = [
        segmented(
            f"20221109_Au_UTC_330kx_{k:04d}",
            LEVELS[k % 3],
            0.9 - k / 2000,
            n_particles=100,
            reasons="unlike training, foremost contrast of the finest details: 0.3, trained 0.1; "
            * 4,
            what_to_do="Look at the outlines before you use the sizes. " * 2,
            notes=f"{k} hot and 0 dead pixels were repaired",
        )
        for k in range(1000)
    ]
    noise = np.random.default_rng(0).integers(0, 255, (1400, 1200), np.uint8)
    path = tmp_path / "noise" / "noise_overlay.png"
    path.parent.mkdir()
    Image.fromarray(noise).save(path)
    given = batch(rows, overlays={row["image"]: path for row in rows})
    given.warnings = [
        f"{row['path']}: a tif without a date, number {k}" for k, row in enumerate(rows)
    ]
    start = time.process_time()
    page = given.page
    assert time.process_time() - start < 120
    assert len(page.encode()) < 10 * MIB
    assert page.count("<img ") == MOST_THUMBNAILS + 1
    assert f"{MOST_THUMBNAILS} of 1000 shown" in page
    assert len(names(page)) == 1000
    assert "0 to 999 hot and 0 dead pixels were repaired" in page
