"""The README: the run that it shows is what one gets."""

import re
from pathlib import Path

from commands import run

TOP = Path(__file__).parents[2]


def test_the_readme_shows_what_one_gets(tmp_path):
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```\n(ERROR site.*?)```", readme, re.DOTALL)[1]
    done = run("mockservers", "run", "--ports", "auto", "--", "flags2-threadpool", "-s", "ERROR",
               "-e", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0

    def normal(text):
        return re.sub(r":\d{4,5}/|\d+\.\d\ds", "...", text)

    assert normal(done.stdout) == normal(shown)
