"""Measures what generators must show: `python -m tests.acceptance.generation [SECTION ...]`; else all sections."""

import sys

from tests.acceptance.figures import Section, run_sections
from tests.acceptance.generation_service import identical, throughput
from tests.acceptance.generation_speed import speed
from tests.acceptance.generation_training import construction, digits, fruits, resume, smoke

SECTIONS: dict[str, Section] = {
    "smoke": smoke,
    "resume": resume,
    "speed": speed,
    "throughput": throughput,
    "identical": identical,
    "digits": digits,
    "fruits": fruits,
    "construction": construction,
}
"""`smoke` and `resume` take minutes, since they run every recipe; `speed` needs the example's file; `digits`
and the last two need finished runs."""

if __name__ == "__main__":
    sys.exit(run_sections(SECTIONS, sys.argv[1:]))
