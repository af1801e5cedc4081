"""The edges: the command `autophagy`, jobs and their scripts. One line of error, never a frame."""

from __future__ import annotations

import dataclasses
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from autophagy import (
    cli,
    dvc_commands,
    evaluations,
    fingerprint,
    in_words,
    job,
    layout,
    ledger,
    lineage_figure,
    manifests,
    paths,
    progress,
    store,
    summary,
)
from autophagy import config as configuration
from autophagy import plan as planning
from autophagy.cli import runs
from autophagy.errors import UserError
from autophagy.page.asked import of_images
from autophagy.page.asked import previews as previews_on_the_page
from autophagy.verdict import attribution, opinions, pairs
from autophagy.verdict import plan as verdict_plan
from autophagy.verdict import summary as verdict_summary
from conftest import REPOSITORY, SCRIPTS, Made, child_environment, tiny_content

HEAVY = ("torch", "diffusers", "snakemake", "sklearn", "matplotlib", "dvc")
#: Calls a command, then tells which of the heavy packages it has imported.
WATCHED = """
import sys
from autophagy import cli
try:
    status = cli.main(sys.argv[1:])
except SystemExit as ended:
    status = ended.code
print("imported:", *(name for name in {heavy!r} if name in sys.modules))
sys.exit(status)
"""
COMMANDS = ("record", "ledger", "summary")
CONFIG = "config/config.yaml"


