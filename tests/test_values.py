"""Every dataclass has slots and is frozen, except a few that are filled while they live."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import conformance
import mockservers
import reference

FILLED = {"Progress", "_Schedule", "_Session"}
MODULES = [
    module.name
    for package in (reference, mockservers, conformance)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_every_dataclass_is_a_value_with_slots(name):
    classes = inspect.getmembers(importlib.import_module(name), inspect.isclass)
    for class_name, cls in classes:
        if cls.__module__ == name and dataclasses.is_dataclass(cls):
            assert "__slots__" in vars(cls), class_name
            assert cls.__dataclass_params__.frozen == (class_name not in FILLED), class_name
