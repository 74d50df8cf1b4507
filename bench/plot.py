"""A bar chart as SVG: two bars a row, ours and a peer's, each with its time."""

import matplotlib

matplotlib.use("svg")
# The same numbers give the same file.
matplotlib.rcParams["svg.hashsalt"] = "tilec"
matplotlib.rcParams["svg.fonttype"] = "none"

import matplotlib.pyplot as plt  # noqa: E402

OURS, PEER = "#2b6cb0", "#a0aec0"


def bars(path, title: str, rows: list[tuple[str, float, float]]) -> None:
    """A panel a row, each with its own scale, because rows differ by orders of magnitude."""
    figure, panels = plt.subplots(len(rows), 1, figsize=(7, 1.1 * len(rows) + 0.6), squeeze=False)
    figure.suptitle(title)
    for panel, (name, ours, peer) in zip(panels[:, 0], rows):
        drawn = panel.barh(["numpy", "tilec"], [peer * 1e3, ours * 1e3], color=[PEER, OURS])
        panel.bar_label(drawn, fmt="%.2f ms", padding=3)
        panel.set_title(name, loc="left", fontsize="medium")
        panel.margins(x=0.2)
        panel.set_xticks([])
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