def python(*arguments: str, folder: Path = REPOSITORY, **options: Any):
    """Run Python with this library in a folder."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, text=True,
        # Buffered, as at a user's terminal, so that errors may come as late as at the exit.
        env=child_environment() | {"PYTHONUNBUFFERED": ""},
        stderr=subprocess.PIPE, check=False, **{"stdout": subprocess.PIPE, **options},
    )  # fmt: skip


def imported(*arguments: str, folder: Path = REPOSITORY) -> set[str]:
    done = python("-c", WATCHED.format(heavy=HEAVY), *arguments, folder=folder)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].removeprefix("imported:").split())


@pytest.fixture
def called(capsys):
    """Call the command: its exit status, its text and its errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        status = cli.main(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.fixture
def here(tiny_experiment, tmp_path, monkeypatch) -> Path:
    """A copy of the finished experiment, as working directory."""
    folder = tmp_path / "here"
    shutil.copytree(tiny_experiment.folder, folder)
    monkeypatch.chdir(folder)
    return folder


def one_error(text: str) -> str:
    """The single line on stderr, without its mark."""
    [line] = text.splitlines()
    assert line.startswith("autophagy: ")
    return line.removeprefix("autophagy: ")


# The command


@pytest.mark.parametrize("arguments", [["--help"], ["summary", "--help"]])
def test_help_imports_nothing_heavy(arguments) -> None:
    assert imported(*arguments) == set()


def test_the_schema_and_the_plan_import_nothing_heavy(tmp_path) -> None:
    assert imported("schema") == set()
    (tmp_path / "config").mkdir()
    (tmp_path / CONFIG).write_text(yaml.safe_dump(tiny_content()))
    assert imported("ledger", CONFIG, folder=tmp_path) == set()


def test_a_summary_imports_neither_torch_nor_snakemake(tiny_experiment) -> None:
    found = imported("summary", CONFIG, folder=tiny_experiment.folder)
    assert not found & {"torch", "diffusers", "snakemake"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("extra", [(), ("--json",)])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "bad.yaml: cannot be read: No such file"),
        ("loops: [", "bad.yaml: not valid YAML"),
        ("- 1", "bad.yaml: must be a mapping"),
        ({"seeds": [1, 1]}, "bad.yaml: seeds: [1, 1] holds a seed twice"),
        ({"experiment": "../x"}, 'bad.yaml: experiment: "../x" is not allowed'),
    ],
)
def test_a_bad_configuration_is_one_line_and_wrong_use(
    command, extra, content, message, called, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if isinstance(content, dict):
        content = yaml.safe_dump(tiny_content() | content)
    if content is not None:
        Path("bad.yaml").write_text(content)
    status, out, err = called(command, "bad.yaml", *extra)
    assert status == 2
    assert out == ""
    assert one_error(err).startswith(message)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_default_configuration_is_looked_for_where_it_should_be(
    command, called, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = called(command)
    assert status == 2
    assert one_error(err).startswith("config/config.yaml: cannot be read")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND; see `autophagy --help`"),
        (["no-such-command"], "argument COMMAND: invalid choice: 'no-such-command'"),
        (["summary", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["summary", "a.yaml", "b.yaml"], "unrecognized arguments: b.yaml"),
    ],
)
def test_wrong_words_are_one_line_and_wrong_use(arguments, message, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    line = one_error(said.err)
    assert line.startswith(message)
    assert line.endswith("; see `autophagy --help`")


def test_wrong_words_of_a_command_lead_to_its_own_help(capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["record", "--check=1"])
    assert ended.value.code == 2
    line = one_error(capsys.readouterr().err)
    assert line.startswith("argument --check: ")
    assert line.endswith("; see `autophagy record --help`")


def test_as_a_program_it_ends_with_its_status_and_no_traceback(tmp_path) -> None:
    done = python("-m", "autophagy.cli", "summary", "nowhere.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert one_error(done.stderr).startswith("nowhere.yaml: cannot be read")


def test_the_schema_is_printed(called) -> None:
    expected = (REPOSITORY / "workflow" / "schemas" / "config.schema.json").read_text()
    assert called("schema") == (0, expected, "")
    assert called("schema", "--json") == (0, expected, "")


def test_the_summary_of_a_finished_experiment(here, called) -> None:
    status, out, err = called("summary", CONFIG)
    assert (status, err) == (0, "")
    assert out.startswith("tiny: 3 generations")
    text, _, listed = out.partition("\nFigures:\n")
    experiment, root = planning_of(here), Path("results/tiny")
    assert text == f"{summary.text(root, experiment)}\n\n{verdict_summary.text(root, experiment)}\n"
    for loop in experiment.loops:
        assert f"\n  {loop}: undecided (1 seed; 3 are needed for any verdict)\n" in text
    figures = [Path(line.strip()) for line in listed.splitlines()]
    assert figures == [root / f"figures/{name}.png" for name in layout.figure_names(experiment)]
    assert all(figure.is_file() for figure in figures)


@pytest.mark.parametrize(
    ("name", "columns", "told"),
    [
        (paths.LOOP_PAIRS, pairs.COLUMNS, "NA is worse than 007: +1 (+1 to +1)"),
        (paths.ATTRIBUTION, attribution.COLUMNS, "NA: 1.00 [1.00, 1.00]; null; 6 steps: less"),
        (paths.SECOND_OPINION, opinions.COLUMNS, "rank correlation of null and NA, λ = 1"),
    ],
)
def test_tables_that_only_some_experiments_have_are_told_or_refused_in_one_line(
    name, columns, told, here, called, monkeypatch
) -> None:
    words = {
        "loop": "NA", "other": "007", "changed": "null", "budget": "6 steps", "metric": "recall",
        "ranked": "loops", "first": "null", "second": "NA",
        "told": "is worse" if name == paths.LOOP_PAIRS else "less",
    }  # fmt: skip
    rest = dict.fromkeys(("ranking_first", "ranking_second"), "")
    values = [(words | rest).get(column, "1") for column in columns]
    file = Path("results/tiny") / name
    file.write_text(f"{','.join(columns)}\n{','.join(values)}\n")
    load = configuration.load

    def loaded(*arguments: Any):
        """The experiment as if it had this table."""
        found = load(*arguments)
        second = {"second": object()} if name == paths.SECOND_OPINION else {}
        more = {"attribution": "NA"} if name == paths.ATTRIBUTION else {}
        return found.model_copy(
            update={"evaluate": found.evaluate.model_copy(update=second)} | more
        )

    plan = planning.build(load(CONFIG))
    asked = dataclasses.replace(plan, experiment=loaded(CONFIG))
    monkeypatch.setattr(planning, "build", lambda _: asked)
    monkeypatch.setattr(layout, "has_pairs", lambda _: name == paths.LOOP_PAIRS)
    monkeypatch.setattr(layout, "figure_names", lambda _: ["grid"])
    status, out, err = called("summary", CONFIG)
    assert (status, err) == (0, "")
    assert told in out
    for content in ("", "a,b\n1,2\n", ",".join(columns) + "\n"):
        file.write_text(content)
        status, out, err = called("summary", CONFIG)
        assert (status, out) == (2, "")
        assert one_error(err).startswith(f"{file}: ")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("config", ["", "config/digits-long/config.yaml"])
def test_make_run_records_once(config) -> None:
    done = subprocess.run(
        ["make", "--dry-run", "run", f"CONFIG={config}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.count("autophagy record") == 1
    # Snakemake records by itself what it runs without a --configfile.
    [command] = [line for line in done.stdout.splitlines() if line.startswith("snakemake")]
    assert command.endswith(f"--configfile {config or CONFIG}")


def planning_of(folder: Path):
    from autophagy import config

    return config.load(folder / CONFIG)


def test_the_summary_as_json_is_metrics_json(here, called) -> None:
    status, out, err = called("summary", CONFIG, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == store.read_json(here / "results/tiny/metrics.json")


def test_the_summary_of_an_unfinished_experiment(called, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(yaml.safe_dump(tiny_content()))
    status, out, err = called("summary", "config.yaml")
    assert (status, out) == (2, "")
    assert one_error(err) == "results/tiny/metrics.csv: is missing; run the workflow first"


def test_checking_a_finished_experiment_finds_nothing(here, called) -> None:
    status, out, err = called("record", CONFIG, "--check")
    assert (status, err) == (0, "")
    stages = len(json.loads(called("record", CONFIG, "--check", "--json")[1])["current"])
    assert out == f"{stages} of {stages} stages are current\n"
    assert stages == 3 + 1 + 2 + 4 + 1 + 2 + 4 + 1


def test_checking_names_the_stage_and_the_reason(here, called) -> None:
    broken = here / "results/tiny/loops/fresh/seed-1/gen-002/samples/images.npy"
    content = bytearray(broken.read_bytes())
    content[-1] ^= 1
    broken.write_bytes(content)
    status, _, err = called("record", CONFIG, "--check")
    assert status == 1
    assert err.splitlines() == [
        "autophagy: evaluate@fresh: its parent stage loop@fresh is stale",
        "autophagy: loop@fresh: loops/fresh/seed-1/gen-002/samples: its files are not those of its "
        "manifest",
        "autophagy: report: its parent stage evaluate@fresh is stale",
    ]
    status, out, err = called("record", CONFIG, "--check", "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert found["stale"].keys() == {"loop@fresh", "evaluate@fresh", "report"}
    assert not found["stale"].keys() & set(found["current"])
    assert len(found["current"]) == 18 - 3


@pytest.mark.parametrize("extra", [(), ("--check",), ("--json",)])
@pytest.mark.parametrize("fault", ["missing", "edited", "of another configuration"])
def test_nothing_is_looked_at_or_recorded_without_a_current_ledger(
    fault, extra, here, called, monkeypatch
) -> None:
    file = Path("dvc.yaml")
    if fault == "missing":
        file.unlink()
    elif fault == "edited":
        file.write_text(file.read_text() + "# mine\n")
    else:
        content = yaml.safe_load(Path(CONFIG).read_text())
        content["loops"]["another"] = content["loops"]["fresh"]
        Path(CONFIG).write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.setattr(ledger, "findings", lambda *_: pytest.fail("results were looked at"))
    monkeypatch.setattr(dvc_commands, "commit", lambda *_: pytest.fail("something was recorded"))
    status, out, err = called("record", CONFIG, *extra)
    assert (status, out) == (2, "")
    assert one_error(err) == (
        "dvc.yaml: is missing or out of date; write it with `autophagy ledger config/config.yaml`"
    )


def test_a_ledger_just_written_is_current(here, called) -> None:
    Path("dvc.yaml").unlink()
    assert called("ledger")[0] == 0
    assert called("record", "--check")[0] == 0


@pytest.mark.parametrize("command", ["record", "ledger"])
def test_a_configuration_elsewhere_has_no_ledger(command, here, called) -> None:
    shutil.copy(CONFIG, "config.yaml")
    status, out, err = called(command, "config.yaml")
    assert (status, out) == (2, "")
    assert one_error(err) == (
        "config.yaml: has no ledger; DVC records config/config.yaml and config/NAME/config.yaml"
    )


def test_a_ledger_is_written_beside_its_configuration(called, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config/mine").mkdir(parents=True)
    Path("config/mine/config.yaml").write_text(yaml.safe_dump(tiny_content()))
    status, out, err = called("ledger", "config/mine/config.yaml", "--json")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["file"] == "config/mine/dvc.yaml"
    assert "loop@fresh" in found["stages"]
    assert "stages" in yaml.safe_load(Path("config/mine/dvc.yaml").read_text())
    status, out, _ = called("ledger", "config/mine/config.yaml")
    assert out == f"config/mine/dvc.yaml: {len(found['stages'])} stages\n"
    assert sorted(path.name for path in Path("config/mine").iterdir()) == [
        "config.yaml", "dvc.yaml",
    ]  # fmt: skip


def test_a_ledger_that_cannot_be_written_is_one_line(called, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config/mine/dvc.yaml/in the way").mkdir(parents=True)
    Path("config/mine/config.yaml").write_text(yaml.safe_dump(tiny_content()))
    status, _, err = called("ledger", "config/mine/config.yaml")
    assert status == 2
    assert one_error(err).startswith("config/mine/dvc.yaml: cannot be written")


#: A command that says more than a pipe's buffer holds, and one that says less and has a status.
SAYS = """
import sys
from autophagy import cli
from autophagy.cli import runs
runs.schema = lambda _: print("x" * 10**6) or 0
runs.check = lambda _: print("x") or 1
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["-m", "autophagy.cli", "summary", CONFIG], 0),
        (["-c", SAYS, "check"], 1),
        (["-c", SAYS, "schema"], 141),
    ],
)
def test_a_reader_that_has_gone_makes_no_status_better(arguments, status, tiny_experiment) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = python(*arguments, folder=tiny_experiment.folder, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (status, "")


def test_ctrl_c_in_a_command_is_one_line(called, monkeypatch) -> None:
    def interrupted(_: Any) -> int:
        print("half a line")
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "schema", interrupted)
    assert called("schema") == (130, "half a line\n", "autophagy: interrupted\n")


# Jobs


def rule(made: Made, folder: Path, *paths: str, **params: Any) -> SimpleNamespace:
    """What Snakemake gives the script of a rule that makes these artifacts."""
    records = [made.plan.record(path) for path in paths]
    return SimpleNamespace(
        params=SimpleNamespace(root=str(folder), records=records, **params),
        log=[str(folder.parent / "job.log")],
        rule="the_rule",
    )


def fails(root: Path, records: list, report: Any) -> None:
    report(1, 3, "almost")
    raise UserError("train.steps: too\nmany")


def test_a_user_error_in_a_step_is_one_line_and_status_1(tiny_experiment, tmp_path, capsys) -> None:
    given = rule(tiny_experiment, tmp_path / "x", "loops/fresh/seed-1/gen-002/model")
    with pytest.raises(SystemExit) as ended:
        job.run(given, fails)
    # Python prints the text it exits with, and ends with status 1.
    assert ended.value.code == ("autophagy: train fresh seed 1 generation 2: train.steps: too many")
    assert capsys.readouterr().err == ""
    assert "failed: train.steps: too many" in (tmp_path / "job.log").read_text()


def test_a_job_that_fails_prints_one_line_and_no_traceback(tiny_experiment, tmp_path) -> None:
    """The script itself, in a process of its own."""
    record = tiny_experiment.plan.record("loops/fresh/seed-1/gen-002/training_set.parquet")
    program = (
        "import json, runpy, sys; from types import SimpleNamespace as N; "
        "a = json.loads(sys.argv[1]); g = N(params=N(root=a['root'], records=a['records']), "
        "log=[a['log']], rule='mix'); "
        f"runpy.run_path({str(SCRIPTS / 'mix.py')!r}, {{'snakemake': g}})"
    )
    given = {"root": str(tmp_path), "records": [record], "log": str(tmp_path / "job.log")}
    done = python("-c", program, json.dumps(given))
    assert done.returncode == 1
    assert one_error(done.stderr).startswith("mix fresh seed 1 generation 2: ")
    assert "labels.npy: cannot be read" in done.stderr


def test_a_job_tells_its_end_in_its_log_and_on_the_terminal(
    tiny_experiment, tmp_path, capsys
) -> None:
    heard = []

    def step(root, records, report, more):
        heard.append((root, [record["path"] for record in records], more))
        report(3, 3, "done that")

    given = rule(tiny_experiment, tmp_path / "x", "real/loop", "real/features")
    job.run(given, step, more=5)
    assert heard == [(tmp_path / "x", ["real/loop", "real/features"], 5)]
    assert (tmp_path / "job.log").read_text() == "3/3 done that, done in 0 s\n"
    assert capsys.readouterr().err == "  real: 3/3 done that, done in 0 s\n"


def test_a_job_with_other_libraries_than_planned_computes_nothing(
    tiny_experiment, tmp_path, monkeypatch, capsys
) -> None:
    given = rule(tiny_experiment, tmp_path / "x", "real-only/full/seed-1/model")
    real = fingerprint._version
    monkeypatch.setattr(
        fingerprint, "_version", lambda name: "0.1" if name == "torch" else real(name)
    )
    with pytest.raises(
        SystemExit, match=r"^autophagy: train .*: torch: this job runs version 0\.1"
    ):
        job.run(given, lambda *_: pytest.fail("the step was called"))


@pytest.mark.parametrize("fault", [None, UserError("metrics.csv: is missing")])
def test_a_rule_without_artifacts_logs_and_fails_likewise(fault, tmp_path) -> None:
    heard = []

    def function(**arguments: Any) -> None:
        heard.append(arguments)
        if fault:
            raise fault

    given = SimpleNamespace(log=[str(tmp_path / "job.log")], rule="draw_grid")
    if fault:
        with pytest.raises(SystemExit, match=r"^autophagy: draw_grid: metrics\.csv: is missing$"):
            job.call(given, function, a=1)
    else:
        job.call(given, function, a=1)
    assert heard == [{"a": 1}]
    expected = "failed: metrics.csv: is missing\n" if fault else "done\n"
    assert (tmp_path / "job.log").read_text() == expected


def breaks(*_: Any, **__: Any) -> None:
    raise ValueError("shapes (3,) and\n  (4,) do not fit" + "!" * 1000)


def test_any_other_error_is_one_line_too_and_its_traceback_in_the_log(
    tiny_experiment, tmp_path, capsys
) -> None:
    log = tmp_path / "job.log"
    made = rule(tiny_experiment, tmp_path / "x", "loops/fresh/seed-1/gen-002/model")
    bare = SimpleNamespace(log=[str(log)], rule="draw_grid")
    for title, caller, given in (
        ("train fresh seed 1 generation 2", job.run, made),
        ("draw_grid", job.call, bare),
    ):
        log.unlink(missing_ok=True)
        with pytest.raises(SystemExit) as ended:
            caller(given, breaks)
        # Python prints the text it exits with, and ends with status 1.
        said = ended.value.code
        assert said.startswith(
            f"autophagy: {title}: ValueError: shapes (3,) and (4,) do not fit!!!"
        )
        assert said.endswith(f"!; the traceback is in {log}")
        assert "\n" not in said
        assert len(said) < 500 + len(str(log))
        assert capsys.readouterr().err == ""
        kept = log.read_text()
        assert kept.startswith("Traceback (most recent call last):")
        assert "in breaks" in kept
        assert "ValueError: shapes (3,) and\n  (4,) do not fit" in kept


def test_ctrl_c_while_a_script_imports_its_step_is_one_line() -> None:
    done = python("-c", "import autophagy.job; raise KeyboardInterrupt")
    assert done.returncode != 0
    assert done.stderr == "autophagy: interrupted; the same command goes on from here\n"


def test_an_interrupted_job_prints_no_traceback(tmp_path, capsys) -> None:
    given = SimpleNamespace(log=[str(tmp_path / "job.log")], rule="draw_grid")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match=r"^autophagy: draw_grid: interrupted; the same command"):
        job.call(given, interrupted)
    assert (tmp_path / "job.log").read_text() == "interrupted\n"


@pytest.mark.parametrize(
    ("step", "path", "title"),
    [
        ("train", "loops/fully-synthetic/seed-1/gen-003/model",
         "train fully-synthetic seed 1 generation 3"),
        ("mix", "real-only/small/seed-12/training_set.parquet", "mix real-only small seed 12"),
        ("evaluate", "evaluation/fresh/seed-1/gen-001/metrics.json",
         "evaluate evaluation fresh seed 1 generation 1"),
        ("features", "features/lenet", "features"),
        ("real", "real/loop", "real"),
        ("record_root", "loops/seed-x/manifest.json", "record_root seed-x"),
    ],
)  # fmt: skip
def test_a_job_is_called_by_its_place(step, path, title) -> None:
    assert job.title_of({"step": step, "path": path}) == title


#: Script -> the artifacts of one job of it.
JOBS = {
    "real.py": ["real/loop", "real/reference", "real/features"],
    "features.py": ["features/lenet"],
    "mix.py": ["loops/fresh/seed-1/gen-002/training_set.parquet"],
    "train.py": ["loops/fresh/seed-1/gen-002/model"],
    "sample.py": ["loops/fresh/seed-1/gen-002/samples", "loops/fresh/seed-1/gen-002/preview"],
    "evaluate.py": ["evaluation/fresh/seed-1/gen-002/metrics.json"],
    "evaluate_real.py": ["evaluation/real/seed-1/gen-000/metrics.json"],
    "record_root.py": ["loops/fresh/manifest.json"],
}


@pytest.mark.parametrize("script", JOBS)
def test_a_script_makes_what_its_rule_asks_for(script, tiny_experiment, here) -> None:
    """The same bytes as the steps called by hand."""
    paths, root = JOBS[script], here / "results" / "tiny"
    before = {path: (root / manifests.path_of(path)).read_bytes() for path in paths}
    for path in paths:
        store._remove(root / manifests.path_of(path))
        store._remove(root / path)
    more = {
        "real.py": {"dataset": tiny_content()["dataset"]},
        "features.py": {"source": None},
        "train.py": {"source": ""},
    }
    given = rule(tiny_experiment, root, *paths, **more.get(script, {}))
    runpy.run_path(str(SCRIPTS / script), {"snakemake": given})
    for path in paths:
        assert (root / manifests.path_of(path)).read_bytes() == before[path]
        assert manifests.stale(root, tiny_experiment.plan.record(path)) is None


def test_the_reports_scripts_make_what_their_rules_ask_for(tiny_experiment, here) -> None:
    root, experiment = here / "results" / "tiny", tiny_experiment.plan.experiment
    names = ["metrics.csv", "metrics.json", "verdicts.csv", "audit.json"]
    names += ["figures/grid-fresh-seed-1.png", "figures/curves.pdf", "figures/lineage.png"]
    names += ["figures/features.png", paths.MAPS, paths.PAGE]
    before = {name: (root / name).read_bytes() for name in names}
    for name in names:
        (root / name).unlink()
    previews = {
        f"generation {t}": layout.preview_path(experiment, "fresh", 1, t) for t in (1, 2, 3)
    }
    asked = of_images(tiny_experiment.plan)
    params = {
        "audit.py": {"artifacts": tiny_experiment.plan.audited()},
        "tabulate_metrics.py": {"evaluations": evaluations.of(experiment)},
        "judge_loops.py": {"plan": verdict_plan.asked(experiment)},
        "draw_grid.py": {"previews": previews, "title": in_words.budget_line(experiment, "fresh")},
        "draw_curves.py": {
            "loops": list(experiment.loops),
            "seed": 1,
            "title": in_words.budget_line(experiment),
            "space": "LeNet",
            "classes": True,
        },
        "draw_lineage.py": {
            "training_sets": layout.training_sets(experiment, 1),
            "title": lineage_figure.title(experiment.experiment, 1),
        },
        "map_features.py": {
            "network": "lenet",
            "previews": previews_on_the_page(tiny_experiment.plan),
            "title": in_words.budget_line(experiment),
            "threads": 1,
        },
        "write_page.py": {"asked": asked},
    }
    outputs = {
        "draw_grid.py": "figures/grid-fresh-seed-1",
        "draw_curves.py": "figures/curves",
        "draw_lineage.py": "figures/lineage",
        "map_features.py": "figures/features",
    }
    for script, own in params.items():
        given = rule(tiny_experiment, root)
        given.params = SimpleNamespace(root=str(root), **own)
        given.output = SimpleNamespace(png=f"{root}/{outputs.get(script)}.png")
        given.wildcards = SimpleNamespace(loop="fresh", seed="1")
        runpy.run_path(str(SCRIPTS / script), {"snakemake": given})
    for name in names:
        assert (root / name).read_bytes() == before[name], name


def test_the_dropping_script_deletes_what_its_rule_names(tiny_experiment, here) -> None:
    root, model = here / "results" / "tiny", "loops/fresh/seed-1/gen-002/model"
    given = rule(tiny_experiment, root)
    given.params = SimpleNamespace(root=str(root), keep="samples", artifacts=[model])
    given.wildcards = SimpleNamespace(loop="fresh")
    runpy.run_path(str(SCRIPTS / "drop.py"), {"snakemake": given})
    assert not (root / model).exists()
    assert store.read_json(root / "loops/fresh/dropped.json")["artifacts"] == [model]


def test_every_script_is_tried_here() -> None:
    scripts = {script.name for script in SCRIPTS.glob("*.py")}
    report = {
        "audit.py",
        "drop.py",
        "tabulate_metrics.py",
        "draw_grid.py",
        "draw_curves.py",
        "import_model.py",  # test_starts.py
        "import_pictures.py",
        "draw_lineage.py",
        "judge_loops.py",
        "compare_loops.py",  # test_pairs.py
        "attribute_drift.py",  # test_attribution.py
        "compare_opinions.py",  # test_second_opinion.py
        "draw_effective_size.py",  # test_verdict_tables.py
        "map_features.py",
        "write_page.py",
    }
    theory = {"theory_part.py", "theory_table.py", "draw_theory.py", "write_theory_page.py"}
    # test_theory_experiment.py
    assert scripts == {*JOBS, *report, *theory}


# Progress


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


def test_progress_is_told_every_ten_seconds_with_the_time_left(
    tmp_path, monkeypatch, capsys
) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    with (tmp_path / "log").open("w") as log:
        told = progress.Progress("train x", log)
        for step in range(1, 201):
            clock.now += 0.5
            told(step, 400, f"loss {step}")
        told.finish()
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0] == "20/400 loss 20, 3 min 10 s left"
    assert lines[-2:] == [
        "200/400 loss 200, 1 min 40 s left",
        "200/400 loss 200, done in 1 min 40 s",
    ]
    assert len(lines) == 11
    assert capsys.readouterr().err.splitlines() == [f"  train x: {line}" for line in lines]


def test_the_time_left_is_that_of_the_steps_since_a_resumption(tmp_path, monkeypatch) -> None:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    with (tmp_path / "log").open("w") as log:
        told = progress.Progress("x", log)
        for step in range(300, 331):
            clock.now += 1
            told(step, 400, "")
        # A second count within the job, such as its preview's.
        for step in (5, 15):
            clock.now += 10
            told(step, 100, "pictures")
    assert (tmp_path / "log").read_text().splitlines() == [
        "309/400 , 1 min 31 s left", "319/400 , 1 min 21 s left", "329/400 , 1 min 11 s left",
        "5/100 pictures", "15/100 pictures, 1 min 25 s left",
    ]  # fmt: skip


def test_a_remark_before_the_work_begins_is_told_at_once(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "time", Clock())
    with (tmp_path / "log").open("w") as log:
        told = progress.Progress("x", log)
        told(0, 10, "pictures padded")
        told(1, 10, "too soon to tell")
    assert (tmp_path / "log").read_text() == "pictures padded\n"
    assert capsys.readouterr().err == "  x: pictures padded\n"


def test_an_experiment_may_not_take_the_name_of_another_one(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    text = (REPOSITORY / "tests" / "configs" / "tiny.yaml").read_text()
    for folder in ("config", "config/copy"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "config.yaml").write_text(text)
    for command in ("check", "ledger"):
        assert cli.main([command, "config/copy/config.yaml"]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "experiment: 'tiny' is that of config/config.yaml" in line
    assert not (tmp_path / "config" / "copy" / "dvc.yaml").exists()
    renamed = text.replace("experiment: tiny", "experiment: copy")
    (tmp_path / "config" / "copy" / "config.yaml").write_text(renamed)
    assert cli.main(["check", "config/copy/config.yaml"]) == 0
    assert "valid" in capsys.readouterr().out


def test_a_real_image_is_traced_and_not_made_again(tiny_experiment, capsys) -> None:
    assert (
        cli.main(["trace", str(tiny_experiment.root / "real" / "loop"), "3", "--regenerate"]) == 0
    )
    assert "nothing to make again" in capsys.readouterr().out


def test_what_a_terminal_cannot_show_is_spelled_out(tiny_experiment) -> None:
    samples = tiny_experiment.root / "loops/fresh/seed-1/gen-003/samples"
    command = [sys.executable, "-m", "autophagy.cli", "lineage", str(samples)]
    told = subprocess.run(
        command, env=child_environment() | {"PYTHONIOENCODING": "ascii"}, capture_output=True,
        check=True,
    )  # fmt: skip
    assert told.stdout.startswith(b"\\u25cf loops/fresh/seed-1/gen-003/samples")


def test_a_command_without_an_output_ends_without_a_traceback() -> None:
    command = f"{sys.executable} -m autophagy.cli schema >&-"
    told = subprocess.run(
        ["sh", "-c", command], env=child_environment(), capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
