"""Servers with a control API, and a client of it."""

import asyncio
import contextlib
import json
import subprocess

import aiohttp
import aiohttp.web
import pytest

from mockservers.content.resources import FlagCatalogue
from mockservers.control.api import Control
from mockservers.control.run_history import RunHistory
from mockservers.journal_json import read_journal
from mockservers.server import MockServers
from support.commands import command_line, environment

asynchronous = pytest.mark.asyncio
JSON = {"Content-Type": "application/json"}
FLAKY_BR = {"plan": 1, "rules": {"BR": [{"do": "status", "status": 503}, {"do": "serve"}]}}


class Driven:
    """Servers in this loop, and a client of their control API."""

    def __init__(self, folder, file=None, root=None, reached_by=()):
        """`reached_by`: address and names of the control API, where they are not the usual ones."""
        self.servers = MockServers(FlagCatalogue())
        self.folder = folder
        self.runs = RunHistory(self.servers, file, folder)
        self.control = Control(self.servers, self.runs, root)
        self.reached_by = reached_by

    async def __aenter__(self):
        await self.servers.start()
        self.runs.begin({})
        self.url = await self.control.start(0, *self.reached_by)
        self.session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *exc_info):
        await self.session.close()
        await self.control.stop()
        await self.servers.stop()

    async def ask(self, method, path, body=None, **headers):
        """Status and JSON of an answer."""
        if isinstance(body, dict):
            body = json.dumps(body)
        if method != "GET":
            headers = {**JSON, **headers}
        async with self.session.request(
            method, self.url + path, data=body, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            return answer.status, await answer.json()

    async def get(self, path, **headers):
        status, answer = await self.ask("GET", path, **headers)
        assert status == 200, answer
        return answer

    async def put(self, plan, label=""):
        status, answer = await self.ask("PUT", f"/plan{label}", plan)
        assert status == 200, answer
        return answer

    async def fetch(self, *codes, label="LOCAL"):
        """The status of the flag of each code, over one connection."""
        statuses = []
        for code in codes:
            url = f"{self.servers.urls[label]}/{code.lower()}/{code.lower()}.gif"
            async with self.session.get(url) as reply:
                await reply.read()
                statuses.append(reply.status)
        return statuses

    async def begin_request(self):
        """A connection with half a request on it, for BR, which is under way."""
        host, port = self.servers.urls["LOCAL"].split("/")[2].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        before = self.servers.run.under_way
        writer.write(b"GET /flags/br/br.gif HTTP/1.1\r\n")
        while self.servers.run.under_way == before:
            await asyncio.sleep(0)
        return reader, writer


def entries(path):
    assert list(read_journal(path))
    return [json.loads(line) for line in path.read_text().splitlines()]


@contextlib.contextmanager
def serving(*options, cwd):
    """`mockservers serve --control auto --json`, and what it says when it is ready."""
    with subprocess.Popen(
        command_line("mockservers", "serve", "--ports", "auto", "--control", "auto", "--json",
                     *options),
        cwd=cwd, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        try:
            yield program, json.loads(program.stdout.readline())
        finally:
            program.kill()
