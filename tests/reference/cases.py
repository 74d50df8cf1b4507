"""What a table of references is made of: a kernel, the sizes to try it on, inputs
for these sizes, and the function that says what must come out.
"""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import compare
import tilec

# Empty, one, and both sides of what a compiler would block by.
SIZES = [0, 1, 63, 65, 77, 127, 129]


def cover(dimensions: int, sizes=None) -> list[tuple[int, ...]]:
    """As few points as there are sizes, in which each dimension takes each size."""
    sizes = sizes or SIZES
    return [tuple(sizes[(i + 2 * d) % len(sizes)] for d in range(dimensions)) for i in range(len(sizes))]


@dataclass(frozen=True)
class Kernel:
    """A kernel with its reference.

    `make(rng, *point)` gives the inputs. `reference(**inputs, **sizes)` gives what each
    output must be. `sizes(*point)` gives the sizes that the shapes do not tell.
    """

    file: str
    name: str
    make: Callable
    reference: Callable
    points: list[tuple[int, ...]]
    sizes: Callable = field(default=lambda *point: {})

    def check(self, point: tuple[int, ...]) -> None:
        rng = np.random.default_rng([zlib.crc32(self.name.encode()), *point])
        inputs = {name: np.asarray(array) for name, array in self.make(rng, *point).items()}
        sizes = self.sizes(*point)
        expected = self.reference(**inputs, **sizes)
        got = tilec.run(self.file, self.name, inputs, list(expected), sizes)
        for name, value in expected.items():
            compare.check(name, got[name], value)
