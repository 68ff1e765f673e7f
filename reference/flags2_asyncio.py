"""Download flags of countries, with error handling: one asyncio event loop.

Port of the listing `flags2_asyncio.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable

import aiohttp
import tqdm
from aiohttp import web

from reference import flags2_common as common  # for values that change
from reference.flags2_common import Counts, HTTPStatus, NotStarted, Result, save_flag

# Low, to spare a remote site that would answer 503 Service Unavailable.
DEFAULT_CONCUR_REQ = 5
MAX_CONCUR_REQ = 1000


class FetchError(Exception):
    """The download of `country_code` failed, for the reason in `__cause__`."""

    def __init__(self, country_code: str) -> None:
        self.country_code = country_code


class BadStatus(Exception):
    """A status other than 200 and 404; the listing's class for it has left aiohttp (R-6)."""


async def get_flag(session: aiohttp.ClientSession, base_url: str, cc: str) -> bytes:
    """The flag of `cc`; raises web.HTTPNotFound, BadStatus, TimeoutError, and errors of aiohttp."""
    if common.interrupted:
        raise NotStarted
    url = f"{base_url}/{cc.lower()}/{cc.lower()}.gif"
    # sock_read is off after an interim response, and after a bad chunk. Hence these limits.
    async with asyncio.timeout(2 * common.TIMEOUT_S):
        resp = await session.get(url, headers=common.HEADERS)
    async with resp:
        if resp.status == 404:
            raise web.HTTPNotFound
        if resp.status != 200:
            raise BadStatus(common.one_line(f"HTTP {resp.status} - {resp.reason}"))
        common.refuse_coding(",".join(resp.headers.getall("Content-Encoding", [])))
        body, loop = b"", asyncio.get_running_loop()
        async with asyncio.timeout(common.TIMEOUT_S) as limit:
            while piece := await resp.content.readany():
                body += piece
                limit.reschedule(loop.time() + common.TIMEOUT_S)
        return body


async def download_one(
    session: aiohttp.ClientSession,
    cc: str,
    base_url: str,
    semaphore: asyncio.Semaphore,
    verbose: bool,
) -> Result:
    """Fetch and save one flag; raises FetchError for whatever goes wrong, except for a 404."""
    try:
        async with semaphore:
            image = await get_flag(session, base_url, cc)
        save_flag(image, f"{cc.lower()}.gif")  # its errors count, too
    except web.HTTPNotFound:
        status, msg = HTTPStatus.not_found, "not found"
    except Exception as exc:
        raise FetchError(cc) from exc
    else:
        status, msg = HTTPStatus.ok, "OK"
    if verbose:
        common.say(f"{cc} {msg}")
    return Result(status, cc)


async def downloader_coro(
    cc_list: list[str], base_url: str, verbose: bool, concur_req: int
) -> Counts:
    """Download with at most `concur_req` requests at once, and count the outcomes."""
    counter: Counts = Counter()
    semaphore = asyncio.Semaphore(concur_req)
    connector = aiohttp.TCPConnector(limit=concur_req)  # by default it allows 100
    timeout = aiohttp.ClientTimeout(sock_connect=common.TIMEOUT_S, sock_read=common.TIMEOUT_S)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        to_do = [download_one(session, cc, base_url, semaphore, verbose) for cc in sorted(cc_list)]
        tasks = [asyncio.create_task(coro) for coro in to_do]  # as_completed takes them unordered
        to_do_iter: Iterable[Awaitable[Result]] = asyncio.as_completed(tasks)
        if not verbose:
            to_do_iter = tqdm.tqdm(to_do_iter, total=len(cc_list))
        for future in to_do_iter:
            try:
                res = await future
            except NotStarted:
                continue
            except FetchError as exc:
                cause = exc.__cause__ or exc
                error_msg = str(cause) if isinstance(cause, BadStatus) else common.error_text(cause)
                if verbose:
                    common.say(f"*** Error for {exc.country_code}: {error_msg}")
                status = HTTPStatus.error
            else:
                status = res.status
            counter[status] += 1
    return counter


def download_many(cc_list: list[str], base_url: str, verbose: bool, concur_req: int) -> Counts:
    """Download the flags of `cc_list` on an event loop, and count the outcomes."""
    return asyncio.run(downloader_coro(cc_list, base_url, verbose, concur_req))


def main() -> None:
    """The command `flags2-asyncio`."""
    common.main(download_many, DEFAULT_CONCUR_REQ, MAX_CONCUR_REQ)


if __name__ == "__main__":
    main()
