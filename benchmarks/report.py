"""The report: tables in Markdown, and charts."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib import pyplot
from matplotlib.figure import Figure

HERE = Path(__file__).parent
IMAGES = HERE.parent / "docs" / "images"


class Report:
    """A report in Markdown that is also printed."""

    def __init__(self, title: str) -> None:
        self._parts = [f"# {title}"]

    def add(self, *lines: str) -> None:
        self._parts.append("\n".join(lines))
        print(*lines, sep="\n", flush=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        lines = [headings, ["---"] * len(headings), *rows]
        self.add(*(f"| {' | '.join(map(str, line))} |" for line in lines))

    def write(self) -> None:
        (HERE / "RESULTS.md").write_text("\n\n".join(self._parts) + "\n")


def machine() -> str:
    cpu = next(
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith(("model name", "Hardware"))
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return (
        f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}"
    )


def ms(seconds: float | None) -> str:
    if seconds is None:
        return "timeout"
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"


def bars(
    name: str, title: str, about: str, groups: Mapping[str, Mapping[str, float | None]]
) -> None:
    """Save a bar chart of seconds by group and series, on a logarithmic scale of milliseconds."""
    series = [*next(iter(groups.values()))]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.16 * len(series) * len(groups)))
    height = 0.8 / len(series)
    for number, label in enumerate(series):
        positions = [index + number * height for index in range(len(groups))]
        values = [(group[label] or 0) * 1000 for group in groups.values()]
        axes.barh(positions, values, height, label=label)
    axes.set_yticks([index + 0.4 - height / 2 for index in range(len(groups))], [*groups])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds, logarithmic")
    axes.set_title(title)
    axes.legend(fontsize="small")
    _save(figure, name, title, about)


def lines(
    name: str, title: str, about: str, x: str, series: Mapping[str, Mapping[int, float]]
) -> None:
    """Save a chart of seconds by size, on logarithmic scales of milliseconds and of the size."""
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for label, points in series.items():
        axes.plot([*points], [value * 1000 for value in points.values()], marker="o", label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel("milliseconds")
    axes.set_title(title)
    axes.legend(fontsize="small")
    _save(figure, name, title, about)


def _save(figure: Figure, name: str, title: str, about: str) -> None:
    mpl.rcParams["svg.hashsalt"] = "open-segments"  # identical files for identical data
    figure.tight_layout()
    path = IMAGES / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # A title and a description for screen readers.
    head, _, body = path.read_text().partition("<metadata>")
    words = f"<title>{escape(title)}</title>\n <desc>{escape(about)}</desc>\n "
    path.write_text(f"{head}{words}<metadata>{body}")
