"""The generator service: what it costs beside a bare loop, how full its batches are, whether a seed means one image."""

import asyncio
from statistics import median

from imago.v1 import generator_pb2
from tests.acceptance.figures import Figures
from tests.benchmarks.generate import CLIENTS, ask, generator, measure, messages
from tests.processes import ROOT

MODELS = ROOT / "services" / "generator" / "models"
MODEL = "fruits"
LARGEST_BATCH = 32
COMPARED = 256


def throughput(figures: Figures) -> None:
    """1,000 images asked by 32 clients, and the bare loop at its best size of batch, interleaved."""
    rates = measure(MODELS, MODEL)
    medians = {arm: median(found) for arm, found in rates.images_per_s.items()}
    served = medians.pop("served")
    best = max(medians, key=lambda arm: medians[arm])
    figures.at_least(
        "1,000 images for 32 clients: service to bare loop",
        served / medians[best],
        0.9,
        best=best,
        images_per_s=rates.images_per_s,
    )
    share = median(rates.mean_batches) / LARGEST_BATCH
    figures.at_least(
        "1,000 images for 32 clients: mean batch, as a share of the largest", share, 0.7, batches=rates.mean_batches
    )


def identical(figures: Figures) -> None:
    """Every image of a seed, asked for alone, and again while 32 clients fill the batches with others."""
    for model in sorted(folder.parent.name for folder in MODELS.glob("*/config.pbtxt")):
        with generator(MODELS, model) as server:
            wanted = messages(model, COMPARED, each=1)
            alone = asyncio.run(ask(server.grpc_address, wanted, clients=1))
            together = asyncio.run(ask(server.grpc_address, wanted, clients=CLIENTS))
            crowded = asyncio.run(ask(server.grpc_address, messages(model, COMPARED), clients=CLIENTS))
        images = [_images(answers) for answers in (alone, together, crowded)]
        differing = sum(len(set(same)) > 1 for same in zip(*images, strict=True))
        facts = {"batches": [_batches(answers) for answers in (alone, together, crowded)]}
        figures.equal(f"{model}: images of {COMPARED} that are others in company than alone", differing, 0, **facts)
        largest = facts["batches"][-1][-1]
        figures.at_least(f"{model}: rows of the fullest batch among them", largest, LARGEST_BATCH)


def _images(answers: list[bytes]) -> list[bytes]:
    """The encoded images of all answers, in order."""
    parsed = map(generator_pb2.GenerateResponse.FromString, answers)
    return [image.image.encoded for answer in parsed for image in answer.images]


def _batches(answers: list[bytes]) -> list[int]:
    """The sizes of the batches that the images were made in, smallest first."""
    parsed = map(generator_pb2.GenerateResponse.FromString, answers)
    return sorted({model.batch_size for answer in parsed for model in answer.timing.models})
