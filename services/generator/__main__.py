"""The generator service: `python -m services.generator`."""

import sys
from pathlib import Path

from services.generator.servicer import register
from services.runtime.server import ServiceSettings, run_service

MODELS = Path(__file__).resolve().parent / "models"

if __name__ == "__main__":
    repositories = [MODELS] if any(MODELS.glob("*/config.pbtxt")) else []
    sys.exit(run_service(ServiceSettings, "generator", repositories, register))
