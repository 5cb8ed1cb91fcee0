"""The gallery's machinery: what a picture is, how it is drawn, and the page around it."""

from __future__ import annotations

import inspect
import io
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gallery_figure import structure_figure
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hrtem_shift.figures.colours import SERIES
from hrtem_shift.figures.report import figure_png
from hrtem_shift.micrographs.labels import particle_labels
from hrtem_shift.microscope.conditions import ImagingConditions
from hrtem_shift.microscope.detector import record
from hrtem_shift.microscope.imaging import image_intensity
from hrtem_shift.microscope.multislice import exit_wave
from hrtem_shift.microscope.settings import MultisliceSettings
from hrtem_shift.seeds import generator_at
from hrtem_shift.structures.atoms import Atoms
from hrtem_shift.structures.scenes import Scene, projected_thickness_nm

if TYPE_CHECKING:
    from PIL import Image

Build = Callable[..., Atoms | Scene]
"""Takes nothing, or a generator if chance plays a part."""

SEED = 2306
LARGEST_BYTES = 60_000
_FINENESS = [(110, 64), (110, 40), (100, 40), (92, 36), (84, 32), (76, 32), (68, 28)]
"""Dots per inch and colours, from fine to coarse; the first that is small enough is taken."""

CONDITIONS = ImagingConditions(
    defocus_nm=8.0,
    cs_mm=0.005,
    focal_spread_std_nm=1.5,
    interference_contrast=0.5,
    absorption_length_nm=150,
    dose_e_per_A2=2000,
    spot_std_px=0.75,
)


@dataclass(frozen=True)
class Picture:
    """One entry of the gallery; `build` returns the atoms or the scene."""

    name: str
    chapter: str
    title: str
    sentence: str
    code: str
    build: Build
    options: dict[str, Any] = field(default_factory=dict)
    micrograph: bool = False
    labels: bool = False
    language: str = "python"

    def made(self) -> Atoms | Scene:
        """Build the structure; its random numbers have the picture's name as their address."""
        if inspect.signature(self.build).parameters:
            return self.build(generator_at(SEED, "gallery", self.name))
        return self.build()

    def figure(self) -> Figure:
        """Build the structure and draw it."""
        made = self.made()
        scene = made if isinstance(made, Scene) else in_vacuum(made)
        images: dict[str, NDArray[Any]] = {}
        if self.micrograph:
            images["simulated micrograph"] = micrograph(scene)
        if self.labels:
            images["instance map"] = particle_labels(scene, _pixels(scene)).instance.astype(
                np.int64
            )
        boxed = isinstance(made, Scene)
        atoms = Atoms(scene.positions_nm, scene.atomic_numbers, _regions(scene))
        return structure_figure(
            f"{self.title}: {len(atoms):,} atoms",
            atoms if boxed or self.micrograph else made,
            scene.size_nm if boxed or self.micrograph else None,
            images=images,
            outline_box=boxed,
            **self.options,
        )


PICTURES: list[Picture] = []
"""All pictures in the order of the page."""


def picture(
    chapter: str,
    title: str | None = None,
    *,
    micrograph: bool = False,
    labels: bool = False,
    **options: Any,
) -> Callable[[Build], Build]:
    """Put what a function builds into the gallery; options go to `structure_figure`."""

    def register(build: Build) -> Build:
        said = title or build.__name__.replace("_", " ").capitalize()
        sentence = " ".join((inspect.getdoc(build) or "").split())
        entry = Picture(build.__name__, chapter, said, sentence, _body(build), build, options)
        PICTURES.append(replace(entry, micrograph=micrograph, labels=labels))
        return build

    return register


def in_vacuum(atoms: Atoms, margin_nm: float = 0.6) -> Scene:
    """A scene with a square field around atoms, and nothing else in it."""
    low, high = atoms.positions_nm.min(axis=0), atoms.positions_nm.max(axis=0)
    edge = float((high - low)[:2].max()) + 2 * margin_nm
    size_nm = (edge, edge, float((high - low)[2]) + 0.4)
    moved = atoms.moved((np.array(size_nm) - low - high) / 2)
    ones = np.ones(len(atoms), dtype=np.int64)
    return Scene(size_nm, moved.positions_nm, moved.atomic_numbers, ones, (), moved.region)


