"""A bar chart as SVG: two bars a row, ours and a peer's, each with its time."""

WIDTH, LEFT, ROW, BAR = 720, 120, 56, 18
OURS, PEER, TEXT = "#2b6cb0", "#a0aec0", "#1a202c"


def bars(title: str, rows: list[tuple[str, float, float]]) -> str:
    """Each row is scaled to its longer bar, because rows differ by orders of magnitude."""
    height = 70 + ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(16, 26, title, weight="bold"),
        legend(WIDTH - 190, 18, OURS, "tilec"),
        legend(WIDTH - 110, 18, PEER, "numpy"),
    ]
    for at, (name, ours, peer) in enumerate(rows):
        top = 50 + at * ROW
        scale = (WIDTH - LEFT - 110) / max(ours, peer)
        parts.append(text(16, top + BAR + 5, name))
        parts.append(bar(top, ours, scale, OURS))
        parts.append(bar(top + BAR + 2, peer, scale, PEER))
    return "\n".join([*parts, "</svg>"]) + "\n"


def bar(y: float, seconds: float, scale: float, color: str) -> str:
    width = seconds * scale
    shape = f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{color}"/>'
    return shape + text(LEFT + width + 6, y + 14, f"{seconds * 1e3:.2f} ms")


def legend(x: float, y: float, color: str, name: str) -> str:
    return f'<rect x="{x}" y="{y - 1}" width="10" height="10" fill="{color}"/>' + text(x + 15, y + 9, name)


def text(x: float, y: float, content: str, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{TEXT}" font-weight="{weight}">{content}</text>'
