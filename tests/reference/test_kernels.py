"""Every kernel of the examples and of these folders of tests/cases, against its reference."""

import re

import pytest

import conftest
from tilec import ROOT


def test_kernel_agrees(kernel, point):
    kernel.check(point)


FOLDERS = ["examples/*", "tests/cases/idioms", "tests/cases/contract", "tests/cases/rowwise", "tests/cases/select"]


def files():
    return sorted(file for folder in FOLDERS for file in ROOT.glob(f"{folder}/*.tile"))


@pytest.mark.parametrize("file", files(), ids=lambda file: file.stem)
def test_every_kernel_has_a_reference(file):
    elsewhere = {"narrow", "stochastic_draws"}  # in test_conversions.py
    written = set(re.findall(r"^kernel (\w+)", file.read_text(), re.MULTILINE))
    tested = {kernel.name for table in conftest.TABLES for kernel in table.KERNELS}
    assert written and written <= tested | elsewhere, written - tested - elsewhere
