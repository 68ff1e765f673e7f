"""Fixtures of these tests."""

import pytest_asyncio
from support.control_client import Driven


@pytest_asyncio.fixture
async def driven(tmp_path):
    async with Driven(tmp_path) as started:
        yield started
