"""profiles/kubernetes: what the plugin submits for each job. Kubernetes itself is a stand-in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml
from conftest import REPOSITORY, TESTS
from project import run

PROFILE = REPOSITORY / "profiles" / "kubernetes" / "config.yaml"
#: A dry run that hands each job to the plugin's own `run_job`, and writes a line of JSON for each
#: job that would go to the cluster.
SNAKEMAKE = """
import json, sys
from types import SimpleNamespace
from unittest.mock import MagicMock
from snakemake.cli import main
from snakemake.executors import dryrun
from snakemake_executor_plugin_kubernetes import Executor
from kubernetes.client import ApiClient

file = open(sys.argv.pop(1), "w")

def create(namespace, body):
    sent = ApiClient().sanitize_for_serialization(body)
    [container] = sent["spec"]["template"]["spec"]["containers"]
    print(json.dumps({"rule": job_of["rule"], **container["resources"]}), file=file, flush=True)

job_of = {}
stand_in = MagicMock(
    k8s_cpu_scalar=0.95, k8s_service_account_name=None, namespace="lab", persistent_volumes=[],
    privileged=False, secret_envvars={}, run_namespace="run", container_image="image",
    _kubernetes_retry=lambda call: call(),
    batchapi=SimpleNamespace(create_namespaced_job=create),
    format_job_exec=lambda job: "true",
)
report = dryrun.Executor.run_job

def run_job(self, job):
    job_of["rule"] = job.rule.name
    if not job.is_norun:
        Executor.run_job(stand_in, job)
    report(self, job)

dryrun.Executor.run_job = run_job
main()
"""
#: What the profile says of the cluster and the store, of which a dry run here has neither.
ELSEWHERE = (
    "executor", "container-image", "shared-fs-usage", "envvars",
    "default-storage-provider", "default-storage-prefix", "storage-s3-endpoint-url",
)  # fmt: skip


@pytest.mark.parametrize(("device", "cards"), [("cuda", "1"), ("cpu", "0")])
def test_a_job_asks_for_a_card_as_kubernetes_wants_it(device, cards, tmp_path: Path) -> None:
    """Cards are limits, since Kubernetes refuses a request for one without."""
    pytest.importorskip(
        "snakemake_executor_plugin_kubernetes",
        reason="needs `pip install -e '.[kubernetes]'`",
    )  # fmt: skip
    profile = yaml.safe_load(PROFILE.read_text(encoding="utf-8"))
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile" / "config.yaml").write_text(
        yaml.safe_dump({key: value for key, value in profile.items() if key not in ELSEWHERE})
    )
    run(
        tmp_path, sys.executable, "-c", SNAKEMAKE, "submitted.jsonl", "-n", "--snakefile",
        str(REPOSITORY / "Snakefile"), "--workflow-profile", "profile", "--configfile",
        str(TESTS / "configs" / "tiny.yaml"), "--config", f"device={device}", "seeds=[1]",
        PYTHONPATH=str(REPOSITORY / "workflow" / "scripts"),
    )  # fmt: skip
    lines = (tmp_path / "submitted.jsonl").read_text().splitlines()
    asked = {found["rule"]: found for found in map(json.loads, lines)}
    assert {"real", "features", "train", "sample", "evaluate", "mix", "write_page"} <= set(asked)
    for rule, found in asked.items():
        for name in ("memory", "ephemeral-storage", "nvidia.com/gpu"):
            assert found["limits"].get(name) == found["requests"].get(name), rule
    for rule in ("features", "train", "train_real_only", "sample", "evaluate"):
        assert asked[rule]["limits"]["nvidia.com/gpu"] == cards
    for rule in ("real", "mix", "write_page"):
        assert "nvidia.com/gpu" not in asked[rule]["limits"]
    assert asked["train"]["limits"]["memory"] == "8000M"
