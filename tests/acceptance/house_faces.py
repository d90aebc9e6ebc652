"""The three detectors on real photographs, through the typed API, against boxes noted by hand."""

import time

import grpc
import numpy as np

from imago.v1 import detector_pb2, detector_pb2_grpc, image_pb2
from services.runtime.geometry import iou_matrix
from tests.acceptance.figures import Figures
from tests.processes import server_process
from tests.services.detector.hand_boxes import CASES, NOTICEABLE, OVERLAP

MMOD_WITHIN_S = 3.0


def faces(figures: Figures) -> None:
    with server_process("services.detector") as server, grpc.insecure_channel(server.grpc_address) as channel:
        detector = detector_pb2_grpc.DetectorServiceStub(channel)
        for photograph, model, upsample, noted in CASES:
            image = image_pb2.Image(encoded=photograph.read_bytes())
            request = detector_pb2.DetectFacesRequest(image=image, model=model, upsample=upsample)
            start = time.monotonic()
            detections = detector.DetectFaces(request, timeout=300).detections
            seconds = round(time.monotonic() - start, 2)
            boxes = np.array([[d.box.x_min, d.box.y_min, d.box.x_max, d.box.y_max] for d in detections]).reshape(-1, 4)
            overlaps = iou_matrix(boxes, np.array(noted, float).reshape(-1, 4))
            found = int((overlaps.max(axis=0, initial=0) >= OVERLAP).sum())
            strays = int(
                sum(
                    d.score > NOTICEABLE and row.max(initial=0) < OVERLAP
                    for d, row in zip(detections, overlaps, strict=True)
                )
            )
            name = f"{model} on {photograph.stem}" + (", upsampled once" if upsample else "")
            figures.equal(f"{name}: faces found", found, len(noted), seconds=seconds)
            figures.equal(f"{name}: other boxes above {NOTICEABLE}", strays, 0)
            if (model, photograph.stem) == ("face_mmod", "zidane"):
                figures.at_most("face_mmod on 1280x720 with its defaults, s", seconds, MMOD_WITHIN_S)
