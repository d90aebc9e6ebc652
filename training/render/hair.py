"""Hair and beards: what hangs behind the head, what frames the face, what grows on it."""

from dataclasses import replace

import numpy as np

from training.render.brush import Brush
from training.render.canvas import Paint, Points, fill, multiply, polygon_cover, window_of
from training.render.identity import HairStyle
from training.render.look import Look
from training.render.materials import grain

_VOLUME: dict[HairStyle, float] = {
    "bald": 0.0,
    "cropped": 0.018,
    "short": 0.045,
    "parted": 0.06,
    "fringe": 0.06,
    "bob": 0.07,
    "long": 0.065,
    "curly": 0.105,
    "tied": 0.035,
}
"""How far the hair stands off the skull, in face heights."""

_HANGS: dict[HairStyle, float] = {"bob": 0.42, "long": 0.86, "curly": 0.22, "tied": 0.2}
"""Down to which height hair hangs behind and beside the face."""


def paint_back_hair(brush: Brush, *, under_hat: bool) -> None:
    """Hair behind face, ears and neck."""
    person, head = brush.head.person, brush.head
    style = person.hair_style
    if style == "bald":
        return
    volume = _VOLUME[style] * (0.5 if under_hat else 1)
    paint = Paint(person.hair * 0.7, max(0.7, 0.008 * head.unit), 1, brush.light)
    low = _HANGS.get(style, 0.10)
    around = head.skull(volume)
    around[:, 1] = np.minimum(around[:, 1], head.plane(0.0, low)[0, 1])
    fill(brush.layer, around, paint)
    if style == "tied" and not under_hat:
        knot = np.linspace(0, 2 * np.pi, 24)
        fill(brush.layer, head.plane(0.14 * np.cos(knot), -0.58 + 0.1 * np.sin(knot), 0.1), paint)
    if low > 0.2:
        y = np.linspace(-0.35, low, 14)
        x = np.asarray(head.silhouette(np.minimum(y, 0.05))) + volume * np.clip(1.3 + y, 0.95, 1.25)
        x = x * (1 - 0.12 * np.clip((y - low + 0.14) / 0.14, 0, 1) ** 2)
        hanging = np.concatenate((head.plane(x, y, 0.05), head.plane(-x, y, 0.05)[::-1]))
        fill(brush.layer, hanging, paint)


def paint_front_hair(brush: Brush) -> None:
    """The cap of hair over the skull down to the hairline, with strands and gloss."""
    person = brush.head.person
    if person.hair_style == "bald":
        return
    glossy = _glossy(brush)
    soft = 0.012 if person.hair_style in ("cropped", "curly") else 0.006
    cap = np.concatenate((_crown(brush), _hairline(brush)))
    glossy.shape(cap, glossy.paint(person.hair, soft, on_skin=False))
    if person.hair_style in ("long", "bob"):
        for sign in (-1, 1):
            brush.shape(_curtain(brush, sign), glossy.paint(person.hair * np.float32(0.92), 0.006, on_skin=False))


def _crown(brush: Brush) -> Points:
    """The upper edge of the hair, from the right ear over the top to the left ear: n x 2."""
    head, style = brush.head, brush.head.person.hair_style
    y = np.sin(np.linspace(-0.02, -np.pi / 2, 24)) / 2
    volume = _VOLUME[style]
    bumps = np.zeros(24)
    if style == "curly":
        bumps = 0.018 * np.sin(np.arange(24) * 2.4 + head.person.texture % 7)
    width = head.silhouette(y) + volume * 0.8 + bumps
    lifted = y * (1 + 2 * volume + 2 * bumps)
    right, left = head.plane(width, lifted), head.plane(-width, lifted)
    return np.concatenate((right, left[::-1]))


def _hairline(brush: Brush) -> Points:
    """The lower edge of the hair, from the left temple over the forehead to the right one: n x 2."""
    person, head = brush.head.person, brush.head
    line, style = person.hairline, person.hair_style
    ear = float(head.half_width(-0.02))
    burn = {"cropped": -0.08, "tied": -0.1}.get(style, 0.0 if person.jaw > 0.7 else -0.05)
    middle = np.linspace(-1, 1, 11)
    inner = line + 0.10 * np.abs(middle) ** 3
    if style == "fringe":
        inner = line + 0.15 + 0.05 * np.abs(middle) + 0.008 * np.sin(middle * 25)
    elif style == "parted":
        side = 1 if person.texture % 2 else -1
        inner = line + 0.03 + 0.11 * np.clip(side * middle * 0.7 + 0.4, 0, 1) ** 1.5
    elif style in ("long", "bob"):
        inner = line + 0.20 * np.abs(middle) ** 2.2
    elif style == "short":
        inner = line + 0.09 * np.abs(middle) ** 4 + 0.02 * np.cos(middle * 9)
    x = middle * ear * 0.80
    temple_x, temple_y = np.array((1.02, 0.99, 0.90, 0.88)) * ear, np.array((burn + 0.05, burn + 0.05, burn, -0.16))
    left = head.project(-temple_x, temple_y)
    right = head.project(temple_x[::-1], temple_y[::-1])
    reach = float(head.silhouette(burn)) + 0.8 * _VOLUME[style]
    far_left, far_right = head.plane(-reach, burn + 0.03), head.plane(reach, burn + 0.03)
    return np.concatenate((far_left, left, head.project(x, inner, 0.01), right, far_right))


