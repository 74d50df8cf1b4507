"""The program and the table of docs/refusals.md. The tests of the Python package read them
from here too."""

import re
from pathlib import Path

PAGE = (Path(__file__).resolve().parents[2] / "docs/refusals.md").read_text()
PROGRAM = re.search(r"^```tile\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


def column(title):
    """What the column of this title says of each mistake that can be made there."""
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    names, *rows = [[cell.strip() for cell in row] for row in rows]
    assert all(len(row) == len(names) for row in rows)
    at = names.index(title)
    return {row[0]: row[at] for row in rows if row[at] != "–"}
