"""Faces of real photographs, noted by hand: from the brows to the chin and from ear to ear, in pixels."""

ASTRONAUT = (178, 74, 270, 178)
ZIDANE_LEFT = (525, 255, 665, 450)
ZIDANE_RIGHT = (902, 110, 1060, 285)
BUS_LEFT = (112, 420, 156, 472)
BUS_RIGHT = (269, 421, 306, 473)
