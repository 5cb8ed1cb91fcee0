import numpy as np

from hrtem_shift.mass_thickness.secondary_electrons import Surface
from hrtem_shift.mass_thickness.shapes import thickness_map

SHAPE = (96, 96)
WHOLE = (np.s_[:, :], np.s_[:, :])


def ball(row, column, radius=18):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    squared = ((y - row) ** 2 + (x - column) ** 2) / radius**2
    return (2 * radius * np.sqrt(np.maximum(1 - squared, 0))).astype(np.float32)


def painted(seed, *bodies):
    surface = Surface(SHAPE, np.random.default_rng(seed))
    for body in bodies:
        surface.paint(*WHOLE, body, 18)
    return surface


def test_a_bare_surface_is_the_substrate():
    surface = Surface(SHAPE, np.random.default_rng(0))
    assert np.array_equal(surface.brightness, surface.bare)
    assert surface.bare.min() > 0


def test_rims_are_brighter_than_the_middle():
    body = ball(48, 48)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    distance = np.hypot(y - 48, x - 48)
    brighter = []
    for seed in range(40):
        shade = painted(seed, body).brightness
        brighter.append(
            shade[(distance > 14) & (distance < 17)].mean() > shade[distance < 6].mean()
        )
    assert np.mean(brighter) > 0.9


def test_most_particles_are_brighter_than_the_substrate():
    body = ball(48, 48)
    brighter = []
    for seed in range(60):
        surface = painted(seed, body)
        inside = body > 0
        brighter.append(surface.brightness[inside].mean() > surface.bare[inside].mean())
    assert np.mean(brighter) > 0.85


def test_the_uppermost_hides_what_is_below():
    below, above = ball(48, 40), ball(48, 60)
    for seed in range(10):
        both = painted(seed, below, above).brightness
        alone = painted(seed, above).brightness
        inside = above > 0
        assert np.array_equal(both[inside], alone[inside])


def test_what_lies_beside_is_never_brightened():
    body = thickness_map("cube", 18, np.random.default_rng(0))
    size = body.shape[0]
    window = (np.s_[10 : 10 + size], np.s_[20 : 20 + size])
    darker = []
    for seed in range(30):
        surface = Surface(SHAPE, np.random.default_rng(seed))
        surface.paint(window, np.s_[:, :], body, 18)
        outside = np.ones(SHAPE, bool)
        outside[window] = body == 0
        assert (surface.brightness[outside] <= surface.bare[outside] + 1e-6).all()
        darker.append((surface.brightness[outside] < surface.bare[outside] - 1e-3).any())
    assert np.mean(darker) > 0.5