def micrograph(scene: Scene, conditions: ImagingConditions = CONDITIONS) -> NDArray[np.float32]:
    """What a camera records of a scene at 300 keV, electrons per pixel."""
    pixels = _pixels(scene)
    pixel_size_nm = scene.size_nm[0] / pixels
    wave = exit_wave(scene, MultisliceSettings(pixels=pixels))
    thickness_nm = projected_thickness_nm(scene, pixels)
    intensity = image_intensity(wave, conditions, 300, pixel_size_nm, thickness_nm)
    return record(intensity, conditions, pixel_size_nm, generator_at(SEED, "camera"))


def small_png(figure: Figure) -> bytes:
    """Draw a figure with few colours, as fine as `LARGEST_BYTES` allow; same bytes each time."""
    from PIL import Image

    for dpi, colours in _FINENESS:
        image = Image.open(io.BytesIO(figure_png(figure, dpi))).convert("RGB")
        reduced = image.quantize(palette=_palette(image, colours), dither=Image.Dither.NONE)
        stream = io.BytesIO()
        reduced.save(stream, format="png", optimize=True)
        if stream.tell() <= LARGEST_BYTES:
            break
    return stream.getvalue()


def _palette(image: Image.Image, colours: int) -> Image.Image:
    """Even greys for micrographs and letters, the colours of instances, and the best few more."""
    from PIL import Image

    pixels = np.asarray(image).reshape(-1, 3)
    coloured = pixels[np.ptp(pixels.astype(int), axis=1) > 20]
    greys = colours // 3 if len(coloured) else colours
    table = np.repeat(np.linspace(0, 255, greys).round().astype(np.uint8), 3)
    if len(coloured):
        table = np.append(table, np.array([to_rgb(one) for one in SERIES]) * 255 + 0.5)
        left = colours - greys - len(SERIES)
        few = Image.fromarray(coloured[None]).quantize(left, kmeans=1)
        table = np.append(table.astype(np.uint8), np.array(few.getpalette()[: 3 * left], np.uint8))
    palette = Image.new("P", (1, 1))
    palette.putpalette(table.tolist())
    return palette


def write_gallery(folder: Path) -> list[Path]:
    """Draw all pictures into ``images/gallery`` of a folder, and write ``gallery.md``."""
    images = folder / "images" / "gallery"
    images.mkdir(parents=True, exist_ok=True)
    paths = []
    for entry in PICTURES:
        path = images / f"{entry.name}.png"
        path.write_bytes(small_png(entry.figure()))
        paths.append(path)
    (folder / "gallery.md").write_text(page(), encoding="utf-8")
    return paths


def page() -> str:
    """The page in Markdown."""
    lines = [_HEAD]
    chapter = ""
    for entry in PICTURES:
        if entry.chapter != chapter:
            chapter = entry.chapter
            lines += [f"## {chapter}", ""]
        lines += [
            f"### {entry.title}",
            "",
            entry.sentence,
            "",
            f"![{entry.title}](images/gallery/{entry.name}.png)",
            "",
            f"```{entry.language}",
            entry.code,
            "```",
            "",
        ]
    return "\n".join(lines)


_HEAD = """# What can be built

One picture per family of structures, with the lines that built it. All of this page is made by

```
python docs/make_gallery.py
```

`GOLD` stands for `CRYSTALS["Au"]`, `rng` for a numpy generator (`hrtem_shift.seeds.generator_at`);
imports are at the top of [gallery_pictures.py](gallery_pictures.py),
[gallery_scenes.py](gallery_scenes.py) and [make_gallery.py](make_gallery.py).
[Options of a scene](#options-of-a-scene) are parameters of the block `simulation.scene`.
In every panel x points right and y up, so that the beam leaves towards the reader: the exit surface
is in front. Farther atoms are paler. Micrographs are multislice at 300 keV, 8 nm underfocus,
2000 e/Å². How structures are built, and how this compares with Construction Zone, is in
[structures.md](structures.md).
"""


def _body(build: Build) -> str:
    """Source of a function's body, without its docstring."""
    source = inspect.getsource(build)
    _, _, rest = source.partition('"""')
    _, _, code = rest.partition('"""')
    text = textwrap.dedent(code.lstrip("\n").rstrip())
    # What was indented is a script now, where two lines follow a function.
    return re.sub(r"(\n    [^\n]*\n)\n(?=return)", r"\1\n\n", text) if "def " in text else text


def _pixels(scene: Scene) -> int:
    """Even number of pixels, 0.05 nm at most, 256 at least."""
    return max(256, 2 * int(np.ceil(scene.size_nm[0] / 0.049 / 2)))


def _regions(scene: Scene) -> NDArray[np.int64]:
    return np.zeros(len(scene.positions_nm), np.int64) if scene.region is None else scene.region
