"""A piece of town photographed from the air: materials, roofs lit from one side, shadows, trees, cars."""

import cv2
import numpy as np
from numpy.typing import NDArray

from training.render.camera import Camera, photograph
from training.render.canvas import Points
from training.render.materials import Field, Random, fractal_noise, grain
from training.render.roofs import FLATS, PITCHED, ROOF, Sun, paint_roof
from training.render.town_shapes import Rank, Roof, Street, Town, Tree
from training.render.town_sheet import Rgb, Sheet, blended, box, picked, scaled, swept

_GROUND, _GRASS, _PAVED, _ROAD, _WATER, _LEAVES, _FIELD = (number for number in range(8) if number != ROOF)
"""Materials beside roofs; how rough each of them is, and how uneven from place to place."""
_ROUGH = np.array((0.07, 0.075, 0.035, 0.03, 0.02, 0.035, 0.13, 0.06), np.float32)
_UNEVEN = np.array((0.09, 0.08, 0.05, 0.03, 0.05, 0.02, 0.05, 0.05), np.float32)

_SOILS: tuple[Rgb, ...] = ((128, 120, 92), (116, 116, 84), (138, 124, 98), (106, 112, 78))
_GRASSES: tuple[Rgb, ...] = ((88, 106, 62), (98, 112, 66), (78, 98, 58))
_CROPS: tuple[Rgb, ...] = ((150, 138, 92), (112, 126, 66), (134, 112, 80), (94, 116, 60))
_WATERS: tuple[Rgb, ...] = ((38, 58, 74), (46, 68, 70), (54, 72, 84))
_CARS: tuple[Rgb, ...] = ((225, 225, 225), (40, 42, 46), (150, 152, 156), (150, 40, 36), (44, 64, 110), (236, 236, 230))


def paint_aerial(rng: Random, town: Town, finer: int) -> NDArray[np.uint8]:
    """The photograph of a town.

    Args:
        rng: decides light, season, materials and the camera.
        town: its shapes.
        finer: see `Sheet`.

    Returns:
        uint8 height x width x 3, red, green and blue.
    """
    angle = rng.uniform(0, 2 * np.pi)
    sun = Sun(np.array((np.cos(angle), np.sin(angle))), float(rng.uniform(0.7, 1.5)), float(rng.uniform(0.6, 1.0)))
    painter = _Painter(rng, town, sun, finer)
    painter.ground()
    painter.streets()
    painter.shadows()
    painter.houses()
    painter.trees()
    return photograph(painter.picture(), _lens(rng), rng)


def _lens(rng: Random) -> Camera:
    cast = rng.uniform(0.9, 1.12) * (1 + rng.normal(0, 0.025, 3))
    return Camera(
        gamma=float(rng.uniform(0.9, 1.12)),
        gain=(float(cast[0]), float(cast[1]), float(cast[2])),
        blur=0.45 if rng.random() < 0.4 else 0.0,
        noise=float(rng.uniform(0.002, 0.01)),
    )


