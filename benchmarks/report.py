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
    """What was measured, in the order in which it was."""

    def __init__(self, title: str) -> None:
        self._parts = [f"# {title}"]

    def say(self, *lines: str) -> None:
        """Add a paragraph."""
        self._parts.append("\n".join(lines))
        print(*lines, sep="\n", flush=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Add a table."""
        lines = [heads, ["---"] * len(heads), *rows]
        self.say(*(f"| {' | '.join(map(str, line))} |" for line in lines))

    def write(self) -> None:
        """Write RESULTS.md."""
        (HERE / "RESULTS.md").write_text("\n\n".join(self._parts) + "\n")


def machine() -> str:
    """What it was measured on."""
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
    """Milliseconds for people."""
    if seconds is None:
        return "given up"
    return f"{seconds * 1000:,.1f}" if seconds < 0.1 else f"{seconds * 1000:,.0f}"


def bars(
    name: str, title: str, about: str, groups: Mapping[str, Mapping[str, float | None]]
) -> None:
    """A chart of milliseconds, on a scale of powers of ten: groups of bars, one for each way."""
    ways = [*next(iter(groups.values()))]
    figure, axes = pyplot.subplots(figsize=(9, 1 + 0.16 * len(ways) * len(groups)))
    height = 0.8 / len(ways)
    for number, way in enumerate(ways):
        places = [index + number * height for index in range(len(groups))]
        values = [(group[way] or 0) * 1000 for group in groups.values()]
        axes.barh(places, values, height, label=way)
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
    """A chart of milliseconds by size, both on scales of powers of ten."""
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
    mpl.rcParams["svg.hashsalt"] = "open-segments"  # the same file for the same figures
    figure.tight_layout()
    path = IMAGES / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
    # For those who do not see it.
    head, _, body = path.read_text().partition("<metadata>")
    words = f"<title>{escape(title)}</title>\n <desc>{escape(about)}</desc>\n "
    path.write_text(f"{head}{words}<metadata>{body}")
