"""A general model server: `python -m services.runtime --model-repository DIR`, without RPCs of its own."""

import sys

from services.runtime.server import ServiceSettings, run_service

if __name__ == "__main__":
    sys.exit(run_service(ServiceSettings, "runtime", default_repositories=()))
