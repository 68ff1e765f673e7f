"""Record what the source listings make of each row of `raw_responses.py`, as `rows.json`.

    python tests/golden/record_rows.py LISTINGS_DIR

What is recorded comes from running the listings, never from the ports: they are copied to a
scratch folder with `downloads/` in it, and run there against a server that does the row to BR.
The thread listing does not define `get_flag`; it gets the four lines that fetch the URL.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.raw_responses import CODES, HIT, ROWS, serving

PATIENCE_S = 4
DRIVER = """
import sys, flags2_common, requests
flags2_common.SERVERS["LOCAL"] = sys.argv[1]
import {program} as program
def get_flag(base_url, cc):
    resp = requests.get("%s/%s/%s.gif" % (base_url, cc.lower(), cc.lower()))
    resp.raise_for_status()
    return resp.content
if not hasattr(program, "get_flag"):
    program.get_flag = get_flag
sys.argv[1:] = ["-v", *sys.argv[2:]]
flags2_common.main(program.download_many, 3, 3)
"""


def observe(listings: Path, program: str, base_url: str) -> dict:
    """How one run ended, what it said of BR, and how many bytes it saved of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for listing in listings.glob("*.py"):
            shutil.copy(listing, folder)
        (folder / "downloads").mkdir()
        command = [sys.executable, "-c", DRIVER.format(program=program), base_url, *CODES]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=PATIENCE_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"ends": "waits"}
        lines = done.stdout.splitlines()
        # By the totals: threads tear the lines of the listing's -v.
        said = "nothing"
        for total, outcome in {
            f"{len(CODES)} flags downloaded.": "ok",
            "1 not found.": "not_found",
            "1 error.": "error",
        }.items():
            if total in lines:
                said = outcome
        crash = re.findall(r"^([\w.]+)(?::|$)", done.stderr, re.MULTILINE)
        ends = "report" if any("Elapsed time" in line for line in lines) else crash[-1]
        file = folder / f"downloads/{HIT.lower()}.gif"
        saved = file.stat().st_size if file.exists() else None
        return {"ends": ends, "said": said, "saved": saved}


def main() -> None:
    """Write `rows.json` beside this file."""
    listings = Path(sys.argv[1])
    recorded = {}
    for row in ROWS:
        with serving(row) as base_url:
            recorded[row.name] = {
                program: observe(listings, program, base_url)
                for program in ("flags2_threadpool", "flags2_asyncio")
            }
    note = "The listings, run against each row of raw_responses.py by tests/golden/record_rows.py"
    lines = [f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in recorded.items()]
    text = f'{{"recorded_from": {json.dumps(note)}, "rows": {{\n' + ",\n".join(lines) + "\n}}\n"
    Path(__file__).with_name("rows.json").write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
