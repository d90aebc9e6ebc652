"""Fixtures that tests of several folders share."""

from collections.abc import Iterator

import pytest

from tests.house import House


@pytest.fixture(scope="session")
def house() -> Iterator[House]:
    """The running stack; tests that stop or kill parts of it start one of their own."""
    with House() as running:
        yield running
