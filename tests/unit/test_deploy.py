"""The files of deploy/: what machines do with an exit code is what the tool means by it."""

from __future__ import annotations

import configparser
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hdh_migrate.errors import Exit
from tests.unit.cli.test_help import LEAVES

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "systemd" / "hdh-migrate@.service"
STOPS = {Exit.STOPPED, Exit.INTERRUPTED}
WAITS = set(Exit) - STOPS - {Exit.OK}


def test_the_service_begins_again_after_a_clean_stop_and_after_nothing_else() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # names as systemd has them
    unit.read_string(UNIT.read_text())
    service = unit["Service"]

    again = {int(code) for code in service["RestartForceExitStatus"].split()}
    waits = {int(code) for code in service["RestartPreventExitStatus"].split()}

    assert again == {Exit.STOPPED}
    assert waits == set(Exit) - {Exit.OK, Exit.STOPPED}
    assert {int(code) for code in service["SuccessExitStatus"].split()} == STOPS


@pytest.mark.slow
def test_systemd_takes_the_units_and_gives_the_service_little(tmp_path: Path) -> None:
    units = []
    for one in sorted((DEPLOY / "systemd").iterdir()):
        # The program of a machine on which it is installed; here another that is there.
        text = one.read_text().replace("/opt/hdh-migrate/bin/hdh-migrate", "/bin/true")
        units.append(tmp_path / one.name.replace("@", "@emc2"))
        units[-1].write_text(text)

    def analyzed(*words: str) -> str:
        done = subprocess.run(
            ["systemd-analyze", *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stderr

    assert not analyzed("verify", "--man=no", *map(str, units))
    service = next(one for one in units if one.suffix == ".service")
    analyzed("security", "--offline=true", "--threshold=13", str(service))


# --- Kubernetes -----------------------------------------------------------------------------------


RESOURCES: list[dict[str, Any]] = [
    one
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for one in yaml.safe_load_all(path.read_text())
]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Give the specification of each pod, with the kind that makes it."""
    for one in RESOURCES:
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one.get("spec")
        if isinstance(spec, dict) and "template" in spec:
            yield f"{one['kind']} {one['metadata']['name']}", spec["template"]["spec"]


PODS = dict(pods())


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_right_that_it_does_not_need(name: str) -> None:
    pod = PODS[name]
    assert pod["automountServiceAccountToken"] is False
    around = pod["securityContext"]
    assert around["runAsNonRoot"] is True
    assert around["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", PODS)
def test_secrets_come_as_files_of_the_pods_group_alone(name: str) -> None:
    pod = PODS[name]
    (container,) = pod["containers"]
    assert "envFrom" not in container
    assert all("valueFrom" not in one for one in container.get("env", ()))
    (plan,) = [one for one in pod["volumes"] if one["name"] == "plan"]
    assert plan["projected"]["defaultMode"] == 0o440
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "plan"]
    assert mount["readOnly"] is True


@pytest.mark.parametrize("name", [name for name in PODS if "Job" in name])
def test_the_state_is_a_folder_in_a_volume_whose_root_belongs_to_root(name: str) -> None:
    (container,) = PODS[name]["containers"]
    (said,) = [one["value"] for one in container["env"] if one["name"] == "HDH_STATE_DIR"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "state"]
    assert str(Path(said).parent) == mount["mountPath"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_calls_a_verb_with_options_that_it_has(name: str) -> None:
    (container,) = PODS[name]["containers"]
    verb, *words = container["args"]
    LEAVES[verb,].make_context(verb, words)  # a wrong word raises


def test_a_job_goes_on_after_a_clean_stop_and_waits_for_a_person_after_anything_else() -> None:
    told = [one["spec"] for one in RESOURCES if one["kind"] in {"Job", "CronJob"}]
    jobs = [spec.get("jobTemplate", {}).get("spec", spec) for spec in told]
    assert len(jobs) == 2
    for job in jobs:
        rules = {
            one["action"]: set(one["onExitCodes"]["values"])
            for one in job["podFailurePolicy"]["rules"]
            if "onExitCodes" in one
        }
        assert rules == {"Ignore": STOPS, "FailJob": WAITS}


def test_nothing_comes_in_and_machines_of_a_cluster_speak_to_each_other_alone() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in RESOURCES
                if one["kind"] == "NetworkPolicy"}  # fmt: skip
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    among = {"podSelector": {"matchLabels": {"hdh-migrate/cluster": "yes"}}}
    for name, policy in policies.items():
        for rule in policy.get("ingress", ()):
            assert (name, rule) == ("hdh-migrate-cluster", {"from": [among]})


# --- Slurm ----------------------------------------------------------------------------------------

TOOL = """\
#!/bin/sh
echo "$@" >>"$LOG"
[ "$DOES" != stops ] || { trap 'exit 7' TERM; : >"$LOG.ready"; while :; do sleep 0.05; done; }
exit "$DOES"
"""
OTHER = '#!/bin/sh\necho "$(basename "$0") $*" >>"$LOG"\n'


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a list of plans, and programs that write down how they were called."""
    (tmp_path / "bin").mkdir()
    for name, text in (("hdh-migrate", TOOL), ("scontrol", OTHER)):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "plans.txt").write_text("/a/plan.yaml\n/b/plan of two.yaml\n")
    return tmp_path


def begun(site: Path, task: str, does: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "PATH": f"{site / 'bin'}{os.pathsep}{os.environ['PATH']}", "LOG": str(site / "log"),
        "DOES": does, "SLURM_ARRAY_TASK_ID": task, "SLURM_ARRAY_JOB_ID": "77",
    }  # fmt: skip
    return subprocess.Popen(
        ["bash", str(DEPLOY / "slurm" / "migrations.sbatch"), str(site / "plans.txt")],
        env=environment, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("code", sorted(Exit))
def test_a_task_is_queued_again_after_a_clean_stop_and_after_nothing_else(
    site: Path, code: Exit
) -> None:
    task = begun(site, "2", str(int(code)))
    task.communicate()
    assert task.returncode == code
    called = (site / "log").read_text().splitlines()
    assert called[0] == "run /b/plan of two.yaml"
    assert called[1:] == (["scontrol requeue 77_2"] if code in STOPS else [])


def test_a_task_whose_time_is_over_lets_its_run_stop_cleanly(site: Path) -> None:
    task = begun(site, "1", "stops")
    while not (site / "log.ready").exists():
        assert task.poll() is None
        time.sleep(0.02)
    task.send_signal(signal.SIGTERM)
    task.communicate()
    assert task.returncode == Exit.STOPPED
    assert (site / "log").read_text().splitlines()[1:] == ["scontrol requeue 77_1"]


def test_a_task_without_a_line_starts_nothing(site: Path) -> None:
    task = begun(site, "3", "0")
    _, told = task.communicate()
    assert task.returncode == Exit.USAGE
    assert "has no line 3" in told
    assert not (site / "log").exists()


@pytest.mark.parametrize("path", sorted((DEPLOY / "slurm").iterdir()), ids=lambda one: one.name)
def test_a_job_says_what_slurm_needs_to_know_of_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    said = dict(
        found.groups()
        for line in lines
        if (found := re.match(r"#SBATCH --([a-z-]+)=?(\S*)$", line))
    )
    assert len(said) == sum(line.startswith("#SBATCH") for line in lines)
    assert {"job-name", "cpus-per-task", "mem", "time", "requeue", "output"} <= set(said)
    shell, what, seconds = re.split("[:@]", said["signal"])
    assert (shell, what) == ("B", "TERM")
    assert int(seconds) >= 30, "a clean stop takes a few seconds"
    last = max(at for at, line in enumerate(lines) if line.startswith("#SBATCH"))
    assert all(line.startswith("#") for line in lines[:last]), "Slurm reads no further"
