"""Results in an S3-compatible store, by Snakemake's storage plugin: the same bytes as on disk.

What profiles/kubernetes needs of the workflow, tried with jobs on this machine.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY
from project import environment
from test_slurm import prepared

PROFILE = REPOSITORY / "profiles" / "kubernetes" / "config.yaml"
INSTALL = "pip install -e '.[kubernetes]' 'moto[server]'"
KEYS = {"SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "x", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "y"}


def test_the_profile_says_what_the_default_one_does() -> None:
    default = yaml.safe_load((REPOSITORY / "profiles/default/config.yaml").read_text())
    profile = yaml.safe_load(PROFILE.read_text())
    for key in ("rerun-triggers", "rerun-incomplete", "nolock"):
        assert profile[key] == default[key]


def test_the_docs_say_what_the_test_of_the_store_needs() -> None:
    assert f"`{INSTALL}`" in " ".join((REPOSITORY / "docs" / "scale.md").read_text().split())


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a store that holds nothing yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with (folder / "store.log").open("w") as log, subprocess.Popen(command, stderr=log) as server:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


@pytest.mark.long
def test_results_in_a_store_are_the_same_bytes(tmp_path: Path) -> None:
    for module in (
        "snakemake_storage_plugin_s3", "snakemake_executor_plugin_kubernetes", "moto.server",
    ):  # fmt: skip
        pytest.importorskip(module, reason=f"needs `{INSTALL}`")
    import boto3

    folder, expected, plan = prepared(tmp_path)
    with served(tmp_path) as address:
        store = boto3.client(
            "s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="x",
            aws_secret_access_key="y",
        )  # fmt: skip
        store.create_bucket(Bucket="lab")
        profile = [
            "snakemake", "-n", "--workflow-profile", "profiles/kubernetes", "--configfile",
            "points.yaml", "--default-storage-prefix", "s3://lab/loops",
            "--storage-s3-endpoint-url", address,
        ]  # fmt: skip
        variables = environment(folder, **KEYS, AWS_DEFAULT_REGION="us-east-1")
        planned = subprocess.run(
            profile, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert planned.returncode == 0, planned.stderr[-3000:]
        assert "record_report" in planned.stdout
        command = [
            "snakemake", "--cores", "2", "--configfile", "points.yaml",
            "--default-storage-provider", "s3", "--default-storage-prefix", "s3://lab/loops",
            "--storage-s3-endpoint-url", address,
        ]  # fmt: skip
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        pages = store.get_paginator("list_objects_v2").paginate(Bucket="lab")
        stored = {
            entry["Key"].removeprefix(f"loops/{plan.root}/"): store.get_object(
                Bucket="lab", Key=entry["Key"]
            )["Body"].read()
            for page in pages
            for entry in page["Contents"]
        }
    # Those who call the steps by themselves title their figures as they like.
    wanted = {
        file.relative_to(expected).as_posix(): file.read_bytes()
        for file in expected.rglob("*")
        if file.is_file() and "figures" not in file.parts and file.name != "report.html"
    }
    assert {name: stored.get(name) for name in wanted} == wanted
