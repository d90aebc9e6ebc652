"""Measures what the house must show: `python -m tests.acceptance.house [SECTION ...]`."""

import sys

from tests.acceptance.bombs import image_bombs
from tests.acceptance.figures import Section, run_sections
from tests.acceptance.house_batcher import batcher

SECTIONS: dict[str, Section] = {"batcher": batcher, "bombs": image_bombs}

if __name__ == "__main__":
    sys.exit(run_sections(SECTIONS, sys.argv[1:]))
