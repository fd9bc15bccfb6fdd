"""Install plugins as packages in a directory for PYTHONPATH."""

from pathlib import Path

PLUGINS = Path(__file__).parent.parent / "plugins"


def install(site: Path, module: Path, version: str = "1.0") -> str:
    """Install a module with the metadata of a plugin and return the distribution's name."""
    name = module.stem
    distribution = f"{name.replace('_', '-')}-criteria"
    (site / module.name).write_text(module.read_text())
    info = site / f"{name}_criteria-{version}.dist-info"
    info.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(f"[graphql_app.criteria]\n{name} = {name}\n")
    return distribution
