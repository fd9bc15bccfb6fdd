"""What can be told of the image without an engine to build it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

from tests.docs.pages import ROOT
from tests.support import Server

DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE = (ROOT / "docker/compose.yaml").read_text()


def test_what_is_copied_is_there_and_not_ignored() -> None:
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert "requirements.lock" in copied
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert set(copied) == kept
    assert all((ROOT / source).exists() for source in copied)


def test_the_health_check_tells_a_server_from_none(server: Server) -> None:
    (check,) = re.findall(r"HEALTHCHECK.*\\\n +CMD (.*)$", DOCKERFILE, re.MULTILINE)
    command = [sys.executable, *json.loads(check)[1:]]
    port = server.address.rpartition(":")[2]
    found = [
        subprocess.run(
            command, env={**os.environ, "PORT": tried}, stderr=subprocess.DEVNULL, check=False
        )
        for tried in (port, "1")
    ]
    assert [done.returncode for done in found] == [0, 1]


def test_the_image_and_compose_agree_on_the_port_and_the_volume() -> None:
    assert "PORT=8000" in DOCKERFILE
    assert "EXPOSE 8000" in DOCKERFILE
    assert ":8000:8000" in COMPOSE
    assert "VOLUME /data" in DOCKERFILE
    assert "data:/data" in COMPOSE
