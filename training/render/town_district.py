"""Districts: streets in a bent grid, blocks between them, and what stands on each block."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.render.canvas import Points
from training.render.materials import Random
from training.render.town_grid import random_grid, random_style
from training.render.town_shapes import House, Plot, Rank, Roof, Street, Taken, Town, Tree, free_parts

Inside = Callable[[Points], NDArray[np.bool_]]

_SAMPLE = 2.5
"""Pixels from one point of a street to the next: it ends where water begins, this exactly."""
_OUTSIDE = 12.0
"""Pixels around the picture in which something may stand that is seen, or its shadow."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a district is built.

    Attributes:
        taken: what is there before it.
        inside: which of some points, n x 2, belong to it: bool (n,).
        river: which of them lie on a river or its banks.
        number: of the district.
    """

    taken: Taken
    inside: Inside
    river: Inside
    number: int


class District:
    """Builds one district into a town, wherever its `site` says so and nothing else is."""

    def __init__(self, rng: Random, town: Town, site: Site) -> None:
        self._rng, self._town = rng, town
        self._taken, self._inside, self._river, self._number = site.taken, site.inside, site.river, site.number
        self.style = random_style(rng)
        self.grid = random_grid(rng, self.style, town.width, town.height)
        self._avenue = int(rng.integers(3, 6)), int(rng.integers(0, 3))

    def build(self, bridges: bool) -> None:
        """Blocks first, streets over them; avenues cross water where there are bridges."""
        u, v = self.grid.u, self.grid.v
        for i in range(len(u) - 1):
            for j in range(len(v) - 1):
                self._block(i, j)
        for i, at in enumerate(u):
            rank = Rank.AVENUE if self._is_avenue(i + 1) else Rank.STREET
            for low, high in self._spans(v, rank):
                self._street(((at, low), (at, high)), rank, bridges)
        for j, at in enumerate(v):
            rank = Rank.AVENUE if self._is_avenue(j) else Rank.STREET
            self._street(((u[0], at), (u[-1], at)), rank, bridges)

    def _is_avenue(self, number: int) -> bool:
        return number % self._avenue[0] == self._avenue[1]

    def _width(self, rank: Rank) -> float:
        return self.style.street * (1.35 if rank is Rank.AVENUE else 1.0)

    def _spans(self, at: NDArray[np.float64], rank: Rank) -> Iterator[tuple[float, float]]:
        """A side street leaves out some blocks, so that blocks are not all alike."""
        for low, high in pairwise(at):
            if rank is Rank.AVENUE or self._rng.random() > 0.14:
                yield float(low), float(high)

    def _street(self, ends: tuple[tuple[float, float], tuple[float, float]], rank: Rank, bridges: bool) -> None:
        start, end = np.array(ends)
        count = max(2, int(np.hypot(*(end - start)) / _SAMPLE))
        line = self.grid.pixels(start + (end - start) * np.linspace(0, 1, count)[:, None])
        if bridges and rank is Rank.AVENUE:
            # To the far bank, though that belongs to the other district.
            blocked = ~(self._inside(line) | self._river(line)) | self._taken.at(line, closed=True)
        else:
            blocked = ~self._inside(line) | self._taken.at(line)
        blocked |= ((line < -_OUTSIDE) | (line > np.array((self._town.width, self._town.height)) + _OUTSIDE)).any(
            axis=1
        )
        for part in free_parts(line, blocked):
            self._town.streets.append(Street(part, self._width(rank), rank))

    def _block(self, i: int, j: int) -> None:
        """What is between four streets."""
        u, v = self.grid.u, self.grid.v
        sides = [self._width(Rank.AVENUE if self._is_avenue(n) else Rank.STREET) / 2 for n in (i + 1, i + 2, j, j + 1)]
        low = np.array((u[i] + sides[0], v[j] + sides[2])) + 0.8
        high = np.array((u[i + 1] - sides[1], v[j + 1] - sides[3])) - 0.8
        if not self._is_seen(low, high):
            return
        use = int(self._rng.choice(4, p=self.style.blocks))
        if use == 2 and self._is_free(self._rectangle(low, high)):
            self._park(low, high)
        elif use == 3:
            self._field(low, high)
        elif use == 1:
            self._halls(low, high)
        else:
            self._houses(low, high)

    def _is_seen(self, low: Points, high: Points) -> bool:
        """Whether a rectangle of the plane may reach into the picture, or its shadows."""
        reach = 0.5 * float(np.hypot(*(high - low))) + _OUTSIDE
        x, y = self.grid.pixels((low + high)[None] / 2)[0]
        return bool(-reach < x < self._town.width + reach and -reach < y < self._town.height + reach)

    def _rectangle(self, low: Points, high: Points) -> Points:
        """A rectangle of the plane as a polygon of the picture that follows the bends."""
        along = np.linspace(0, 1, 6)
        u, v = low[0] + (high[0] - low[0]) * along, low[1] + (high[1] - low[1]) * along
        sides = (
            np.column_stack((u, np.full(6, low[1]))),
            np.column_stack((np.full(6, high[0]), v)),
            np.column_stack((u[::-1], np.full(6, high[1]))),
            np.column_stack((np.full(6, low[0]), v[::-1])),
        )
        return self.grid.pixels(np.concatenate(sides))

    def _is_free(self, polygon: Points) -> bool:
        middle = polygon.mean(axis=0)
        points = np.concatenate((polygon, (polygon + middle) / 2, middle[None]))
        return bool(self._inside(points).all() and not self._taken.at(points).any())

    def _park(self, low: Points, high: Points) -> None:
        self._town.parks.append(self._rectangle(low - 0.8, high + 0.8))
        self._trees(low + 2, high - 2, 0.016 * float(np.prod(high - low)) * (0.7 + self.style.green))

    def _field(self, low: Points, high: Points) -> None:
        """Strips of crops."""
        strips = int(self._rng.integers(1, 4))
        edges = np.linspace(low[0], high[0], strips + 1)
        furrows = self.grid.angle + (np.pi / 2 if self._rng.random() < 0.5 else 0)
        for left, right in pairwise(edges):
            corners = self._rectangle(np.array((left, low[1])), np.array((right, high[1])))
            if self._is_free(corners):
                self._town.plots.append(Plot(corners, float(self._rng.random()), furrows))

    def _halls(self, low: Points, high: Points) -> None:
        """One to three large flat roofs on a paved yard."""
        rng = self._rng
        yard = self._rectangle(low, high)
        if not self._is_free(yard):
            self._houses(low, high)
            return
        self._town.paved.append(yard)
        count = int(rng.integers(1, 4))
        edges = np.linspace(low[0], high[0], count + 1)
        for left, right in pairwise(edges):
            first = np.array((left + rng.uniform(2, 4), low[1] + rng.uniform(2, 6)))
            last = np.array((right - rng.uniform(2, 4), high[1] - rng.uniform(2, 8)))
            if (last - first > 6).all():
                self._house(first, last, Roof.FLAT, float(rng.uniform(2.0, 3.5)))

    def _houses(self, low: Points, high: Points) -> None:
        """Two rows of lots, back to back; one row where the block is narrow."""
        rng, style = self._rng, self.style
        rows = 2 if high[1] - low[1] > 2 * style.house + 5 else 1
        depth = (high[1] - low[1]) / rows
        count = max(1, round((high[0] - low[0]) / (style.lot * rng.uniform(0.9, 1.15))))
        edges = np.linspace(low[0], high[0], count + 1)
        for row in range(rows):
            for left, right in pairwise(edges):
                corner = np.array((left, low[1] + row * depth))
                self._lot(corner, np.array((right, corner[1] + depth)), front=-1 if row == 0 else 1)

    def _lot(self, low: Points, high: Points, front: int) -> None:
        """A garden with a house near the street, trees and perhaps a pool behind it. `front` is -1 for low v."""
        rng, style = self._rng, self.style
        if not self._is_seen(low, high):
            return
        ground = self._rectangle(low, high)
        if not self._inside(ground.mean(axis=0)[None]).all():
            return
        self._town.plots.append(Plot(ground, float(rng.random())))
        wide = min(high[0] - low[0] - 2.0, style.lot * rng.uniform(0.62, 0.84))
        deep = min(high[1] - low[1] - 2.5, style.house * rng.uniform(0.85, 1.15))
        if rng.random() < 0.07 or wide < 4 or deep < 4:
            self._trees(low + 1, high - 1, 3 * style.green)
            return
        left = low[0] + 1 + (high[0] - low[0] - 2 - wide) * rng.random()
        setback = min(high[1] - low[1] - deep - 1, rng.uniform(1.2, 3.2))
        first = np.array((left, low[1] + setback if front < 0 else high[1] - setback - deep))
        last = first + np.array((wide, deep))
        self._family_house(first, last, front)
        if front < 0:
            self._garden(np.array((low[0] + 1, last[1] + 1.5)), high - 1)
        else:
            self._garden(low + 1, np.array((high[0] - 1, first[1] - 1.5)))

    def _family_house(self, first: Points, last: Points, front: int) -> None:
        """A house between two corners; some have a wing behind it."""
        rng, style = self._rng, self.style
        roof = Roof(int(rng.choice(3, p=style.roofs)))
        height = float(rng.uniform(1.2, 2.0) if style.lot < 14 else rng.uniform(1.8, 4.0))
        wide, deep = last - first
        if rng.random() < 0.25 and wide > 7:
            wing = first + np.array((0, -front * rng.uniform(2.2, 3.5)))
            self._house(wing, wing + np.array((0.45 * wide, deep)), roof, 0.8 * height, upright=True)
        self._house(first, last, roof, height, upright=bool(rng.random() < 0.2))

    def _garden(self, low: Points, high: Points) -> None:
        """Trees on a rectangle of the plane, and on a few a pool."""
        rng = self._rng
        if (high - low <= 3).any():
            return
        if rng.random() < 0.06 and (high - low > 5).all():
            corner = low + (high - low - 4) * rng.random(2)
            size = np.array((rng.uniform(2.5, 4), rng.uniform(1.6, 2.6)))
            pool = self._rectangle(corner, corner + size)
            if self._is_free(pool):
                self._town.pools.append(pool)
        self._trees(low, high, 2.2 * self.style.green)

    def _house(self, low: Points, high: Points, roof: Roof, height: float, *, upright: bool = False) -> None:
        """A house on a rectangle of the plane, if it is free; the ridge runs along v if it is upright."""
        corners = np.array(((low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])))
        if not self._is_free(self.grid.pixels(corners)):
            return
        if upright:
            corners = np.roll(corners, 1, axis=0)
        self._town.houses.append(
            House(self.grid.pixels(corners), height, roof, float(self._rng.random()), self._number)
        )

    def _trees(self, low: Points, high: Points, expected: float) -> None:
        if (high <= low).any():
            return
        rng = self._rng
        places = self.grid.pixels(low + (high - low) * rng.random((int(rng.poisson(expected)), 2)))
        for x, y in places[~self._taken.at(places)]:
            self._town.trees.append(
                Tree((float(x), float(y)), float(np.clip(rng.normal(1.9, 0.6), 0.9, 3.4)), float(rng.random()))
            )
