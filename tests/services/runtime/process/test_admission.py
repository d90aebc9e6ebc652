import asyncio

import pytest

from services.runtime.errors import Unavailable
from services.runtime.process.admission import Admission


async def test_an_admission_that_nobody_entered_is_empty() -> None:
    await Admission().empty()


async def test_empty_waits_for_the_last_one_to_leave() -> None:
    admission = Admission()
    admission.enter()
    admission.enter()
    waiting = asyncio.create_task(admission.empty())
    admission.leave()
    await asyncio.wait((waiting,), timeout=0)
    assert not waiting.done()
    assert admission.inside == 1
    admission.leave()
    await waiting


async def test_a_closed_admission_refuses_newcomers_and_keeps_who_is_inside() -> None:
    admission = Admission()
    admission.enter()
    admission.close()
    with pytest.raises(Unavailable, match="shutting down"):
        admission.enter()
    assert admission.inside == 1
    admission.leave()
    await admission.empty()


async def test_those_inside_are_told_that_the_door_closes_unless_they_said_forget() -> None:
    admission, told = Admission(), []

    def one() -> None:
        told.append("one")

    def other() -> None:
        told.append("other")

    admission.tell(one)
    admission.tell(other)
    admission.forget(other)
    admission.close()
    assert told == ["one"]
