"""Helpers of the tests; README.md says where a test goes."""

from pathlib import Path

TOP = Path(__file__).parents[2]
"""The folder of the project."""
TESTS = TOP / "tests"
