"""The translator service: `python -m services.translator`."""

import sys
from pathlib import Path

from services.runtime.server import run_service
from services.translator.servicer import TranslatorSettings, register

MODELS = Path(__file__).resolve().parent / "models"

if __name__ == "__main__":
    repositories = [MODELS] if any(MODELS.glob("*/config.pbtxt")) else []
    sys.exit(run_service(TranslatorSettings, "translator", repositories, register))
