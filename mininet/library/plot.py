"""Draws a sweep's Result as SVG: one line a case, the range of its outages as
a bar, every run as a tick, the median as a dot, on a logarithmic scale."""

import math
import statistics
from html import escape

WIDTH, LEFT, RIGHT, TOP, ROW = 860, 300, 90, 64, 30
STYLE = (
    "text{font:13px sans-serif;fill:#222}"
    ".small{font-size:11px;fill:#666}"
    ".grid{stroke:#ddd}.range{stroke:#4a78b5;stroke-width:6;opacity:.35}"
    ".run{stroke:#4a78b5}.median{fill:#c0392b}"
)


def draw(result):
    """The text of the file."""
    cases = result.cases()
    known = [v for _, values in cases for v in values if v < math.inf]
    decades = max(1, math.ceil(math.log10(max([10, *known]))))
    height = TOP + ROW * len(cases) + 62

    def x(value):
        """Where a value is; "never" has a place beyond all others."""
        if value == math.inf:
            return WIDTH - RIGHT / 2
        return LEFT + (WIDTH - LEFT - RIGHT) * (
            math.log10(max(value, 1)) / decades
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
        f'height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f"<style>{STYLE}</style>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        _text(16, 24, result.header["question"]),
    ]
    bottom = TOP + ROW * len(cases)
    for decade in range(decades + 1):
        parts += _grid(x(10**decade), bottom, f"{10 ** decade:,} ms")
    if any(v == math.inf for _, values in cases for v in values):
        parts += _grid(x(math.inf), bottom, "never")
    for i, (title, values) in enumerate(cases):
        y = TOP + ROW * i + ROW // 2
        parts.append(_text(LEFT - 12, y + 4, title, "end"))
        parts += _case(x, y, values)
    header = result.header
    notes = (
        f"{header['repetitions']} repetitions; dot: median, bar: range, "
        "tick: a run",
        f"{header['machine']}, kernel {header['kernel']}, "
        f"{header['openvswitch']}, seed {header['seed']}",
    )
    for i, note in enumerate(notes):
        parts.append(_text(16, bottom + 38 + 16 * i, note, kind="small"))
    return "\n".join(parts + ["</svg>", ""])


def _case(x, y, values):
    low, high = x(min(values)), x(max(values))
    yield (
        f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" '
        f'y2="{y}"/>'
    )
    for value in values:
        at = x(value)
        yield (
            f'<line class="run" x1="{at:.1f}" x2="{at:.1f}" y1="{y - 5}" '
            f'y2="{y + 5}"/>'
        )
    median = statistics.median(values)
    name = "never" if median == math.inf else f"{median:.0f} ms"
    yield (
        f'<circle class="median" cx="{x(median):.1f}" cy="{y}" r="4">'
        f"<title>median {name}</title></circle>"
    )
    if median < math.inf:
        yield _text(x(median), y - 8, f"{median:.0f}", "middle", "small")


def _grid(at, bottom, label):
    yield (
        f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 8}" '
        f'y2="{bottom}"/>'
    )
    yield _text(at, bottom + 16, label, "middle", "small")


def _text(x, y, text, anchor="start", kind=""):
    extra = f' class="{kind}"' if kind else ""
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{extra}>'
        f"{escape(text)}</text>"
    )
