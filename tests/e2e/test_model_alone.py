"""One model as its own deployment, as in deploy/kubernetes/examples/mmod-alone: callers notice nothing."""

from dataclasses import replace

import pytest

from deploy.stack import GATEWAY, SERVICES
from imago.client import Imago
from imago.errors import NotFound
from tests.house import House
from tests.photographs import astronaut
from tests.processes import server_process


def test_a_model_that_moved_to_its_own_address_answers_through_the_gateway_as_before() -> None:
    loaded = [f"--load-model={name}" for name in ("face_mmod", "face_landmarks")]
    with server_process("services.detector", *loaded) as alone:
        (detector,) = (replace(row, arguments=("--load-model=face_hog",)) for row in SERVICES if row.name == "detector")
        gateway = replace(GATEWAY, arguments=(f"--route=detector/face_mmod=dns:///{alone.grpc_address}",))
        with House([detector], gateway) as house:
            with Imago(house.grpc()) as imago:
                for model in ("face_hog", "face_mmod"):
                    answer = imago.detect_faces(astronaut(), model=model)
                    assert len(answer.detections) == 1
                    assert [timing.model for timing in answer.timing.models] == [model]
                assert [(model.name, model.ready) for model in imago.models().models] == [
                    ("face_hog", True),
                    ("face_mmod", True),
                ]
                assert [service.serving for service in imago.status().services] == [True, True]
            with Imago(house.grpc("detector")) as imago, pytest.raises(NotFound, match="face_mmod"):
                imago.detect_faces(astronaut(), model="face_mmod")
        assert alone.terminate() == 0
