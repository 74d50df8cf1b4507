"""What docs/performance.md quotes is what was measured. Needs no tilec."""

import sys

from tilec import ROOT

sys.path.append(str(ROOT / "bench/cuda"))

import report  # noqa: E402


def test_page_quotes_the_results():
    page = report.PAGE.read_text()
    assert page.count("<!-- table ") == page.count("<!-- end -->") == len(report.TABLES)
    assert report.rendered(page) == page, "run python bench/cuda/report.py"


def test_tables_follow_the_results(monkeypatch):
    row = {"shape": [1, 2, 3], "us": {"block": 2.0, "torch_block": 3.0}, "tflops": {"block": 9.0}, "ratio": {"block": 1.5}}
    on = {"gpu": "G", "driver": "1", "cuda": "13", "torch": "2"}
    result = {"machine": on, "date": "2000-01-01", "rows": [row], "geomean": {"block": 1.5}}
    monkeypatch.setattr(report, "load", lambda name: result)
    lines = report.gemm_ratios().splitlines()
    assert lines[2:] == [
        "| M, N, K | block scales |",
        "| --- | --- |",
        "| 1, 2, 3 | 1.50 (2 us, 9) |",
        "| geometric mean | **1.500** |",
    ]
    assert "| 1, 2, 3 | 3.0 |" in report.gemm_peers()
