"""Measures what the house must show: `python -m tests.acceptance.house [SECTION ...]`; all sections without one."""

import sys

from tests.acceptance.bombs import image_bombs
from tests.acceptance.figures import Section, run_sections
from tests.acceptance.house_batcher import batcher
from tests.acceptance.house_clone import clone, wheel
from tests.acceptance.house_faces import faces
from tests.acceptance.house_isolation import isolation, sigterm
from tests.acceptance.house_overhead import noop, overhead
from tests.acceptance.house_triton import configurations, triton_agrees

SECTIONS: dict[str, Section] = {
    "faces": faces,
    "isolation": isolation,
    "sigterm": sigterm,
    "batcher": batcher,
    "bombs": image_bombs,
    "noop": noop,
    "overhead": overhead,
    "configurations": configurations,
    "triton": triton_agrees,
    "wheel": wheel,
    "clone": clone,
}
"""`clone` runs `make check`, which holds the import rules, and `make test`, which looks into every serving process."""

if __name__ == "__main__":
    sys.exit(run_sections(SECTIONS, sys.argv[1:]))
