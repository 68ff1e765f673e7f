"""Build hook: puts the one `country_codes.txt` into both packages."""

import shutil
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CountryCodesHook(BuildHookInterface):
    """Copies beside the code, where an editable install finds them too; git ignores them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Copy the file before the packages are collected."""
        for package in ("reference", "mockservers"):
            copy = Path(package, "country_codes.txt")
            shutil.copyfile(Path(self.root, "country_codes.txt"), Path(self.root, copy))
            build_data["artifacts"].append(f"/{copy.as_posix()}")