class _Painter:
    """Paints from the ground upwards."""

    def __init__(self, rng: Random, town: Town, sun: Sun, finer: int) -> None:
        self._rng, self._town, self._sun = rng, town, sun
        self._grass = picked(rng, _GRASSES, 0.08)
        self._soil = picked(rng, _SOILS, 0.08)
        self._water = picked(rng, _WATERS, 0.1)
        self._roofs = [[picked(rng, PITCHED, 0.1) for _ in range(3)] for _ in range(2)]
        self.sheet = Sheet(town.width, town.height, finer, self._soil)

    def ground(self) -> None:
        """Gardens, fields, yards, parks and water."""
        for plot in self._town.plots:
            if plot.furrows is None:
                self.sheet.polygon(plot.corners, blended(self._soil, self._grass, 0.25 + 0.75 * plot.tone), _GRASS)
            else:
                self._field(plot.corners, plot.tone, plot.furrows)
        yard = picked(self._rng, ((138, 134, 126), (122, 120, 116)), 0.05)
        for polygon in self._town.paved:
            self.sheet.polygon(polygon, yard, _PAVED)
        lawn = scaled(self._grass, 0.86)
        for polygon in self._town.parks:
            self.sheet.polygon(polygon, lawn, _GRASS)
        for polygon in self._town.water:
            self.sheet.line(np.concatenate((polygon, polygon[:1])), 2.4, blended(self._soil, self._grass, 0.5), _GROUND)
        for polygon in self._town.water:
            self.sheet.polygon(polygon, self._water, _WATER)
        for polygon in self._town.pools:
            self.sheet.polygon(polygon, (104, 178, 196), _WATER)

    def _field(self, corners: Points, tone: float, furrows: float) -> None:
        """Rows of a crop, drawn on a sheet of their own and cut out."""
        colour = _CROPS[int(tone * len(_CROPS))]
        low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        (width, height), middle = (high - low).tolist(), (high - low) / 2
        rows = Sheet(width, height, self.sheet.finer, colour)
        reach, along = float(np.hypot(*middle)), np.array((np.cos(furrows), np.sin(furrows)))
        for offset in np.arange(-reach, reach, 2.2):
            start = middle + offset * np.array((-along[1], along[0]))
            rows.line(np.stack((start - reach * along, start + reach * along)), 0.8, scaled(colour, 0.88))
        self.sheet.polygon(corners, colour, _FIELD)
        self.sheet.paste(rows, corners - low, (int(low[0]), int(low[1])))

    def streets(self) -> None:
        """Pavements, asphalt, markings and cars; a motorway lies over everything."""
        asphalt = picked(self._rng, ((98, 98, 100), (110, 109, 108), (88, 88, 92)), 0.06)
        pavement = blended(scaled(asphalt, 1.3), self._soil, 0.35)
        concrete = picked(self._rng, ((142, 140, 134), (128, 127, 124)), 0.05)
        town = self._town
        for rank, colour in ((Rank.STREET, asphalt), (Rank.AVENUE, asphalt), (Rank.HIGHWAY, concrete)):
            chosen = [street for street in town.streets if street.rank is rank]
            for street in chosen:
                rim = scaled(colour, 0.86) if rank is Rank.HIGHWAY else pavement
                self.sheet.line(street.line, street.width + 1.2, rim, _PAVED)
            for street in chosen:
                wide = street.width if rank is Rank.HIGHWAY else street.width - 0.8
                self.sheet.line(street.line, wide, colour, _ROAD)
            for street in chosen:
                self._marks(street, colour)
                self._cars(street)

    def _marks(self, street: Street, colour: Rgb) -> None:
        if street.rank is Rank.STREET:
            return
        white = blended(colour, (235, 235, 228), 0.75)
        lanes: tuple[float, ...] = (0.0,)
        if street.rank is Rank.HIGHWAY:
            self.sheet.line(street.line, 0.9, scaled(colour, 0.6), _ROAD)
            for side in (-1, 1):
                self.sheet.line(_aside(street.line, side * (street.width / 2 - 0.8)), 0.34, white, _ROAD)
            lanes = (-street.width / 4, street.width / 4)
        for lane in lanes:
            line = _evenly(_aside(street.line, lane), 1.5)
            for start in range(0, len(line) - 2, 4):
                self.sheet.line(line[start : start + 2], 0.34, white, _ROAD)

    def _cars(self, street: Street) -> None:
        rng = self._rng
        line = _evenly(street.line, 3.4)
        if len(line) < 3:
            return
        share = {Rank.STREET: 0.1, Rank.AVENUE: 0.13, Rank.HIGHWAY: 0.16}[street.rank]
        for at in np.flatnonzero(rng.random(len(line) - 1) < share):
            along = line[at + 1] - line[at]
            along = along / max(float(np.hypot(*along)), 1e-6)
            aside = np.array((-along[1], along[0])) * rng.choice((-1, 1)) * street.width * rng.uniform(0.2, 0.3)
            middle = line[at] + aside
            long = 1.3 if rng.random() < 0.9 else 2.6
            corners = box(middle, along * long, np.array((-along[1], along[0])) * 0.62)
            self.sheet.polygon(corners, _CARS[int(rng.integers(len(_CARS)))], _PAVED)

    def shadows(self) -> None:
        """What stands on the ground darkens it on the far side of the sun."""
        away = -self._sun.toward * self._sun.reach
        shapes = [swept(house.corners, away * house.height) for house in self._town.houses]
        for tree in self._town.trees:
            offset = np.array(tree.centre) + away * tree.radius * 0.9
            shapes.append(_ring(offset, tree.radius))
        dark = cv2.GaussianBlur(self.sheet.cover(shapes), (0, 0), 0.3 * self.sheet.finer)
        factor = 1 - (0.62 * self._sun.strength) * dark
        shaded = self.sheet.colours * factor[..., None] + np.array((0, 2, 6), np.float32) * dark[..., None]
        self.sheet.colours[...] = np.clip(shaded, 0, 255).astype(np.uint8)

    def houses(self) -> None:
        """Roofs, low ones first."""
        for house in sorted(self._town.houses, key=lambda house: house.height):
            colours = FLATS if house.roof is Roof.FLAT else self._roofs[house.district % len(self._roofs)]
            chosen = colours[int(house.tint * len(colours)) % len(colours)]
            paint_roof(self._rng, self.sheet, house, self._sun, scaled(chosen, 0.88 + 0.24 * (house.tint * 11 % 1)))

    def trees(self) -> None:
        """Crowns, brighter towards the sun."""
        dark = scaled(self._grass, 0.55)
        for tree in self._town.trees:
            self._crown(tree, scaled(dark, 0.75 + 0.5 * tree.tone))

    def _crown(self, tree: Tree, colour: Rgb) -> None:
        centre = np.array(tree.centre)
        self.sheet.disc(centre, tree.radius, colour, _LEAVES)
        lit = blended(scaled(colour, 1.45), (96, 110, 50), 0.25)
        self.sheet.disc(centre + self._sun.toward * 0.3 * tree.radius, 0.6 * tree.radius, lit, _LEAVES)

    def picture(self) -> Field:
        """The sheet with each material's own unevenness, reduced: float32 height x width x 3, 0..1."""
        sheet, rng = self.sheet, self._rng
        height, width = sheet.materials.shape
        fine = grain(rng, height, width, across=sheet.finer, along=sheet.finer)
        broad = fractal_noise(rng, height, width, (14 * sheet.finer, 5 * sheet.finer))
        factor = 1 + _ROUGH[sheet.materials] * fine + _UNEVEN[sheet.materials] * broad
        textured = np.clip(sheet.colours * factor[..., None], 0, 255).astype(np.uint8)
        size = (self._town.width, self._town.height)
        return np.asarray(cv2.resize(textured, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255, np.float32)


def _ring(centre: Points, radius: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    return np.asarray(centre + radius * np.column_stack((np.cos(angle), np.sin(angle))))


def _aside(line: Points, distance: float) -> Points:
    """A line beside another."""
    direction = np.gradient(line, axis=0)
    normal = np.column_stack((-direction[:, 1], direction[:, 0])) / np.maximum(np.hypot(*direction.T), 1e-6)[:, None]
    return np.asarray(line + distance * normal)


def _evenly(line: Points, apart: float) -> Points:
    """Points along a line, `apart` pixels from each other."""
    length = np.concatenate(((0.0,), np.cumsum(np.hypot(*np.diff(line, axis=0).T))))
    at = np.arange(0, length[-1], apart)
    return np.column_stack([np.interp(at, length, line[:, axis]) for axis in (0, 1)])
