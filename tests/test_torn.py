"""No torn files: what cannot be written is one clear line, and nothing that passes for whole.

After space returns, the same call finishes with the same bytes.
"""

from __future__ import annotations

import ast
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import test_starts
import torn
import yaml
from autophagy import cli, job, manifests, store
from autophagy.errors import UserError
from autophagy.features import lenet
from autophagy.steps.drop import drop_payloads
from conftest import REPOSITORY, SCRIPTS, TESTS, Made, child_environment
from project import environment
from torn import JOBS, outputs, run

#: Those of less than a second, for processes of their own.
QUICK = tuple(name for name in JOBS if name != "features")
PLACED = [pytest.param(name, marks=pytest.mark.long if name in torn.SLOW else ()) for name in JOBS]


@pytest.fixture(scope="module")
def homes(tiny_experiment, tmp_path_factory) -> dict[str, Made]:
    """A folder of results for every job; read them only."""
    outside = tmp_path_factory.mktemp("outside")
    test_starts.write_outside(outside)
    return torn.make_homes(tmp_path_factory.mktemp("homes"), tiny_experiment.root, outside)


@pytest.fixture
def home(name: str, homes) -> Made:
    """That of the job that is parametrised."""
    return homes[JOBS[name].home]


def test_every_script_of_the_workflow_has_a_job_here() -> None:
    scripts = {script.stem for script in SCRIPTS.glob("*.py")}
    here = {chosen.script or name for name, chosen in JOBS.items()}
    assert scripts == here | set(torn.ELSEWHERE)
    assert here.isdisjoint(torn.ELSEWHERE)


def remove_outputs(name: str, root: Path) -> None:
    """As Snakemake does before a job."""
    for output in outputs(name):
        if (root / output).is_dir():
            shutil.rmtree(root / output)
        else:
            (root / output).unlink(missing_ok=True)


def content(root: Path) -> dict[str, bytes]:
    return {
        file.relative_to(root).as_posix(): file.read_bytes()
        for file in root.rglob("*")
        if file.is_file()
    }


def require_nothing_torn(name: str, made: Made, root: Path, before: dict[str, bytes]) -> None:
    """What is there of a failed job is whole: the bytes of `before`, and no litter.

    An artifact may stand whose manifest was not written any more: without it, it is not finished.
    """
    after = content(root)
    assert [file for file in after if before.get(file) != after[file]] == []
    for output in outputs(name):
        if (root / output).is_dir():
            expected = {file for file in before if file.startswith(f"{output}/")}
            assert {file for file in after if file.startswith(f"{output}/")} == expected
    for artifact in JOBS[name].outputs if JOBS[name].step else ():
        if (root / manifests.path_of(artifact)).exists():
            assert manifests.stale(root, made.plan.record(artifact)) is None


def line_of(name: str, made: Made, root: Path, log: Path) -> str | None:
    """The line that a failing job ends with, or None if it succeeds."""
    try:
        run(name, made, root, log)
    except SystemExit as ended:
        line = ended.code
    else:
        return None
    # Python prints a text it exits with, and ends with status 1.
    assert isinstance(line, str)
    assert "\n" not in line
    return line


@pytest.fixture(autouse=True)
def trained_before(tiny_experiment, monkeypatch) -> None:
    """The feature network is written again and again here, and trained once."""
    network = lenet.load(tiny_experiment.root / "features/lenet", "cpu")
    monkeypatch.setattr(lenet, "fit", lambda *_: network)


