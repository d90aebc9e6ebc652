import pytest

from gateway.settings import GatewaySettings
from services.runtime.process.settings import load


def told(*flags: str) -> GatewaySettings:
    return load(GatewaySettings, flags, prog="gateway", description="")


def test_the_gateway_listens_where_people_expect_it() -> None:
    settings = told()
    assert (settings.http_port, settings.grpc_port) == (8080, 8081)
    assert list(settings.backends()) == []


def test_services_and_moved_models_come_from_flags_that_may_be_repeated() -> None:
    settings = told("--detector", "dns:///d:1", "--route", "detector/a=dns:///a:1", "--route=detector/b=b:2")
    backends = settings.backends()
    assert [backend.address for backend in backends] == ["d:1", "a:1", "b:2"]
    assert backends.find("detector", "b").target == "b:2"


def test_services_and_moved_models_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGO_RECOGNIZER", "dns:///r:1")
    monkeypatch.setenv("IMAGO_ROUTES", "detector/a=a:1, detector/b=b:2")
    backends = told().backends()
    assert [(backend.service, backend.address) for backend in backends] == [
        ("recognizer", "r:1"),
        ("detector", "a:1"),
        ("detector", "b:2"),
    ]


@pytest.mark.parametrize("route", ["detector=a:1", "detector:dream=a:1", "gateway:analyze=a:1", "translator:dream="])
def test_a_route_that_cannot_be_read_is_one_line_and_exit_code_2(
    route: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        told("--route", route)
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "IMAGO_ROUTES" in line
    assert f"'{route}' is not service/model=address, or service:rpc=address" in line


def test_a_url_is_no_address_of_a_service(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        told("--detector", "http://d:8001")
    assert stop.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("--detector (IMAGO_DETECTOR) is 'http://d:8001': gRPC has no URLs: write dns:///host:port")
