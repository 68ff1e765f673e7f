"""Download flags of countries, with error handling: a pool of threads.

Port of the listing `flags2_threadpool.py`. A sample run:

    $ mockservers run -- flags2-threadpool -s ERROR -e
    ERROR site: http://127.0.0.1:8003/flags
    Searching for 676 flags: from AA to ZZ
    30 concurrent connections will be used.
    --------------------
    150 flags downloaded.
    361 not found.
    165 errors.
    Elapsed time: 6.05s
    ...
"""

from collections.abc import Callable
from concurrent import futures
from contextlib import suppress
from queue import SimpleQueue

import requests
import tqdm

from reference import flags2_common as common
from reference.flags2_common import HTTPStatus, Interrupted, Result, Tally, save_flag, say

DEFAULT_CONCUR_REQ = 30
MAX_CONCUR_REQ = 1000


def get_flag(base_url: str, cc: str) -> bytes:
    """The body of `{base_url}/{cc}/{cc}.gif`, with the code in lower case.

    Raises requests.HTTPError for any status but 200, other exceptions for all that can
    happen to a connection or a reply.
    """
    url = f"{base_url}/{cc.lower()}/{cc.lower()}.gif"
    resp = requests.get(url, headers=common.HEADERS, timeout=common.TIMEOUT_S)
    if resp.status_code != 200:
        raise requests.HTTPError(f"HTTP {resp.status_code} - {resp.reason}", response=resp)
    common.refuse_coding(resp.headers.get("Content-Encoding", ""))
    return resp.content


def download_one(
    cc: str, base_url: str, verbose: bool = False, conclude: Callable[[str], None] = lambda cc: None
) -> Result:
    """Fetch and save one flag; raises whatever `get_flag` and `save_flag` raise, but for a 404.

    `conclude` is called once the reply is there or has failed, before anything is saved or
    printed; it raises CancelledError where Ctrl-C has given this code up already.
    """
    try:
        try:
            image = get_flag(base_url, cc)
        finally:
            conclude(cc)
    except requests.HTTPError as exc:
        if exc.response.status_code != 404:
            raise
        status, msg = HTTPStatus.not_found, "not found"
    else:
        save_flag(image, f"{cc.lower()}.gif")
        status, msg = HTTPStatus.ok, "OK"
    if verbose:
        say(f"{cc} {msg}")
    return Result(status, cc)


def download_many(cc_list: list[str], base_url: str, verbose: bool, concur_req: int) -> Tally:
    """Download the flags of `cc_list` with `concur_req` threads; every code is counted.

    On Ctrl-C nothing new starts, requests in flight are given up, and Interrupted is raised.
    """
    codes = sorted(cc_list)
    results: list[Result] = []
    # Each download when it is over, and None for Ctrl-C, which `futures.as_completed` has no ear
    # for: it would have to be broken off in the middle of its locks.
    news: SimpleQueue[futures.Future[Result] | None] = SimpleQueue()
    # Who has the last word on a code, its thread or Ctrl-C: whoever is entered here first.
    last_word: dict[str, str] = {}

    def conclude(cc: str) -> None:
        if last_word.setdefault(cc, "thread") != "thread":
            raise futures.CancelledError

    def settle(cc: str) -> Result:
        try:
            return download_one(cc, base_url, verbose, conclude)
        except futures.CancelledError:
            raise
        except requests.ConnectionError:
            error_msg = "Connection error"
        except Exception as exc:
            error_msg = common.error_text(exc)
        if verbose:
            say(f"*** Error for {cc}: {error_msg}")
        return Result(HTTPStatus.error, cc)

    def hear() -> None:
        future = news.get()
        if future is None:
            raise KeyboardInterrupt
        with suppress(futures.CancelledError):
            results.append(future.result())

    executor = futures.ThreadPoolExecutor(max_workers=concur_req)
    try:
        with common.on_ctrl_c(lambda: news.put(None)):
            try:
                for cc in codes:
                    executor.submit(settle, cc).add_done_callback(news.put)
                for _ in codes if verbose else tqdm.tqdm(codes):
                    hear()
                executor.shutdown()
            except KeyboardInterrupt:
                executor.shutdown(wait=False, cancel_futures=True)
                for cc in codes:
                    last_word.setdefault(cc, "Ctrl-C")
                while len(results) < list(last_word.values()).count("thread"):
                    hear()
                raise
            except BaseException:  # stdout or stderr has gone: no thread is cut off while it saves
                executor.shutdown(cancel_futures=True)
                raise
        return Tally(results)
    except KeyboardInterrupt:
        raise Interrupted(Tally(results)) from None


def main() -> None:
    """The command `flags2-threadpool`."""
    common.main(download_many, DEFAULT_CONCUR_REQ, MAX_CONCUR_REQ)


if __name__ == "__main__":
    main()
