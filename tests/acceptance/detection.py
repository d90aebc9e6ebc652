"""Measures what detection must show: `python -m tests.acceptance.detection [SECTION ...]`; all sections without one."""

import sys

from tests.acceptance.detection_classical import cards, curves, speed
from tests.acceptance.detection_parity import parity
from tests.acceptance.detection_service import alerts, identities, throughput, video
from tests.acceptance.detection_training import conversion, heldout, smoke, starter
from tests.acceptance.figures import Section, run_sections

SECTIONS: dict[str, Section] = {
    "smoke": smoke,
    "heldout": heldout,
    "throughput": throughput,
    "video": video,
    "identities": identities,
    "alerts": alerts,
    "cards": cards,
    "speed": speed,
    "conversion": conversion,
    "curves": curves,
    "parity": parity,
    "starter": starter,
}
"""`starter` trains for forty minutes."""

if __name__ == "__main__":
    sys.exit(run_sections(SECTIONS, sys.argv[1:]))
