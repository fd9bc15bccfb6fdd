"""Finds Chromium for the browser tests; run as a module, it installs Chromium if necessary."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PACKAGE = "chromium-headless-shell"  # of Debian 12 and later
# The headless shell comes first: it needs a third less CPU time than the whole browser.
NAMES = (
    PACKAGE,
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)


def find() -> str | None:
    """Return the path of Chromium: from $CHROMIUM, from the system or from Playwright."""
    if named := os.environ.get("CHROMIUM"):
        return shutil.which(named)
    for name in NAMES:
        if program := shutil.which(name):
            return program
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def install() -> None:
    """Install Debian's Chromium if this user may, or else Playwright's."""
    apt_get = shutil.which("apt-get")
    if apt_get and os.geteuid() == 0:
        print(f"Installing the Debian package {PACKAGE} for the browser tests.", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", PACKAGE]):
            subprocess.run([apt_get, "-qq", *arguments], env=quiet, check=True)
    else:
        print("Installing Playwright's Chromium for the browser tests.", flush=True)
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


def main() -> None:
    """Print which Chromium the tests use; install one if there is none."""
    named = os.environ.get("CHROMIUM")
    if (program := find()) is None:
        if named:
            sys.exit(f"CHROMIUM is {named}, but no such program exists.")
        install()
        if (program := find()) is None:
            sys.exit("Chromium is still missing; install it, or set CHROMIUM to its path.")
    print(f"The browser tests use {program}.")


if __name__ == "__main__":
    main()
