"""Fixtures of these tests."""

import pytest_asyncio
from support.server_fixture import House


@pytest_asyncio.fixture
async def house():
    running = House()
    await running.servers.start()
    running.begin_run()
    yield running
    await running.servers.stop()
