"""What a run of the bench says: a table, a JSON file, a plot."""

import json

FAULT_STYLE = {
    "killed": ("o", "killed router"),
    "port_down": ("s", "port down"),
    "silent": ("^", "silent cut"),
}


def format_number(value):
    """At most four significant digits, without an exponent."""
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == int(value):
        return str(int(value))
    return f"{value:.3g}"


def _align(rows):
    """Columns of equal width: the first two to the left, the rest to the
    right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def table(figures):
    """The medians of all figures, with ratios to each one's reference."""
    text = []
    for figure in figures:
        text.append(f"\n{figure.name}: {figure.title}")
        text.append((figure.layout or _medians)(figure))
        for label, errors in figure.errors.items():
            for error in errors:
                text.append(f"  FAILED {label}: {error}")
    return "\n".join(text)


def _medians(figure):
    """One row for each metric of each contestant."""
    rows = [("", "", "median", "min", "max", "unit", "ratio")]
    for label, metrics in figure.samples.items():
        for metric, values in metrics.items():
            known = [value for value in values if value is not None]
            ratio = None
            if figure.reference and label != figure.reference:
                ratio = figure.ratio(label, metric, figure.reference)
            rows.append(
                (
                    f"  {label}",
                    metric,
                    format_number(figure.median(label, metric)),
                    format_number(min(known, default=None)),
                    format_number(max(known, default=None)),
                    figure.unit(metric),
                    "" if ratio is None else f"{format_number(ratio)} x",
                )
            )
    return _align(rows)


def targets(figures):
    """A line for each target: met, missed or not measured."""
    rows = [("target", "", "bound", "value", "verdict")]
    for figure in figures:
        for (
            (label, metric, relation, bound, of),
            value,
            met,
        ) in figure.verdicts():
            unit = f"x {of}" if of else figure.unit(metric)
            verdict = "met" if met else "MISSED"
            rows.append(
                (
                    f"  {figure.name}",
                    f"{label} {metric}",
                    f"{relation} {format_number(bound)} {unit}".strip(),
                    format_number(value),
                    "not measured" if value is None else verdict,
                )
            )
    return _align(rows) if len(rows) > 1 else ""


def write_json(figures, machine, path):
    """Writes everything that was measured, samples included, to 'path'."""
    content = {
        "machine": machine,
        "figures": [figure.to_json() for figure in figures],
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def plot_moves(figure, sizes, path):
    """Failover time over the number of clients, one line for each fault:
    the median client (dashed) and the last one (solid), medians of runs."""
    # Late: the rest of the bench works without it.
    import matplotlib  # pylint: disable=import-outside-toplevel

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # pylint: disable=import-outside-toplevel

    _, axes = plt.subplots(figsize=(7, 4.5))
    for i, (fault, (marker, name)) in enumerate(FAULT_STYLE.items()):
        for metric, style in (("median_ms", "--"), ("all_ms", "-")):
            points = [
                (size, figure.median(f"{fault} {size}", metric))
                for size in sizes
            ]
            points = [point for point in points if point[1] is not None]
            if not points:
                continue
            axes.plot(
                [size for size, _ in points],
                [value for _, value in points],
                marker=marker,
                linestyle=style,
                color=f"C{i}",
                label=f"{name}, {'last' if style == '-' else 'median'} client",
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("clients that have to move")
    axes.set_ylabel("from fault to takeover notice, ms")
    axes.grid(True, which="both", alpha=0.3)
    axes.legend(fontsize=8)
    plt.tight_layout()
    plt.savefig(path, dpi=120)
    plt.close()
