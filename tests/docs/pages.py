"""Read the documentation pages: their blocks, tables, links and anchors."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGES = (
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
)

FENCE = re.compile(r"^```(\S*) *(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block, with its position; ``info`` is the text after the language."""

    page: Path
    line: int
    language: str
    info: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(path: Path) -> list[Block]:
    text = path.read_text()
    return [
        Block(path, text[: found.start()].count("\n") + 1, *found.groups())
        for found in FENCE.finditer(text)
    ]


def all_blocks(language: str, info: str | None = None) -> list[Block]:
    """Return the blocks of a language on all pages; ``info=None`` means any info."""
    return [
        block
        for path in PAGES
        for block in blocks(path)
        if block.language == language and info in (None, block.info)
    ]


def prose(path: Path) -> str:
    """Return the text of a page without its fenced blocks."""
    return FENCE.sub("", path.read_text())


def table(path: Path, first_column: str) -> list[list[str]]:
    """Return the rows of the only table of a page whose first column has this name."""
    (found,) = (rows for header, rows in _tables(prose(path)) if header[0] == first_column)
    return found


def table_under(path: Path, heading: str) -> list[list[str]]:
    """Return the rows of the first table after a heading."""
    text = prose(path)
    rest = text[text.index(f"\n{heading}\n") :]
    return next(rows for _, rows in _tables(rest))


def _tables(text: str) -> Iterator[tuple[list[str], list[list[str]]]]:
    for found in re.finditer(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        header, _, *rows = map(_cells, found.group().splitlines())
        yield header, rows


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def code(cell: str) -> Sequence[str]:
    return re.findall(r"`([^`]*)`", cell)


def anchors(path: Path) -> set[str]:
    """Return the anchors that GitHub creates for the page's headings."""
    headings = re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
