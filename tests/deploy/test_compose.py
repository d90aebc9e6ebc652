"""The compose file: hardened as the Kubernetes manifests are, and in step with the Dockerfiles."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.stopping import longest_stop_s

ROOT = Path(__file__).resolve().parents[2]
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]


def test_every_container_is_read_only_and_without_capabilities() -> None:
    for service in SERVICES.values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_dockerfile_has_a_service_and_every_service_builds_from_one() -> None:
    built = {service["build"]["dockerfile"] for service in SERVICES.values()}
    assert built == {str(file.relative_to(ROOT)) for file in ROOT.glob("*/**/Dockerfile") if ".venv" not in file.parts}
    assert all((ROOT / "deploy" / service["build"]["context"]).resolve() == ROOT for service in SERVICES.values())


def test_health_is_asked_on_the_http_port_that_the_container_exposes() -> None:
    for service in SERVICES.values():
        port = re.search(r"127\.0\.0\.1:(\d+)/readyz", service["healthcheck"]["test"][-1])
        dockerfile = (ROOT / service["build"]["dockerfile"]).read_text()
        exposed = re.search(r"^EXPOSE (.*)$", dockerfile, re.MULTILINE)
        assert port
        assert exposed
        assert port[1] in exposed[1].split()


def test_the_gateway_waits_for_every_service_and_knows_its_address() -> None:
    gateway = SERVICES["gateway"]
    for name in SERVICES.keys() - {"gateway"}:
        assert gateway["depends_on"][name] == {"condition": "service_healthy"}
        assert gateway["environment"][f"IMAGO_{name.upper()}"] == f"dns:///{name}:8001"


def test_a_stop_leaves_time_for_all_that_a_process_may_take() -> None:
    for service in SERVICES.values():
        assert float(service["stop_grace_period"].removesuffix("s")) > longest_stop_s(service["environment"])
