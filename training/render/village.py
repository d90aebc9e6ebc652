"""A village in hills as layers: what things are coloured like, and what of them shines when it is dark."""

from dataclasses import dataclass, field

import numpy as np

from training.render.canvas import Paint, Points, blank, ellipse, fill, stroke
from training.render.grounds import ridge
from training.render.materials import Field, Random, colour, fractal_noise, grain

_WALLS = (
    colour(0.86, 0.82, 0.74), colour(0.78, 0.70, 0.58), colour(0.70, 0.46, 0.36), colour(0.88, 0.87, 0.85),
    colour(0.62, 0.60, 0.58), colour(0.80, 0.72, 0.46), colour(0.56, 0.40, 0.30),
)  # fmt: skip
_TILES = (
    colour(0.56, 0.28, 0.20), colour(0.44, 0.24, 0.18), colour(0.34, 0.34, 0.37), colour(0.26, 0.25, 0.27),
    colour(0.50, 0.38, 0.30),
)  # fmt: skip
_GREENS = (colour(0.30, 0.44, 0.17), colour(0.38, 0.46, 0.20), colour(0.44, 0.44, 0.24))
_LEAVES = (colour(0.17, 0.30, 0.11), colour(0.22, 0.33, 0.13), colour(0.13, 0.24, 0.12), colour(0.34, 0.34, 0.12))
_GLASS = colour(0.30, 0.38, 0.46)
_BULBS = (colour(1.0, 0.78, 0.42), colour(1.0, 0.86, 0.58), colour(1.0, 0.70, 0.34))
_LAMP = colour(1.0, 0.84, 0.54)
_DARK = colour(0.0, 0.0, 0.0)


@dataclass(slots=True)
class Village:
    """The layers of one place.

    Attributes:
        horizon: its row.
        solid: height x width x 4, colours of all but the sky, multiplied by the fourth channel, the cover.
        shining: height x width x 3, what windows and lamps give off at night, 0..1.
        pools: centre, radii and strength of the light that lamps and windows throw on the ground.
        sunny: -1 or 1, the side on which walls are bright by day.
    """

    horizon: float
    solid: Field
    shining: Field
    sunny: int
    pools: list[tuple[tuple[float, float], tuple[float, float], float]] = field(default_factory=list)

    def thing(self, points: Points, paint: Paint) -> None:
        """Something that does not shine and hides what does."""
        fill(self.solid, points, paint)
        fill(self.shining, points, Paint(_DARK, paint.softness))


def build_village(rng: Random, height: int, width: int) -> Village:
    """Hills, meadows, a road with lamps, houses and trees, back to front."""
    horizon = float(height * rng.uniform(0.38, 0.52))
    place = Village(horizon, blank(height, width, 4), blank(height, width, 3), int(rng.choice((-1, 1))))
    _hills(rng, place)
    _meadow(rng, place)
    far, near = _road(rng, place)
    depths = np.sort(rng.uniform(0.04, 0.62, int(rng.integers(3, 8))))
    lamps = iter(np.arange(0.08, 0.95, 0.26) if rng.random() < 0.8 else ())
    lamp = next(lamps, 2.0)
    for depth in depths:
        while lamp < depth:
            _lamp(place, far + (near - far) * lamp**1.2, float(lamp))
            lamp = next(lamps, 2.0)
        side = rng.choice((-1, 1))
        away = rng.uniform(0.16, 0.42) * width * (0.4 + depth)
        x = float(far[0] + (near[0] - far[0]) * depth + side * away)
        if rng.random() < 0.75:
            _house(rng, place, x, float(depth))
        for _ in range(int(rng.integers(0, 3))):
            _tree(rng, place, x + float(rng.normal(0, 0.16) * width), float(depth + rng.uniform(0, 0.03)))
    while lamp < 1:
        _lamp(place, far + (near - far) * lamp**1.2, float(lamp))
        lamp = next(lamps, 2.0)
    return place


