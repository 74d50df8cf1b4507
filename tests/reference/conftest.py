"""One test for each kernel and point of the tables."""

import contract
import gemm
import integers
import moe
import moe_forms
import moe_layers
import moe_routers
import moe_variants
import pointwise
import rows
import rowwise
import sampling
import selection

TABLES = [gemm, moe, moe_variants, moe_routers, moe_layers, moe_forms]
TABLES += [rowwise, pointwise, selection, integers, sampling, contract, rows]


def pytest_generate_tests(metafunc) -> None:
    if "kernel" in metafunc.fixturenames:
        cases = [(kernel, point) for table in TABLES for kernel in table.KERNELS for point in kernel.points]
        names = ["-".join([kernel.name, "x".join(map(str, point))]).rstrip("-") for kernel, point in cases]
        metafunc.parametrize("kernel, point", cases, ids=names)
