"""Fresh virtual environments with wheels installed, as users have them."""

import ensurepip
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*command: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output, both streams."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def install(python: Path, *wheels: Path) -> None:
    """Install wheels into the environment of a Python program."""
    run(sys.executable, "-m", "uv", "pip", "install", "--python", python, "--no-deps", *wheels)


def fresh_environment(directory: Path, *others: Path, with_pip: bool = False) -> Path:
    """Create an environment with this project and others; return its directory of programs.

    Each other is a package's directory or a built wheel. All wheels are kept in
    ``directory/wheels``.
    Dependencies, half a gigabyte, come from the environment of the tests. So does pip, unless the
    environment needs its program. uv installs that faster than ``venv`` does.
    """
    pip = ("-m", "pip", "--disable-pip-version-check", "-q")
    for source in (ROOT, *others):
        build = ("wheel", "--no-deps", "--no-build-isolation", "-w", directory / "wheels")
        run(sys.executable, *pip, *build, source)
    run(sys.executable, "-m", "venv", "--without-pip", directory / "env")
    python = directory / "env/bin/python"
    wheels = sorted((directory / "wheels").glob("*.whl"))
    assert len(wheels) == 1 + len(others)
    bundled = Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl") if with_pip else ()
    install(python, *wheels, *bundled)
    [packages] = (directory / "env").glob("lib/python*/site-packages")
    dependencies = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "dependencies.pth").write_text("\n".join(dependencies) + "\n")
    found = run(python, "-c", "import graphql_app; print(graphql_app.__file__)", cwd=directory)
    assert found.startswith(str(packages))
    return directory / "env/bin"
