"""Types of the extension module; `import tilec` re-exports what is in it."""

from os import PathLike
from typing import Any, Literal

__version__: str

class Diagnostic:
    """One mistake, or one warning, about a program. `str()` shows it with its source lines."""

    @property
    def severity(self) -> Literal["error", "warning"]:
        """Whether it stops the compiler."""

    @property
    def kind(self) -> str:
        """The stable name of the kind of mistake, such as `"unknown-name"`."""

    @property
    def message(self) -> str:
        """What is wrong, in one sentence."""

    @property
    def file(self) -> str:
        """The file, or `"<text>"`."""

    @property
    def line(self) -> int | None:
        """The line of the main place, from 1; `None` if there is no place."""

    @property
    def column(self) -> int | None:
        """The column of the main place in characters, from 1; `None` if there is no place."""

    @property
    def help(self) -> str | None:
        """The way out, if one is known."""

    @property
    def notes(self) -> list[tuple[int, int, str]]:
        """Every place that takes part, the main one first: line, column and what is the
        matter there."""

class Kernel:
    """A compiled kernel, to be called on arrays. `load` makes it; any thread may call it."""

    def __call__(self, *tensors: Any, out: Any = None, **named: Any) -> Any:
        """Run the kernel.

        Args:
            *tensors: the inputs in the order of the declaration: arrays of its types and
                ranks, C-contiguous, all of NumPy or all of PyTorch; Python numbers for
                scalars.
            out: where the outputs go: an array, a tuple of arrays in the order of the
                declaration, or a dict by name. What is missing is allocated.
            **named: inputs by name, and sizes that no input tells.

        Returns:
            The output, or a tuple of the outputs, as arrays of the caller's framework; those
            given with `out` are returned themselves.

        Raises:
            ArgumentError, DTypeError, RankError, SizeError, DeviceError, LayoutError,
            DataError, GradError, OutOfMemoryError, DriverError: each names the argument.
        """

    def explain(self) -> str:
        """Say what the compiler makes of the kernel: where its sizes come from, the facts
        that it rests on, its canonical equations, and, for CUDA, its regions and tiles."""

    @property
    def name(self) -> str:
        """The kernel's name."""

    @property
    def target(self) -> Literal["cpu", "cuda"]:
        """What it is compiled for."""

    @property
    def chip(self) -> str | None:
        """The chip that tiles were chosen for; `None` on the CPU."""

    @property
    def text(self) -> str:
        """The text of the program."""

    @property
    def source(self) -> str | None:
        """The emitted code: CUDA C++, or LLVM's text for the CPU (`None` in a build without
        LLVM, which interprets)."""

    @property
    def plan(self) -> str:
        """What the recognizers found: the regions of the kernel, as text."""

    @property
    def manifest(self) -> dict[str, Any] | None:
        """How the emitted functions are launched; `None` on the CPU."""

    @property
    def loaded(self) -> list[tuple[int, str, int, int]]:
        """The GPUs that the kernel was called on: for each its index, the compiler of its
        code, how many functions calls have needed so far, and how many of these had to be
        compiled, as the cache lacked them. Empty on the CPU."""

    @property
    def sizes(self) -> dict[str, int | None]:
        """The size parameters by name: the number that one is fixed to, or `None` where the
        call tells it."""

def load(
    path_or_text: str | PathLike[str],
    kernel: str | None = None,
    target: Literal["cuda", "cpu"] = "cuda",
    chip: str | None = None,
    check: bool | None = None,
    **sizes: int,
) -> Kernel:
    """Compile a kernel.

    Args:
        path_or_text: a .tile file, or the text of a program. A `str` is a text if it
            holds a brace or a line break, else a path.
        kernel: which kernel of the file; not needed if it has one.
        target: `"cuda"` or `"cpu"`.
        chip: the chip to choose tiles for (`tilec targets` lists them); by default that
            of the first GPU. With a chip named, loading needs no GPU, only calling does.
        check: what calls check of the values of inputs, beside their shapes and types. By
            default that elements of `idx` inputs are in range, where they are in the
            memory of the CPU. `True`: everything that the kernel presumes (`sorted`,
            `finite` and ranges), on a GPU too, where a call then copies these inputs and
            waits for it, and can't be captured. `False`: nothing; an index that is out of
            range is read as the nearest one.
        **sizes: size parameters to fix. The others are inferred at each call.

    Returns:
        A `Kernel`, which serves all shapes that fit its declaration.

    Raises:
        SourceError: the file cannot be read.
        CompileError: the program has mistakes, or the target cannot express it.
        SizeError: sizes that contradict a fact of the kernel.
        ChipError: no such chip, or one of another target.
        DriverError: target `"cuda"` without a chip, and no GPU.
    """

def check(text: str) -> list[Diagnostic]:
    """Say what is wrong with a program.

    Args:
        text: the text of a program.

    Returns:
        Every mistake and warning as a `Diagnostic`, in the order of the text; an empty
        list if the program is fine.
    """
