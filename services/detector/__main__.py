"""The detector service: `python -m services.detector`."""

import sys
from pathlib import Path

from services.detector.servicer import register
from services.runtime.server import ServiceSettings, run_service

HERE = Path(__file__).resolve().parent
REPOSITORIES = (HERE.parent / "face_models", HERE / "models")

if __name__ == "__main__":
    repositories = [folder for folder in REPOSITORIES if any(folder.glob("*/config.pbtxt"))]
    sys.exit(run_service(ServiceSettings, "detector", repositories, register))
