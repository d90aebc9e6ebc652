"""The gateway: one front door for all services, on gRPC and HTTP."""

import sys

from gateway.application import GatewayApplication
from gateway.settings import GatewaySettings
from services.runtime.process.lifecycle import run
from services.runtime.process.settings import load
from services.runtime.telemetry import Metrics

if __name__ == "__main__":
    settings = load(GatewaySettings, sys.argv[1:], prog="python -m gateway", description=__doc__)
    metrics = Metrics()
    raise SystemExit(run(settings, GatewayApplication(settings, metrics.registry), metrics))
