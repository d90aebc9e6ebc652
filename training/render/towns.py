"""Plans a piece of town as a seed says: water, parks, a motorway, districts with streets and houses."""

from dataclasses import dataclass

import numpy as np

from training.render.canvas import Points
from training.render.materials import Random
from training.render.town_district import District, Inside, Site
from training.render.town_shapes import Rank, Street, Taken, Town, Tree, beside, blob, crossing, widened


def plan_town(rng: Random, width: int, height: int) -> Town:
    """A town of `width` x `height` pixels at about a metre and a half a pixel, whatever its size.

    Streets, blocks and houses keep their size in pixels, so a larger picture shows more of a town.
    """
    town, taken, stream = Town(width, height), Taken(width, height), Taken(width, height)
    river = _river(rng, town, stream) if rng.random() < 0.3 else None
    if river is not None:
        taken.polygon(river.banks)
    for _ in range(_count(rng, town, 0.3)):
        _lake(rng, town, taken)
    highway = crossing(rng, width, height, wild=0.05) if rng.random() < 0.36 else None
    if highway is not None:
        taken.line(highway, 12)
        town.streets.append(Street(highway, float(rng.uniform(7.5, 9.5)), Rank.HIGHWAY))
    for _ in range(_count(rng, town, 0.35)):
        _park(rng, town, taken)
    divider = river.line if river is not None else highway
    for number, inside in enumerate(_sides(rng, town, divider)):
        site = Site(taken, inside, stream.at, number)
        # From one side only: bridges of two districts would meet at any angle.
        District(rng, town, site).build(bridges=number == 0 and rng.random() < 0.85)
    drowned = taken.at(np.array([tree.centre for tree in town.trees]).reshape(-1, 2), closed=True)
    town.trees = [tree for tree, wet in zip(town.trees, drowned.tolist(), strict=True) if not wet]
    town.streets.sort(key=lambda street: street.rank.value)
    return town


def _sides(rng: Random, town: Town, divider: Points | None) -> tuple[Inside, ...]:
    """Which points belong to each district: one everywhere, or one on each side of a river or a motorway."""
    if divider is None or rng.random() < 0.25:
        return (lambda points: np.ones(len(points), np.bool_),)
    side = Taken(town.width, town.height)
    side.polygon(beside(divider, town.width, town.height))
    return side.at, lambda points: ~side.at(points)


def _count(rng: Random, town: Town, share: float) -> int:
    """Of something that this share of pictures of 128 x 128 pixels have; more in larger ones."""
    return int(rng.binomial(max(1, round(town.width * town.height / (128 * 128))), share))


def _place(rng: Random, town: Town) -> tuple[float, float]:
    return float(rng.uniform(0, town.width)), float(rng.uniform(0, town.height))


@dataclass(frozen=True, slots=True)
class _River:
    """Its middle line, n x 2, and the polygon of its water with both banks."""

    line: Points
    banks: Points


def _river(rng: Random, town: Town, stream: Taken) -> _River:
    """A river with trees along it; `stream` takes it with its banks."""
    line = crossing(rng, town.width, town.height, wild=0.11)
    wave = np.interp(np.linspace(0, 1, len(line)), np.linspace(0, 1, 6), rng.uniform(0.8, 1.25, 6))
    half = float(rng.uniform(4.5, 13)) * wave
    banks = widened(line, half + 3.0)
    town.water.append(widened(line, half))
    stream.polygon(banks)
    for at in rng.integers(1, len(line) - 1, int(rng.poisson(0.22 * len(line)))):
        direction = line[at + 1] - line[at - 1]
        normal = np.array((-direction[1], direction[0])) / max(float(np.hypot(*direction)), 1e-6)
        spot = line[at] + normal * rng.choice((-1, 1)) * (half[at] + rng.uniform(1.8, 4))
        town.trees.append(_tree(rng, (float(spot[0]), float(spot[1]))))
    return _River(line, banks)


def _lake(rng: Random, town: Town, taken: Taken) -> None:
    """Water, often in a park of its own."""
    centre, radius = _place(rng, town), float(rng.uniform(9, 32))
    shape = blob(rng, centre, radius)
    if rng.random() < 0.5:
        around = centre + (shape - centre) * (1 + rng.uniform(5, 13) / radius)
        town.parks.append(around)
        taken.polygon(around)
        _grove(rng, town, around, taken_by=_polygon(town, shape))
    town.water.append(shape)
    taken.polygon(centre + (shape - centre) * (1 + 3 / radius), closed=True)


def _park(rng: Random, town: Town, taken: Taken) -> None:
    shape = blob(rng, _place(rng, town), float(rng.uniform(14, 36)), uneven=0.35)
    town.parks.append(shape)
    # Where water or the motorway is already, it stays; the park lies beside it.
    _grove(rng, town, shape, taken_by=taken.at)
    taken.polygon(shape)


def _polygon(town: Town, shape: Points) -> Inside:
    covered = Taken(town.width, town.height)
    covered.polygon(shape)
    return covered.at


def _grove(rng: Random, town: Town, shape: Points, taken_by: Inside) -> None:
    """Trees in clumps inside a polygon."""
    low, high = shape.min(axis=0), shape.max(axis=0)
    inside = _polygon(town, shape)
    area = float(np.prod(high - low))
    clumps = low + (high - low) * rng.random((max(1, round(area / 350)), 2))
    chosen = clumps[rng.integers(len(clumps), size=round(area / rng.uniform(18, 40)))]
    places = chosen + rng.normal(0, 5, chosen.shape)
    edge = np.array(((0, 3), (0, -3), (3, 0), (-3, 0)))
    for place in places[inside(places)]:
        if not taken_by(place + edge).any():
            town.trees.append(_tree(rng, (float(place[0]), float(place[1]))))


def _tree(rng: Random, centre: tuple[float, float]) -> Tree:
    return Tree(centre, float(np.clip(rng.normal(2.1, 0.6), 1.0, 3.6)), float(rng.random()))
