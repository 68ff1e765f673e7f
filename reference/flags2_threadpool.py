"""Download flags of countries, with error handling: a pool of threads.

Port of the listing `flags2_threadpool.py`. A sample run:

    $ flags2-threadpool -s ERROR -e
    ERROR site: http://localhost:8003/flags
    Searching for 676 flags: from AA to ZZ
    30 concurrent connections will be used.
    --------------------
    150 flags downloaded.
    361 not found.
    165 errors.
    Elapsed time: 6.05s
"""

from collections import Counter
from collections.abc import Iterable
from concurrent import futures

import requests
import tqdm

from reference import flags2_common as common  # for values that change
from reference.flags2_common import Counts, HTTPStatus, NotStarted, Result, save_flag

DEFAULT_CONCUR_REQ = 30
MAX_CONCUR_REQ = 1000


def get_flag(base_url: str, cc: str) -> bytes:
    """The body of `{base_url}/{cc}/{cc}.gif`. Raises HTTPError for any status but 200 (R-1)."""
    if common.interrupted:
        raise NotStarted
    url = f"{base_url}/{cc.lower()}/{cc.lower()}.gif"
    resp = requests.get(url, headers=common.HEADERS, timeout=common.TIMEOUT_S)
    if resp.status_code != 200:
        raise requests.HTTPError(response=resp)
    common.refuse_coding(resp.headers.get("Content-Encoding", ""))
    return resp.content


def download_one(cc: str, base_url: str, verbose: bool = False) -> Result:
    """Fetch and save one flag; raises what `get_flag` and `save_flag` raise, except for a 404."""
    try:
        image = get_flag(base_url, cc)
    except requests.HTTPError as exc:
        if exc.response.status_code != 404:
            raise
        status, msg = HTTPStatus.not_found, "not found"
    else:
        save_flag(image, f"{cc.lower()}.gif")
        status, msg = HTTPStatus.ok, "OK"
    if verbose:
        common.say(f"{cc} {msg}")
    return Result(status, cc)


def download_many(cc_list: list[str], base_url: str, verbose: bool, concur_req: int) -> Counts:
    """Download the flags of `cc_list` on `concur_req` threads, and count the outcomes."""
    counter: Counts = Counter()
    with futures.ThreadPoolExecutor(max_workers=concur_req) as executor:
        to_do_map = {}
        for cc in sorted(cc_list):
            future = executor.submit(download_one, cc, base_url, verbose)
            to_do_map[future] = cc
        done_iter: Iterable[futures.Future[Result]] = futures.as_completed(to_do_map)
        if not verbose:
            done_iter = tqdm.tqdm(done_iter, total=len(cc_list))
        for future in done_iter:
            cc = to_do_map.pop(future)  # pop: a kept exception would keep its socket
            try:
                res = future.result()
            except NotStarted:
                continue
            except requests.HTTPError as exc:
                resp = exc.response
                error_msg = common.one_line(f"HTTP {resp.status_code} - {resp.reason}")
            except requests.ConnectionError:
                error_msg = "Connection error"
            except Exception as exc:
                error_msg = common.error_text(exc)
            else:
                error_msg = ""
                status = res.status
            if error_msg:
                status = HTTPStatus.error
            counter[status] += 1
            if verbose and error_msg:
                common.say(f"*** Error for {cc}: {error_msg}")
    return counter


def main() -> None:
    """The command `flags2-threadpool`."""
    common.main(download_many, DEFAULT_CONCUR_REQ, MAX_CONCUR_REQ)


if __name__ == "__main__":
    main()