def _curtain(brush: Brush, sign: int) -> Points:
    """A strand of long hair that falls beside the face, in front of the ear."""
    head = brush.head
    low = _HANGS[head.person.hair_style]
    y = np.linspace(-0.34, low, 9)
    edge = np.asarray(head.half_width(np.clip(y, -0.4, 0.12)))
    inner = sign * (edge * np.linspace(0.86, 1.0, 9))
    outer = sign * (edge + 0.075 + 0.02 * np.sin(np.linspace(0, 3, 9)))
    front = head.project(inner, np.minimum(y, 0.12))
    front[:, 1] = head.plane(0.0, y)[:, 1]
    return np.concatenate((front, head.plane(outer, y)[::-1]))


def hair_brush(brush: Brush) -> Brush:
    """The brush for all hair: the head's light with strands across it."""
    layer, head = brush.layer, brush.head
    rng = np.random.default_rng((head.person.texture, 3))
    curly = head.person.hair_style in ("curly", "cropped")
    thin = max(2, int(head.unit * 0.012))
    strands = grain(rng, layer.shape[0], layer.shape[1], across=thin, along=thin * (1 if curly else 9))
    return replace(brush, light=brush.light * (1 + np.float32(0.22 if curly else 0.16) * strands))


def _glossy(brush: Brush) -> Brush:
    """With a band of gloss around the upper part of the head."""
    y = (np.arange(brush.layer.shape[0], dtype=np.float32) - np.float32(brush.head.centre[1])) / brush.head.unit
    gloss = 1 + 0.45 * np.exp(-(((y + 0.42) / 0.07) ** 2))
    return replace(brush, light=brush.light * gloss.astype(np.float32)[:, None])


def paint_beard(brush: Brush, look: Look) -> None:
    """Stubble darkens the skin; a beard covers it, leaving the lips."""
    person, head = brush.head.person, brush.head
    if person.beard == "none":
        return
    thin = person.beard == "stubble"
    for outline in _beard_outlines(brush, look):
        window = window_of(outline, 0.1 * head.unit, brush.layer.shape)
        if window is None:
            continue
        soft = (0.035 if thin else 0.014) * head.unit
        cover = polygon_cover(outline, window, soft) * brush.skin[window]
        if thin:
            shade = 1 - cover[..., None] * np.float32(0.42) * (1 - np.minimum(person.hair, 0.7) * 0.6)
            multiply(brush.layer, window, shade.astype(np.float32))
        else:
            paint = Paint(person.hair * 0.85, soft, 0.94, brush.light, brush.skin)
            fill(brush.layer, outline, paint)


def _beard_outlines(brush: Brush, look: Look) -> list[Points]:
    person, head = brush.head.person, brush.head
    mouth, half = person.mouth_y, person.mouth_width * (1 + 0.16 * look.smile)
    t = np.linspace(-1, 1, 7)
    upper = head.nose_base + 0.035 + 0.05 * t**2
    lower = mouth - 0.016 + 0.055 * np.abs(t) ** 2.5
    across = t * half * 1.22
    moustache = head.project(np.concatenate((across, across[::-1])), np.concatenate((upper, lower[::-1])), 0.03)
    if person.beard == "moustache":
        return [moustache]
    below = mouth + 0.045 + 0.05 * look.mouth_open
    lip = head.project(t * half * 1.18, below - 0.03 * t**2, 0.03)
    if person.beard == "goatee":
        angle = np.linspace(0, np.pi, 12)
        chin = head.project(half * 1.2 * np.cos(angle), below - 0.03 + (0.51 - below) * np.sin(angle), 0.02)
        return [moustache, np.concatenate((lip, chin))]
    y = np.linspace(0.05, 0.5, 12)
    edge = np.asarray(head.half_width(y))
    cheek_x = np.array((0.97, 0.88, 0.72, 0.58)) * float(head.half_width(0.1))
    cheek_y = np.array((0.05, 0.15, 0.23, mouth - 0.02))
    right = head.project(cheek_x[::-1], cheek_y[::-1])
    left = head.project(-cheek_x, cheek_y)
    jaw = np.concatenate((head.project(edge, y), head.project(-edge, y)[::-1]))
    return [moustache, np.concatenate((left, lip, right, jaw))]
