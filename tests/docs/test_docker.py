"""The Docker files are consistent; these tests do not build the image."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import yaml

from graphql_app.settings import Settings
from tests.docs.pages import ROOT
from tests.support import Server

DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
COMPOSE = (ROOT / "docker/compose.yaml").read_text()
CLUSTER = yaml.safe_load((ROOT / "docker/compose.cluster.yaml").read_text())


def _nodes() -> Element:
    tree = ElementTree.parse(ROOT / "docker/clickhouse/cluster.xml")
    found = tree.find("remote_servers/*")
    assert found is not None
    return found


def test_copied_files_exist_and_are_not_ignored() -> None:
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


def test_the_health_check_fails_without_a_server(server: Server) -> None:
    (check,) = re.findall(r"HEALTHCHECK.*\\\n +CMD (.*)$", DOCKERFILE, re.MULTILINE)
    command = [sys.executable, *json.loads(check)[1:]]
    port = server.address.rpartition(":")[2]
    for tried, status in ((port, 0), ("1", 1)):
        environment = {**os.environ, "PORT": tried}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr


def test_hadolint_accepts_the_dockerfile() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    done = subprocess.run(
        [hadolint, "docker/Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_cluster_services_match_each_other_and_the_settings() -> None:
    services = CLUSTER["services"]
    apps = {name: each for name, each in services.items() if each["image"] == "open-segments"}
    assert {*apps} == {"app-1", "app-2", "migrate"}
    for app in apps.values():
        assert {*app["depends_on"]} <= {*services}
        assert {name.lower() for name in app["environment"]} <= {*Settings.model_fields}
        host = re.search(r"@([\w-]+)[:/]", app["environment"]["AUDIENCE_URL"])
        assert host is not None
        assert host[1] in services
        assert app["read_only"]
        assert app["environment"]["AUDIENCE_CLUSTER"] == _nodes().tag
    shell = services["migrate"]["command"][-1]
    assert shell == "segments migrate && segments audience schema"


def test_the_cluster_configuration_names_the_clickhouse_services() -> None:
    services = CLUSTER["services"]
    shards = _nodes().findall("shard")
    named = [[host.text for host in shard.iter("host")] for shard in shards]
    found: dict[str, list[str]] = defaultdict(list)
    for name, service in services.items():
        if "clickhouse-server" in service["image"]:
            found[service["environment"]["SHARD"]].append(name)
            files = [volume.split(":")[0] for volume in service["volumes"]]
            assert (ROOT / "docker" / files[0]).is_file()
    assert [*found.values()] == named
    assert [len(replicas) for replicas in named] == [2, 2]
    assert (ROOT / "docker" / services["keeper"]["volumes"][0].split(":")[0]).is_file()


def test_the_image_and_compose_agree_on_the_port_and_the_volume() -> None:
    assert "PORT=8000" in DOCKERFILE
    assert "EXPOSE 8000" in DOCKERFILE
    assert ":8000:8000" in COMPOSE
    assert "VOLUME /data" in DOCKERFILE
    assert "data:/data" in COMPOSE
