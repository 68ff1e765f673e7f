"""Fixtures of these tests."""

import pytest_asyncio
from support.server_in_loop import House


@pytest_asyncio.fixture
async def house():
    async with House() as started:
        yield started
