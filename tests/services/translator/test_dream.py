"""Dream over a real connection: octave by octave, and gone as soon as nobody looks."""

from typing import Any

import grpc
import pytest

from imago.v1 import translator_pb2
from tests.services.translator.pictures import picture, received, sent


def test_a_dream_is_told_octave_by_octave(dream: Any) -> None:
    photo = picture(90, 60)
    responses = dream(image=sent(photo), seed=7)
    steps, last = [response.progress for response in responses[:-1]], responses[-1].result
    assert [(one.octave, one.step) for one in steps] == [(octave, step) for octave in range(3) for step in (1, 2)]
    assert {(one.total_octaves, one.total_steps) for one in steps} == {(3, 2)}
    # One preview at the end of each octave, at its size; that of the last step is the result.
    assert [one.HasField("preview") for one in steps] == [False, True, False, True, False, False]
    assert received(steps[1].preview).shape == (26, 40, 3)
    assert received(last.image).tolist() == (photo + 6).tolist()
    assert last.objective_after - last.objective_before == 6
    assert (last.seed, last.width, last.height) == (7, 90, 60)
    assert [used.model for used in responses[-1].timing.models] == ["dream"]


def test_flags_of_a_dream_reach_it(dream: Any) -> None:
    responses = dream(
        image=sent(picture(128, 64)),
        guide=sent(picture(30, 30)),
        targets=[{"layer": "relu1_1", "channel": 3, "weight": -2}],
        octaves=2,
        octave_scale=2,
        steps=3,
        step_size=0.5,
        jitter=0,
        preview_every_steps=1,
        longest_side=64,
        size="OUTPUT_SIZE_MODEL",
    )
    assert len(responses) == 7
    previews = [received(one.progress.preview).shape for one in responses[:-2]]
    assert previews == [(16, 32, 3)] * 3 + [(32, 64, 3)] * 2
    assert (responses[-1].result.width, responses[-1].result.height) == (64, 32)


def test_without_a_seed_a_random_one_is_told(dream: Any) -> None:
    photo = sent(picture(32, 32))
    assert dream(image=photo, steps=1)[-1].result.seed != dream(image=photo, steps=1)[-1].result.seed


def test_a_small_image_has_as_many_octaves_as_fit(dream: Any) -> None:
    responses = dream(image=sent(picture(30, 30)), steps=1)
    assert {response.progress.total_octaves for response in responses[:-1]} == {2}


def unread_dream(stub: Any, timeout_s: float | None) -> Any:
    """A dream that would last for 20 s, of which somebody has seen the beginning."""
    request = translator_pb2.DreamRequest(
        image=sent(picture(32, 32)), model="slow_dream", octaves=2, octave_scale=1.5, steps=500
    )
    call = stub.Dream(request, timeout=timeout_s)
    assert next(call).progress.step == 1
    return call


def steps_ever_made(dream: Any) -> float:
    """Of the one instance, which must be free to tell."""
    return float(dream(image=sent(picture(32, 32)), model="slow_dream", octaves=1, steps=1)[-1].result.objective_after)


def test_a_client_that_leaves_frees_the_instance(stub: Any, dream: Any) -> None:
    before = steps_ever_made(dream)
    unread_dream(stub, None).cancel()
    # A step takes 20 ms and news of the client travel in a few; the rest is for machines that are busy.
    assert steps_ever_made(dream) - before < 200


def test_the_callers_deadline_ends_a_dream(stub: Any, dream: Any) -> None:
    before = steps_ever_made(dream)
    with pytest.raises(grpc.RpcError) as caught:
        list(unread_dream(stub, 2))
    error: Any = caught.value
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert steps_ever_made(dream) - before < 400
