"""Take the pictures of the README: `tox -e pictures`.

Two runs are made for them, of a downloader that is right and of one that forgets its errors.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from browser.chromium import launched  # noqa: E402 - found by the line above
from support.commands import run  # noqa: E402

FORGETFUL = """
import os, pathlib, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

codes = "BD BR CD CN DE EG ET FR ID IN IR JP MX NG PH PK RU TR US VN".split()
base_url = os.environ["FLAGS2_ERROR_URL"]
folder = pathlib.Path("downloads")
folder.mkdir()

def download(code):
    name = code.lower()
    try:
        image = urllib.request.urlopen(f"{base_url}/{name}/{name}.gif").read()
    except urllib.error.URLError:
        return 0
    (folder / f"{name}.gif").write_bytes(image)
    print(f"{code} OK\\n", end="")
    return 1

print(f"ERROR site: {base_url}")
print(f"Searching for {len(codes)} flags: from {codes[0]} to {codes[-1]}")
print("5 concurrent connections will be used.")
with ThreadPoolExecutor(5) as pool:
    saved = sum(pool.map(download, codes))
print("-" * 20)
print(f"{saved} flags downloaded.")
"""
RUNS = {
    "run-that-balances": (["flags2-threadpool", "-s", "ERROR", "-e"], 1500),
    "run-that-loses": (["python", "forgetful.py"], 1000),
}


def main():
    """Make both runs and their pictures, in docs/."""
    with launched() as browser, tempfile.TemporaryDirectory() as folder:
        for name, (command, height) in RUNS.items():
            place = Path(folder, name)
            place.mkdir()
            (place / "forgetful.py").write_text(FORGETFUL, encoding="utf-8")
            words = ["mockservers", "run", "--ports", "auto", "--html", "run.html", "--", *command]
            run(*words, cwd=place)
            page = browser.new_page(viewport={"width": 1000, "height": height})
            page.goto((place / "run.html").as_uri())
            page.screenshot(path=TOP / "docs" / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main()