def _row(place: Village, depth: float) -> float:
    """Where ground at a depth is: 0 at the horizon, 1 at the lower edge."""
    return float(place.horizon + depth * (place.solid.shape[0] - place.horizon))


def _size(place: Village, depth: float) -> float:
    """Pixels of a storey at a depth."""
    return float(place.solid.shape[0] * (0.035 + 0.13 * depth))


def _hills(rng: Random, place: Village) -> None:
    """Chains of hills, the farther the paler."""
    height, width = place.solid.shape[:2]
    green, haze = colour(0.24, 0.35, 0.18) * np.float32(rng.uniform(0.8, 1.2)), colour(0.66, 0.74, 0.80)
    for share, rise in ((0.65, 0.2), (0.35, 0.13), (0.12, 0.07)):
        tint = np.asarray(green + (haze - green) * np.float32(share), np.float32)
        line = ridge(rng, width, place.horizon + 0.01 * height, rise * height * rng.uniform(0.4, 1.1))
        place.thing(line, Paint(tint, 0.8))
        if share < 0.3:
            _forest(rng, place, line)


def _forest(rng: Random, place: Village, line: Points) -> None:
    """Crowns along the near ridge."""
    height, width = place.solid.shape[:2]
    for x in np.arange(0, width, 0.018 * height) if rng.random() < 0.7 else ():
        if rng.random() < 0.75:
            y = float(np.interp(x, line[:-2, 0], line[:-2, 1]))
            size = height * rng.uniform(0.012, 0.026)
            leaf = _LEAVES[int(rng.integers(3))] * np.float32(rng.uniform(0.8, 1.2))
            place.thing(ellipse((float(x), y), (size, size * 1.2), points=10), Paint(leaf, 0.8))


