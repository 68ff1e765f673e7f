"""A flags2 downloader in the words of the second edition: it pads totals, and saves `BR.gif`.

    python second_edition.py [-v] [--bug] [--by-country] [--meta] [--save-nothing] [-m N] BASE CC...

With `--bug`, every download after the first error is counted as an error, too. With `--by-country`,
files are named by country; with `--meta`, `metadata.json` is asked for beside each flag.
"""

import http.client
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

OPTIONS = ("-v", "--bug", "--by-country", "--meta", "--save-nothing")
COUNTRIES = {"BR": "Brazil", "CN": "China", "US": "United States"}
PHRASES = {"ok": "OK", "not_found": "not found"}


def fetch(url):
    """The outcome of a download, what was said of it, and its body."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return "ok", "OK", response.read()
    except urllib.error.HTTPError as exc:
        exc.close()
        if exc.code == http.HTTPStatus.NOT_FOUND:
            return "not_found", f"not found: {url}", b""
        return "error", f"error: HTTP error {exc.code} - {exc.reason}", b""
    except (OSError, http.client.HTTPException) as exc:
        return "error", f"error: {exc!r}", b""


def main():
    began = time.monotonic()
    given = [word for word in sys.argv[1:] if word in OPTIONS]
    base, *codes = [word for word in sys.argv[1:] if word not in OPTIONS]
    print(f"LOCAL site: {base}")
    print(f"Searching for {len(codes)} flag{'s' * (len(codes) > 1)}: {', '.join(codes)}")
    print("1 connection will be used.")
    counted, bad = Counter(), False
    Path("downloaded").mkdir(exist_ok=True)
    for code in codes:
        low = code.lower()
        if "--meta" in given:
            fetch(f"{base}/{low}/metadata.json")
        outcome, said, body = fetch(f"{base}/{low}/{low}.gif")
        name = COUNTRIES.get(code, code) if "--by-country" in given else code
        if outcome == "ok" and "--save-nothing" not in given:
            Path("downloaded", f"{name}.gif").write_bytes(body)
        bad = bad or outcome == "error"
        if "--save-nothing" in given or ("--bug" in given and bad):
            outcome, said = "error", "error: something"
        counted[outcome] += 1
        if "-v" in given:
            print(f"{code} {said}")
    print("-" * 20)
    print(f"{counted['ok']:3} flag{'s' * (counted['ok'] != 1)} downloaded.")
    if counted["not_found"]:
        print(f"{counted['not_found']:3} not found.")
    if counted["error"]:
        print(f"{counted['error']:3} error{'s' * (counted['error'] != 1)}.")
    print(f"Elapsed time: {time.monotonic() - began:.2f}s")


main()
