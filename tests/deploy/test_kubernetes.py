"""The manifests: every kustomization and combination renders, is valid for Kubernetes and keeps the house's policy."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gateway.backends import parse_route
from gateway.settings import GatewaySettings
from services.runtime.process.settings import ProcessSettings
from services.runtime.server import ServiceSettings
from tests.deploy.stopping import longest_stop_s

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
MODELS = ROOT / "services" / "translator" / "models"
VERSIONS = ("1.30", "1.34", "1.37")
COMPONENTS = sorted((KUBERNETES / "components").iterdir())
FOLDERS = sorted(
    file.parent
    for file in KUBERNETES.rglob("kustomization.yaml")
    if "components" not in file.relative_to(KUBERNETES).parts
)
COMBINATIONS = [
    (base, chosen)
    for base in FOLDERS
    if "overlays" not in base.relative_to(KUBERNETES).parts  # an overlay has chosen its components
    for count in range(1, len(COMPONENTS) + 1)
    for chosen in combinations(COMPONENTS, count)
]

Manifest = dict[str, Any]


def render(folder: Path) -> list[Manifest]:
    if shutil.which("kubectl") is None:
        pytest.fail("kubectl is missing; install Kubernetes' own package kubectl, 1.27 or newer (Debian's is too old).")
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"kubectl kustomize {folder}: {done.stderr}"
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def deployments(manifests: list[Manifest]) -> Iterator[tuple[Manifest, Manifest, Manifest]]:
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            pod = manifest["spec"]["template"]["spec"]
            yield manifest, pod, pod["containers"][0]


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def environment(container: Manifest) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container["env"]}


def assert_valid(manifests: list[Manifest]) -> None:
    assert manifests
    for manifest in manifests:
        for version in VERSIONS:
            kubernetes_validate.validate(manifest, version, strict=True)
    for deployment, pod, container in deployments(manifests):
        assert_policy(manifests, deployment, pod, container)


def assert_policy(manifests: list[Manifest], deployment: Manifest, pod: Manifest, container: Manifest) -> None:
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    selector = deployment["spec"]["selector"]["matchLabels"]
    assert selector.items() <= labels.items()
    assert_restricted(pod, container)
    assert_probed(container)
    before_the_signal = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before_the_signal + longest_stop_s(environment(container))
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    assert "memory" in container["resources"]["limits"]
    assert {spread["topologyKey"] for spread in pod["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    assert all(spread["labelSelector"]["matchLabels"] == selector for spread in pod["topologySpreadConstraints"])
    budgets = [budget["spec"] for budget in of_kind(manifests, "PodDisruptionBudget")]
    assert [budget["maxUnavailable"] for budget in budgets if budget["selector"]["matchLabels"] == selector] == [1]
    mine = [service["spec"] for service in of_kind(manifests, "Service") if service["spec"]["selector"] == selector]
    assert sorted("clusterIP" in service for service in mine) == [False, True], "one Service and one headless Service"
    named = {port["name"] for port in container["ports"]}
    assert all(port["targetPort"] in named for service in mine for port in service["ports"])


def assert_restricted(pod: Manifest, container: Manifest) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] >= 10000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert all("sizeLimit" in volume["emptyDir"] for volume in pod["volumes"])


def assert_probed(container: Manifest) -> None:
    for probe, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        assert container[probe]["httpGet"] == {"path": path, "port": "http"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(KUBERNETES)))
def test_every_kustomization_is_valid_and_keeps_the_policy(folder: Path) -> None:
    assert_valid(render(folder))


@pytest.mark.parametrize(
    ("base", "components"),
    COMBINATIONS,
    ids=lambda value: value.name if isinstance(value, Path) else "+".join(part.name for part in value),
)
def test_every_component_fits_on_every_kustomization(base: Path, components: tuple[Path, ...], tmp_path: Path) -> None:
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(base, tmp_path)],
        "components": [os.path.relpath(component, tmp_path) for component in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    assert_valid(render(tmp_path))


def test_each_replica_of_each_model_server_asks_for_its_own_gpu() -> None:
    for deployment, _, container in deployments(render(KUBERNETES / "overlays" / "gpu")):
        serves_models = deployment["metadata"]["labels"]["app.kubernetes.io/component"] == "model-server"
        assert container["resources"]["limits"].get("nvidia.com/gpu") == ("1" if serves_models else None)


def test_every_detector_has_memory_for_the_largest_search_that_is_allowed() -> None:
    for folder in (KUBERNETES / "base", KUBERNETES / "examples" / "mmod-alone"):
        limits = {d["metadata"]["name"]: c["resources"]["limits"]["memory"] for d, _, c in deployments(render(folder))}
        detectors = {name: limit for name, limit in limits.items() if name.startswith("detector")}
        assert detectors
        assert all(int(limit.removesuffix("Gi")) >= 5 for limit in detectors.values())


def test_a_model_alone_is_loaded_in_one_deployment_and_the_gateway_knows_the_way() -> None:
    manifests = render(KUBERNETES / "examples" / "mmod-alone")
    found = {
        deployment["metadata"]["name"]: environment(container) for deployment, _, container in deployments(manifests)
    }
    loads = {name: variables.get("IMAGO_LOAD_MODEL", "").split(",") for name, variables in found.items()}
    assert "face_mmod" in loads["detector-mmod"]
    assert "face_mmod" not in loads["detector"]
    route = found["gateway"]["IMAGO_ROUTES"]
    assert route == "detector/face_mmod=dns:///detector-headless-mmod:8001"
    headless = next(service for service in manifests if service["metadata"]["name"] == "detector-headless-mmod")
    assert headless["spec"]["selector"] == {"app.kubernetes.io/name": "detector-mmod"}


def test_what_optimises_apart_is_loaded_once_and_the_gateway_knows_the_way_to_it() -> None:
    manifests = render(KUBERNETES / "examples" / "optimising-apart")
    found = {
        deployment["metadata"]["name"]: environment(container) for deployment, _, container in deployments(manifests)
    }
    at_once, optimising = (
        found[name]["IMAGO_LOAD_MODEL"].split(",") for name in ("translator", "translator-optimising")
    )
    assert optimising == ["gatys", "dream"]
    assert not set(at_once) & set(optimising)
    committed = {folder.parent.name for folder in MODELS.glob("*/config.pbtxt")}
    assert committed <= {*at_once, *optimising}, "a model of a clone is served by neither"
    routes = dict(map(parse_route, found["gateway"]["IMAGO_ROUTES"].split(",")))
    moved = [("translator", name) for name in (*optimising, "translator:dream")]
    assert routes == dict.fromkeys(moved, "dns:///translator-headless-optimising:8001")
    headless = next(one for one in manifests if one["metadata"]["name"] == "translator-headless-optimising")
    assert headless["spec"]["selector"] == {"app.kubernetes.io/name": "translator-optimising"}


def test_no_selector_of_one_deployment_catches_the_pods_of_another() -> None:
    for folder in FOLDERS:
        selectors = [d["spec"]["selector"]["matchLabels"] for d, _, _ in deployments(render(folder))]
        assert len({tuple(sorted(selector.items())) for selector in selectors}) == len(selectors)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(KUBERNETES)))
def test_every_variable_is_a_setting_and_every_port_the_default_of_one(folder: Path) -> None:
    for _, _, container in deployments(render(folder)):
        settings: type[ProcessSettings] = GatewaySettings if container["name"] == "gateway" else ServiceSettings
        known = {f"IMAGO_{field.upper()}" for field in settings.model_fields}
        assert environment(container).keys() <= known
        for port in container["ports"]:
            assert port["containerPort"] == settings.model_fields[f"{port['name']}_port"].default
