"""Importing, threads and processes."""

import multiprocessing
import statistics
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import tilec
from conftest import TEXTS, load

IMPORT = """
import sys, time
start = time.perf_counter()
import tilec
took = time.perf_counter() - start
loaded = sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "numpy", "ml_dtypes"})
print(took, *loaded)
"""


def test_importing_is_quick_and_imports_no_framework():
    def run():
        done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True)
        took, *loaded = done.stdout.split()
        assert loaded == []
        return float(took)

    # The median, so that a busy machine does not decide.
    assert statistics.median(run() for _ in range(9)) < 0.1


def test_there_is_nothing_else_in_the_package():
    with pytest.raises(AttributeError, match="no attribute 'opps'"):
        tilec.opps


def test_many_threads_load_and_call_at_once():
    wrong = []
    barrier = threading.Barrier(8)

    def work(seed):
        try:
            rng = np.random.default_rng(seed)
            barrier.wait()
            mine = tilec.load(TEXTS["matmul"], target="cpu")
            for round in range(20):
                m, n, k = rng.integers(1, 60, 3)
                a = rng.standard_normal((m, k), np.float32)
                b = rng.standard_normal((k, n), np.float32)
                for kernel in (mine, load("matmul")):
                    if not np.allclose(kernel(a, b), a @ b, rtol=1e-4, atol=1e-5):
                        wrong.append((seed, round))
                with pytest.raises(tilec.SizeError):
                    mine(a, np.zeros((k + 1, n), np.float32))
                if tilec.check(TEXTS["both"]):
                    wrong.append((seed, "check"))
        except BaseException as error:
            wrong.append((seed, repr(error)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    [thread.start() for thread in threads]
    [thread.join(300) for thread in threads]
    assert not any(thread.is_alive() for thread in threads) and wrong == []


def test_threads_with_little_stack():
    size = threading.stack_size(64 << 10)
    try:
        results = []
        deep = "(" * 100 + "x[n]" + ")" * 100
        text = f"kernel deep[N](x: f32[N]) -> (y: f32[N]) {{ y[n] = {deep} }}"
        thread = threading.Thread(target=lambda: results.append(tilec.load(text, target="cpu")))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    x = np.arange(3, dtype=np.float32)
    assert np.array_equal(results[0](x), x)


def test_other_threads_go_on_while_a_kernel_runs():
    kernel, n, took = load("matmul"), 16, 0.0
    while took < 0.1:
        n *= 2
        a = np.ones((n, n), np.float32)
        start = time.perf_counter()
        kernel(a, a)
        took = time.perf_counter() - start
    ticks = []
    done = threading.Event()

    def tick():
        while not done.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.perf_counter()
    kernel(a, a)
    end = time.perf_counter()
    done.set()
    thread.join()
    # One or two may fall between taking the time and the kernel.
    assert sum(begin < tick < end for tick in ticks) > 5


def _child(queue):
    x = np.arange(100_000, dtype=np.float32)
    queue.put(bool((load("add")(x, x) == 2 * x).all()))


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no fork on this system")
def test_forked_children_run_kernels_too():
    x = np.arange(100_000, dtype=np.float32)
    load("add")(x, x)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    children = [context.Process(target=_child, args=(queue,)) for _ in range(2)]
    [child.start() for child in children]
    [child.join(60) for child in children]
    stuck = [child for child in children if child.is_alive()]
    [child.kill() for child in stuck]
    assert not stuck and [queue.get() for _ in children] == [True, True]


def test_memory_does_not_grow():
    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1])

    add, x = load("add"), np.arange(1000, dtype=np.float32)

    def many(count):
        for _ in range(count):
            add(x, x)
            with pytest.raises(tilec.SizeError):
                add(x, x[:5])

    many(500)
    before = resident()
    many(5000)
    # Pages of 4 KiB; a leak of one array or one message a call would be thousands.
    assert resident() - before < 500
