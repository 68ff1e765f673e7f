"""Download flags of countries, with error handling: one asyncio event loop.

Port of the listing `flags2_asyncio.py`.
"""

import asyncio
from collections.abc import Awaitable, Iterable

import aiohttp
import tqdm
from aiohttp import web

from reference import flags2_common as common
from reference.flags2_common import HTTPStatus, Interrupted, Result, Tally, save_flag, say

# Low, to spare a remote site that would answer 503 Service Unavailable.
DEFAULT_CONCUR_REQ = 5
MAX_CONCUR_REQ = 1000


class FetchError(Exception):
    """The download of `country_code` failed, for the reason in `__cause__`."""

    def __init__(self, country_code: str) -> None:
        self.country_code = country_code


async def get_flag(session: aiohttp.ClientSession, base_url: str, cc: str) -> bytes:
    """The body of `{base_url}/{cc}/{cc}.gif`, with the code in lower case.

    Raises web.HTTPNotFound for a 404, other exceptions for any other status but 200 and for
    all that can happen to a connection or a reply.
    """
    url = f"{base_url}/{cc.lower()}/{cc.lower()}.gif"
    # sock_read knows no silence behind an interim reply (1xx), so the head has a limit of its own.
    async with asyncio.timeout(2 * common.TIMEOUT_S):
        resp = await session.get(url, headers=common.HEADERS)
    async with resp:
        if resp.status == 404:
            raise web.HTTPNotFound
        if resp.status != 200:
            raise aiohttp.ClientError(f"HTTP {resp.status} - {resp.reason}")
        common.refuse_coding(",".join(resp.headers.getall("Content-Encoding", [])))
        return await resp.read()


async def download_one(
    session: aiohttp.ClientSession,
    cc: str,
    base_url: str,
    semaphore: asyncio.Semaphore,
    verbose: bool,
) -> Result:
    """Fetch and save one flag; raises FetchError for whatever goes wrong, but for a 404."""
    try:
        async with semaphore:
            image = await get_flag(session, base_url, cc)
        save_flag(image, f"{cc.lower()}.gif")
    except web.HTTPNotFound:
        status, msg = HTTPStatus.not_found, "not found"
    except Exception as exc:
        raise FetchError(cc) from exc
    else:
        status, msg = HTTPStatus.ok, "OK"
    if verbose:
        say(f"{cc} {msg}")
    return Result(status, cc)


async def downloader_coro(
    cc_list: list[str], base_url: str, verbose: bool, concur_req: int, results: list[Result]
) -> None:
    """Download with at most `concur_req` requests at once; what is settled is put in `results`.

    It is not returned, for Ctrl-C may come at any moment, up to the last.
    """

    async def settle(cc: str) -> None:
        try:
            results.append(await download_one(session, cc, base_url, semaphore, verbose))
        except FetchError as exc:
            results.append(Result(HTTPStatus.error, exc.country_code))
            if verbose:
                say(f"*** Error for {cc}: {common.error_text(exc.__cause__ or exc)}")

    semaphore = asyncio.Semaphore(concur_req)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=concur_req),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=common.TIMEOUT_S, sock_read=common.TIMEOUT_S
        ),
    ) as session:
        to_do = [asyncio.create_task(settle(cc)) for cc in sorted(cc_list)]
        to_do_iter: Iterable[Awaitable[None]] = asyncio.as_completed(to_do)
        if not verbose:
            to_do_iter = tqdm.tqdm(to_do_iter, total=len(cc_list))
        try:
            for future in to_do_iter:
                await future
        except asyncio.CancelledError:  # how asyncio.run passes Ctrl-C on
            for task in to_do:
                task.cancel()
            raise


def download_many(cc_list: list[str], base_url: str, verbose: bool, concur_req: int) -> Tally:
    """Download the flags of `cc_list`; every code is counted.

    On Ctrl-C nothing new starts, requests in flight are given up, and Interrupted is raised.
    """
    results: list[Result] = []
    try:
        asyncio.run(downloader_coro(cc_list, base_url, verbose, concur_req, results))
        return Tally(results)
    except KeyboardInterrupt:
        raise Interrupted(Tally(results)) from None


def main() -> None:
    """The command `flags2-asyncio`."""
    common.main(download_many, DEFAULT_CONCUR_REQ, MAX_CONCUR_REQ)


if __name__ == "__main__":
    main()