def _meadow(rng: Random, place: Village) -> None:
    height, width = place.solid.shape[:2]
    first = int(place.horizon)
    rows = height - first
    base = _GREENS[int(rng.integers(len(_GREENS)))] * np.float32(rng.uniform(0.85, 1.15))
    broad = fractal_noise(rng, rows, width, (max(4, height // 6), max(3, height // 20)))
    fine = grain(rng, rows, width, across=2, along=4)
    depth = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    factor = (1 + 0.09 * broad + (0.03 + 0.07 * depth) * fine) * (1.12 - 0.22 * depth)
    place.solid[first:, :, :3] = base * factor[..., None]
    place.solid[first:, :, 3] = 1
    place.shining[first:] = 0


def _road(rng: Random, place: Village) -> tuple[Points, Points]:
    """A road from the lower edge into the distance; gives both its ends."""
    height, width = place.solid.shape[:2]
    near = np.array((width * rng.uniform(0.2, 0.8), float(height)))
    far = np.array((width * rng.uniform(0.3, 0.7), place.horizon))
    depth = np.linspace(0, 1, 16)
    bend = width * rng.normal(0, 0.06) * np.sin(np.pi * depth)
    middle = np.column_stack((far[0] + (near[0] - far[0]) * depth + bend, far[1] + (near[1] - far[1]) * depth))
    half = width * (0.006 + 0.11 * depth)[:, None] * (1, 0)
    grey = colour(0.42, 0.41, 0.40) * np.float32(rng.uniform(0.8, 1.25))
    place.thing(np.concatenate((middle - half, (middle + half)[::-1])), Paint(grey, 1.0))
    for start in range(6, 15, 3):
        line = middle[start : start + 2]
        stroke(place.solid, line, 0.012 * width * float(depth[start]), Paint(colour(0.8, 0.8, 0.76), 0.7, 0.8))
    return far, near


@dataclass(frozen=True, slots=True)
class _Form:
    """A house: where the middle of its gable end stands, and its measures in pixels.

    Attributes:
        x, foot: of that middle.
        storey: height of one.
        storeys: how many there are.
        wide, long: of the gable end, and of the side that recedes.
        rise: from the eaves to the ridge.
        away: -1 or 1, where it recedes to.
    """

    x: float
    foot: float
    storey: float
    storeys: int
    wide: float
    long: float
    rise: float
    away: int

    @property
    def tall(self) -> float:
        """From the ground to the eaves."""
        return self.storey * self.storeys

    @property
    def lift(self) -> float:
        """How much higher in the picture its far end stands."""
        return 0.14 * self.long

    def front(self) -> Points:
        """The gable end: both feet, an eave, the gable, the other eave: 5 x 2."""
        left, right, eaves = self.x - self.wide / 2, self.x + self.wide / 2, self.foot - self.tall
        return np.array(
            ((left, self.foot), (right, self.foot), (right, eaves), (self.x, eaves - self.rise), (left, eaves))
        )

    def side(self) -> Points:
        """The receding wall: near foot, far foot, far eave, near eave: 4 x 2."""
        near, far = self.x + self.away * self.wide / 2, self.x + self.away * (self.wide / 2 + self.long)
        ground = self.foot - self.lift
        return np.array(
            ((near, self.foot), (far, ground), (far, ground - self.tall * 0.94), (near, self.foot - self.tall))
        )

    def slope(self) -> Points:
        """The half of the roof above the receding wall: near eave, far eave, far and near end of the ridge: 4 x 2."""
        over = np.array((self.away, 1.0)) * 0.1 * self.storey
        _, _, far_eave, near_eave = self.side()
        gable = self.front()[3]
        far_gable = (far_eave[0] - self.away * self.wide / 2, self.foot - self.lift - self.tall - 0.94 * self.rise)
        return np.array((near_eave + over, far_eave + over, far_gable, gable))


def _random_form(rng: Random, place: Village, x: float, depth: float) -> _Form:
    storey, storeys = _size(place, depth), int(rng.integers(1, 4))
    wide, long = storey * float(rng.uniform(1.3, 2.0)), storey * float(rng.uniform(1.0, 2.2))
    rise, away = storey * float(rng.uniform(0.6, 1.0)), int(rng.choice((-1, 1)))
    return _Form(x, _row(place, depth), storey, storeys, wide, long, rise, away)


def _house(rng: Random, place: Village, x: float, depth: float) -> None:
    """A gable end towards the viewer and a long side that recedes."""
    form = _random_form(rng, place, x, depth)
    wall = _WALLS[int(rng.integers(len(_WALLS)))] * np.float32(rng.uniform(0.85, 1.1))
    roof = _TILES[int(rng.integers(len(_TILES)))] * np.float32(rng.uniform(0.85, 1.15))
    bright, dull = np.float32(1.06), np.float32(0.68)
    front_light, side_light = (dull, bright) if form.away == place.sunny else (bright, dull)
    shadow = (form.x + form.away * form.long / 2 - 0.2 * form.storey * place.sunny, form.foot - form.lift / 2)
    _shade(place, shadow, (0.55 * (form.wide + form.long), 0.4 * form.wide))
    place.thing(form.side(), Paint(wall * side_light, 0.7))
    _windows(rng, place, form.side(), form.storeys, max(1, round(form.long / form.storey)))
    front = form.front()
    place.thing(front, Paint(wall * front_light, 0.7))
    _windows(rng, place, front[[0, 1, 2, 4]], form.storeys, max(1, round(form.wide / form.storey)))
    place.thing(form.slope(), Paint(roof * side_light, 0.7))
    over = 0.1 * form.storey
    eaves = front[[4, 3, 2]] + np.array(((-over, over), (0, 0), (over, over)))
    for canvas, paint in ((place.solid, Paint(roof * np.float32(0.8), 0.6)), (place.shining, Paint(_DARK, 0.6))):
        stroke(canvas, eaves, max(1.0, 0.12 * form.storey), paint)
    place.pools.append(((form.x, form.foot), (1.3 * form.wide, 0.45 * form.wide), 0.25))


def _shade(place: Village, centre: tuple[float, float], radii: tuple[float, float]) -> None:
    """The dark ground at the foot of something."""
    fill(place.solid, ellipse(centre, radii, points=24), Paint(colour(0.08, 0.10, 0.06), 0.25 * radii[1], 0.45))


def _windows(rng: Random, place: Village, wall: Points, rows: int, columns: int) -> None:
    """Rows of windows on a wall with the corners near below, far below, far above, near above."""

    def at(along: float, up: float) -> Points:
        low, high = wall[0] + (wall[1] - wall[0]) * along, wall[3] + (wall[2] - wall[3]) * along
        return np.asarray(low + (high - low) * up)

    bulb = _BULBS[int(rng.integers(len(_BULBS)))]
    for row in range(rows):
        for column in range(columns):
            left, right = (column + 0.28) / columns, (column + 0.72) / columns
            low, high = (row + 0.34) / rows, (row + 0.8) / rows
            pane = np.array((at(left, low), at(right, low), at(right, high), at(left, high)))
            frame = np.array([pane.mean(axis=0) + (corner - pane.mean(axis=0)) * 1.3 for corner in pane])
            place.thing(frame, Paint(colour(0.88, 0.87, 0.84), 0.5, 0.8))
            place.thing(pane, Paint(_GLASS * np.float32(rng.uniform(0.55, 1.3)), 0.5))
            if rng.random() < 0.6:
                fill(place.shining, pane, Paint(bulb * np.float32(rng.uniform(0.65, 1.0)), 0.5))


def _tree(rng: Random, place: Village, x: float, depth: float) -> None:
    """A trunk and a crown of several balls, or a spruce."""
    size, foot = _size(place, depth) * rng.uniform(1.0, 2.0), _row(place, depth)
    leaf = _LEAVES[int(rng.integers(len(_LEAVES)))] * np.float32(rng.uniform(0.8, 1.25))
    _shade(place, (x - 0.2 * size * place.sunny, foot), (0.6 * size, 0.14 * size))
    trunk = np.array(((x, foot), (x, foot - 0.6 * size)))
    stroke(place.solid, trunk, max(1.0, 0.13 * size), Paint(colour(0.26, 0.19, 0.13), 0.6))
    if rng.random() < 0.35:
        for level in np.linspace(0.2, 0.85, 4):
            half, y = 0.42 * size * (1.15 - level), foot - 1.7 * size * level
            cone = np.array(((x - half, y), (x + half, y), (x, y - 0.75 * size)))
            place.thing(cone, Paint(leaf * np.float32(0.62 + 0.25 * level), 0.9))
        return
    lamp = place.sunny
    for number in range(9):
        centre = np.array((x, foot - 1.05 * size)) + rng.normal(0, 0.24, 2) * size
        radius = size * rng.uniform(0.24, 0.4)
        shade = np.float32(0.66 + 0.05 * number)
        place.thing(
            ellipse((float(centre[0]), float(centre[1])), (radius, radius), points=14), Paint(leaf * shade, 1.0)
        )
        spot = (float(centre[0] + lamp * 0.25 * radius), float(centre[1] - 0.3 * radius))
        fill(place.solid, ellipse(spot, (0.5 * radius, 0.5 * radius), points=10), Paint(leaf * shade * 1.35, 1.2, 0.6))


def _lamp(place: Village, foot: Points, depth: float) -> None:
    """A street lamp at the right of the road."""
    storey, row, width = _size(place, depth), _row(place, depth), place.solid.shape[1]
    x, tall = float(foot[0]) + width * (0.02 + 0.14 * depth), 1.7 * storey
    pole = np.array(((x, row), (x, row - tall), (x - 0.3 * storey, row - 1.06 * tall)))
    stroke(place.solid, pole, max(0.8, 0.06 * storey), Paint(colour(0.22, 0.23, 0.24), 0.5))
    head = ellipse((x - 0.34 * storey, row - 1.05 * tall), (0.14 * storey, 0.09 * storey), points=12)
    fill(place.solid, head, Paint(colour(0.85, 0.84, 0.78), 0.5))
    fill(place.shining, head, Paint(_LAMP, 0.6))
    place.pools.append(((x - 0.3 * storey, row), (1.7 * storey, 0.6 * storey), 0.9))