# A full disk


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of its own, 16 MB."""
    place = tmp_path / "disk"
    if not mounted(place):
        pytest.skip("mounting a small file system is not permitted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def mounted(place: Path) -> bool:
    """Is there now a file system of 16 MB?"""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    return not subprocess.run(command, capture_output=True, check=False).returncode


def fill(disk: Path, free: int) -> Path:
    """Take all space but `free` bytes."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        size = shutil.disk_usage(disk).free
        assert size >= free
        for _ in range(size // 4096):
            file.write(bytes(4096))
        with pytest.raises(OSError, match="No space left"):
            file.write(bytes(4096))
        file.truncate(file.tell() - free)
    return ballast


@pytest.mark.parametrize("name", JOBS)
def test_a_full_disk(name, disk, home, capfd) -> None:
    """Full at once, or after some pages: at each writer of the job, its manifests included.

    First over results that stand, which still do afterwards. The log lies on the same disk.
    """
    root, log = disk / "results", disk / "job.log"
    shutil.copytree(home.root, root)
    before = content(root)
    ballast = fill(disk, 0)
    lines = [line_of(name, home, root, log)]
    assert content(root) == before
    for pages in (3,) if name in torn.SLOW else (0, 1, 3, 20):
        ballast.unlink()
        remove_outputs(name, root)
        ballast = fill(disk, pages * resource.getpagesize())
        if (line := line_of(name, home, root, log)) is None:
            break
        lines.append(line)
        require_nothing_torn(name, home, root, before)
    ballast.unlink()
    remove_outputs(name, root)
    assert line_of(name, home, root, log) is None
    assert content(root) == before
    for line in lines:
        assert line.startswith("autophagy: ")
        assert line.endswith(": cannot be written: No space left on device")
    assert "Traceback" not in capfd.readouterr().err


def limited(folder: Path, outside: Path) -> None:
    """Every job but one with files limited to 100 bytes, then without limit; prints the lines."""
    homes, lines = torn.homes_in(folder, outside), {}
    before = {name: content(home.root) for name, home in homes.items()}
    for name in QUICK:
        made, whole = homes[JOBS[name].home], before[JOBS[name].home]
        remove_outputs(name, made.root)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        lines[name] = line_of(name, made, made.root, folder / "job.log")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        require_nothing_torn(name, made, made.root, whole)
        run(name, made, made.root, folder / "job.log")
        assert content(made.root) == whole
    print(json.dumps(lines))


LIMITED = """
import sys
from pathlib import Path
import test_torn
test_torn.limited(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def test_files_that_may_not_grow(homes, tmp_path) -> None:
    """A limit of the system, as a quota is: each writer of ours and of libraries meets it.

    The folder for temporary files is full meanwhile, where mounting is permitted. No job needs
    it: what is written aside lies beside its target.
    """
    temporary = tmp_path / "temporary"
    if full := mounted(temporary):
        fill(temporary, 0)
    for name, home in homes.items():
        shutil.copytree(home.root, tmp_path / "homes" / name)
    outside = Path(homes["more"].plan.experiment.loops["from-model"].start_from).parent
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path / "homes"), str(outside)],
        cwd=REPOSITORY / "tests", env=child_environment() | {"TMPDIR": str(temporary)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    left = [path.name for path in temporary.iterdir()]
    if full:
        subprocess.run(["umount", "--lazy", str(temporary)], check=True)
    assert left == (["ballast"] if full else [])
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)
    assert lines.keys() == set(QUICK)
    for name, line in lines.items():
        assert line is not None, name
        assert line.endswith(": cannot be written: File too large")


# Each system call


WRITERS = {"file": store.new_file, "folder": store.new_folder}


def write(target: Path, kind: str, text: str) -> None:
    with WRITERS[kind](target) as aside:
        if kind == "file":
            aside.write_text(text)
        else:
            (aside / "sub").mkdir()
            (aside / "sub" / "a").write_text(text)


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_every_system_call_may_fail(call, kind, existing, tmp_path, monkeypatch) -> None:
    """The first one, the second one, …: the old one stays, or the new one stands whole."""
    reached = 0
    while True:
        target = tmp_path / f"{reached}" / "x"
        if existing:
            write(target, kind, "old")
        count, real_call = [0], getattr(os, call)

        def failing(*args, count=count, real_call=real_call, last=reached):
            count[0] += 1
            if count[0] == last + 1:
                raise OSError(errno.EIO, "")
            return real_call(*args)

        with monkeypatch.context() as patch:
            patch.setattr(store.os, call, failing)
            message = None
            try:
                write(target, kind, "new")
            except UserError as error:
                message = str(error)
        if count[0] <= reached:
            break
        assert message == f"{target}: cannot be written: Input/output error"
        found = {file.read_text() for file in target.parent.rglob("*") if file.is_file()}
        # The folder's own sync comes last: of it, the caller hears, but the new one stands.
        assert found <= {"new", "old"}
        assert len(found) <= 1
        assert not existing or found
        assert {path.name for path in target.parent.iterdir()} <= {"x"}
        reached += 1
    assert reached >= {"fsync": 2, "replace": 1}[call]


def test_everything_inside_a_folder_is_synced_before_it_has_its_name(tmp_path, monkeypatch) -> None:
    """Its folders too, else a power cut could leave them without their files."""
    synced, real_sync = [], store._sync
    monkeypatch.setattr(store, "_sync", lambda path: (synced.append(path), real_sync(path)))
    write(tmp_path / "x", "folder", "new")
    aside = tmp_path / ".x.partial"
    assert set(synced[:-2]) == {aside / "sub", aside / "sub" / "a"}
    assert synced[-2:] == [aside, tmp_path]


def test_errors_of_writers_that_are_not_the_systems_keep_their_name(tmp_path) -> None:
    for error in (ValueError("a (os error x)"), UserError("b (os error 28)"), KeyError("os error")):
        with pytest.raises(type(error)) as raised, store.new_file(tmp_path / "x"):
            raise error
        assert raised.value is error


# Places


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """The folder may not be written to, by root either."""
    if os.geteuid():
        subprocess.run(["chmod", "-R", "a-w", str(folder)], check=True)
        try:
            yield
        finally:
            subprocess.run(["chmod", "-R", "u+w", str(folder)], check=True)
        return
    binding = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(binding, capture_output=True, check=False).returncode:
        pytest.skip("root may write everywhere, and mounting is not permitted here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("name", PLACED)
def test_read_only_results(name, home, tmp_path) -> None:
    root = tmp_path / "results"
    shutil.copytree(home.root, root)
    before = content(root)
    with read_only(root):
        line = line_of(name, home, root, tmp_path / "job.log")
    reasons = ("Read-only file system", "Permission denied")
    assert line.endswith(tuple(f": cannot be written: {reason}" for reason in reasons))
    assert content(root) == before
    assert line_of(name, home, root, tmp_path / "job.log") is None
    assert content(root) == before


@pytest.mark.parametrize("name", PLACED)
def test_a_missing_parent(name, home, tmp_path) -> None:
    """A folder that is missing is made; where a file stands in its place, that is said."""
    root = tmp_path / "results"
    shutil.copytree(home.root, root)
    before = content(root)
    parent = (root / outputs(name)[0]).parent
    remove_outputs(name, root)
    made_again = not any(file.is_file() for file in parent.rglob("*"))
    if made_again:
        shutil.rmtree(parent)
        parent.parent.mkdir(exist_ok=True, parents=True)
        parent.write_text("in the way")
        line = line_of(name, home, root, tmp_path / "job.log")
        assert ": cannot be written: " in line
        parent.unlink()
    assert line_of(name, home, root, tmp_path / "job.log") is None
    assert content(root) == before


def test_nothing_is_dropped_before_the_record_stands(disk, tiny_experiment, tmp_path) -> None:
    """The job of `keep`, the only one that deletes; and once there is room, it does."""
    root = disk / "results"
    shutil.copytree(tiny_experiment.root, root)
    before, chosen = content(root), [f"{torn.GENERATION}/model"]
    given = SimpleNamespace(log=[str(tmp_path / "job.log")], rule="drop")

    def drop() -> None:
        job.call(
            given, drop_payloads, root=str(root), loop="fresh", policy="last", artifacts=chosen
        )

    ballast = fill(disk, 0)
    with pytest.raises(SystemExit, match=r"dropped\.json: cannot be written: No space left"):
        drop()
    assert content(root) == before
    ballast.unlink()
    drop()
    gone = {file for file in before if file.startswith(f"{chosen[0]}/")}
    assert set(before) - set(content(root)) == gone


@pytest.mark.parametrize("place", ["missing/job.log", "file/job.log"])
def test_a_log_that_cannot_be_opened(place, tiny_experiment, tmp_path) -> None:
    (tmp_path / "file").write_text("no folder")
    line = line_of("mix", tiny_experiment, tmp_path / "results", tmp_path / place)
    assert line.startswith(f"autophagy: mix fresh seed 1 generation 2: {tmp_path / place}: cannot")
    assert not (tmp_path / "results").exists()


def test_a_log_on_a_full_disk_costs_no_result_and_hides_no_error(
    disk, tiny_experiment, tmp_path
) -> None:
    fill(disk, 0)
    (disk / "job.log").touch()
    root = tmp_path / "results"
    shutil.copytree(tiny_experiment.root, root)
    before = content(root)
    assert line_of("train", tiny_experiment, root, disk / "job.log") is None
    assert content(root) == before
    shutil.rmtree(root / "real")
    line = line_of("mix", tiny_experiment, root, disk / "job.log")
    assert line.endswith("labels.npy: cannot be read: No such file or directory")
    (root / f"{torn.GENERATION}/samples.manifest.json").unlink()

    def breaks(*_: Any) -> None:
        raise ValueError("a bug")

    given = SimpleNamespace(log=[str(disk / "job.log")], rule="x")
    with pytest.raises(SystemExit, match=r"x: ValueError: a bug; the log cannot be written$"):
        job.call(given, breaks)


@pytest.mark.parametrize("command", ["ledger", "export"])
def test_commands_on_a_full_disk(command, disk, tiny_experiment, capsys, monkeypatch) -> None:
    project = disk / "project"
    shutil.copytree(tiny_experiment.folder, project)
    monkeypatch.chdir(project)
    arguments = {
        "ledger": ["config/config.yaml"],
        "export": ["results/tiny", "--format", "card"],
    }[command]
    before = content(project)
    ballast = fill(disk, 0)
    assert cli.main([command, *arguments]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("autophagy: ")
    assert line.endswith("cannot be written: No space left on device")
    assert content(project) == before
    ballast.unlink()
    assert cli.main([command, *arguments]) == 0


@pytest.mark.parametrize(
    "everything",
    [pytest.param(False, id="results", marks=pytest.mark.long), pytest.param(True, id="all")],
)
def test_a_run_on_a_full_disk(everything, disk, tmp_path) -> None:
    """Snakemake with all its jobs: one line of ours, and with room the same command ends it."""
    folder = disk if everything else tmp_path / "folder"
    folder.mkdir(exist_ok=True)
    if not everything:
        (folder / "results").symlink_to(disk)
    points = yaml.safe_load((TESTS / "configs/points.yaml").read_text(encoding="utf-8"))
    points |= {"generations": 1, "loops": {"biased": points["loops"]["biased"]}}
    points["real_only"] = {"full": points["real_only"]["full"]}
    file = folder / "points.yaml"
    file.write_text(yaml.safe_dump(points, sort_keys=False), encoding="utf-8")
    goal = "results/points/loops/biased/manifest.json"

    def snakemake() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(folder),
             "--configfile", str(file), "--cores", "1", "--quiet", "rules", "--", goal],
            env=environment(REPOSITORY), capture_output=True, text=True, check=False,
        )  # fmt: skip

    ballast = fill(disk, 0)
    failed = snakemake()
    ballast.unlink()
    assert failed.returncode == 1
    said = failed.stdout + failed.stderr
    [line] = [line for line in said.splitlines() if line.startswith("autophagy: ")]
    assert line.endswith(": cannot be written: No space left on device")
    assert "Traceback" not in said
    assert not list(folder.rglob("results/points/**/*.json"))
    ended = snakemake()
    assert ended.returncode == 0, ended.stderr
    assert (folder / goal).is_file()


# Every writer of the library

#: Names of calls that write files.
WRITING = {
    "write_text", "write_bytes", "write_table", "write_array", "save", "savez", "savefig",
    "save_file", "save_pretrained", "to_csv", "to_parquet", "tofile", "imsave", "symlink_to",
    "write_arrays", "write_index", "rename", "replace", "copyfile", "copy2", "copytree", "move",
}  # fmt: skip
#: Functions that fill a place their caller gives them; their callers are looked at instead.
FILLS_A_GIVEN_PLACE = {
    ("models/ddpm_model.py", "save"), ("features/lenet.py", "save"),
    ("features/identity.py", "save"), ("sets.py", "write_arrays"),
    ("training_sets.py", "write_index"), ("features/inception.py", "_keep"),
    ("features/local.py", "_copy"), ("features/pretrained.py", "save"),
    ("models/saved.py", "write"), ("models/autoencoder.py", "save"),
    ("models/latent.py", "save"),
    # Into a temporary folder that ends with the job.
    ("steps/together.py", "launch"),
    # Takes away, and writes nothing.
    ("dropped.py", "drop"),
    # Into memory.
    ("features/inception.py", "_embed"), ("page/sprites.py", "_data_url"),
}  # fmt: skip
#: Writers of other kinds: the store itself, logs, locks, downloads (checked by a published hash).
OTHERS = {"store.py", "job.py", "runlock.py", "cards.py", "data/download.py"}


def writers(file: Path) -> Iterator[tuple[str, str, bool]]:
    """(function, call, does it stand inside `with store.new_…`) of every call that writes."""

    def walk(node: ast.AST, function: str, stored: bool) -> Iterator[tuple[str, str, bool]]:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.With):
            stored |= any("store.new_" in ast.unparse(item) for item in node.items)
        if isinstance(node, ast.Call) and writes(node):
            yield function, ast.unparse(node)[:60], stored
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function, stored)

    return walk(ast.parse(file.read_text()), "", False)


def writes(call: ast.Call) -> bool:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in ("open", "fdopen"):
        modes = [a.value for a in ast.walk(call) if isinstance(a, ast.Constant)]
        return any(isinstance(m, str) and len(m) < 4 and set(m) & set("wax+") for m in modes)
    if name in ("replace", "rename") and isinstance(call.func, ast.Attribute):
        # Text and columns are too; files are by os.replace and by a path's method of one argument.
        return ast.unparse(call.func.value) == "os" or (len(call.args) == 1 and not call.keywords)
    if name == "replace" and call.keywords:
        return False  # of dataclasses: fields by name
    if name == "save" and ast.unparse(call.func.value) in ("figures", "checkpoint"):
        return False  # they write through the store themselves
    return name in WRITING


def test_every_writer_goes_through_the_store() -> None:
    library, seen = SCRIPTS / "autophagy", set()
    for file in sorted(library.rglob("*.py")):
        name = file.relative_to(library).as_posix()
        if name in OTHERS:
            continue
        for function, call, stored in writers(file):
            assert stored or (name, function) in FILLS_A_GIVEN_PLACE, f"{name}: {call}"
            seen.add((name, function))
    assert seen >= FILLS_A_GIVEN_PLACE
    assert len(seen) > 10


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("p.write_text('a')", [("", False)]),
        ("def f():\n with store.new_file(p) as a:\n  a.write_text('a')", [("f", True)]),
        ("open(p, 'w')", [("", False)]), ("p.open('ab')", [("", False)]), ("open(p)", []),
        ("p.open('rb')", []), ("os.replace(a, b)", [("", False)]), ("s.replace('a', 'b')", []),
        ("figure.savefig(p)", [("", False)]), ("figures.save(f, c, p)", []),
    ],
)  # fmt: skip
def test_the_search_for_writers_finds_them(source, found, tmp_path) -> None:
    (tmp_path / "x.py").write_text(source)
    assert [(function, stored) for function, _, stored in writers(tmp_path / "x.py")] == found
