"""What code a step's numbers depend on: all of it, and nothing that cannot change them."""

from __future__ import annotations

import ast
import modulefinder
import textwrap
from pathlib import Path

import pytest
from autophagy import fingerprint
from autophagy.data.table import DATASETS
from autophagy.errors import UserError
from autophagy.models.table import FAMILIES
from conftest import SCRIPTS

STEPS = sorted(script.name for script in SCRIPTS.glob("*.py"))
REPORT = {
    "compare_loops.py",
    "attribute_drift.py",
    "compare_opinions.py",
    "draw_curves.py",
    "draw_effective_size.py",
    "draw_grid.py",
    "draw_lineage.py",
}
REPORT |= {"judge_loops.py", "map_features.py", "tabulate_metrics.py", "write_page.py"}
#: Modules that say what is to be done, not how.
LAUNCHERS = {f"autophagy/{name}.py" for name in ("cli", "ledger", "plan", "config", "tables")}
TABLES = {"autophagy/models/table.py", "autophagy/data/table.py"}

CODE = '''
"""What the module is for."""
import numpy as np
from os import path

LIMIT = 3


class Thing:
    """A thing."""

    size: int = 1

    def grow(self, by: int = 2) -> int:
        """Grow."""
        if by > LIMIT:
            return self.size + by
        return self.size


async def wait(seconds):
    """Wait."""
    text = f"{seconds:.1f} s"
    return [x * 2 for x in text if x]


def nothing():
    """Does nothing."""
'''
SAME = {
    "comments": CODE.replace("LIMIT = 3", "# why\nLIMIT = 3  # because"),
    "blank lines": CODE.replace("\n\n", "\n\n\n\n").replace("LIMIT = 3", "\nLIMIT = 3\n"),
    "line breaks": CODE.replace(
        "(self, by: int = 2)", "(\n        self,\n        by: int = 2,\n    )"
    ),
    "parentheses": CODE.replace("self.size + by", "(self.size) + (by)"),
    "quotes": CODE.replace('f"{seconds:.1f} s"', "f'{seconds:.1f} s'"),
    "number's spelling": CODE.replace("LIMIT = 3", "LIMIT = 0x3"),
    "module docstring": CODE.replace("What the module is for.", "Something else."),
    "class docstring": CODE.replace("A thing.", "Another."),
    "method docstring": CODE.replace("Grow.", "Become\n        more."),
    "async docstring": CODE.replace("Wait.", "Sleep."),
    "only docstring": CODE.replace("Does nothing.", "Rests."),
    "no docstring": CODE.replace('    """Wait."""\n', ""),
    "line ends": CODE.replace("\n", "\r\n"),
    "indentation": CODE.replace("            return", "                    return"),
}
OTHER = {
    "constant": CODE.replace("LIMIT = 3", "LIMIT = 4"),
    "constant's type": CODE.replace("LIMIT = 3", "LIMIT = 3.0"),
    "boolean for number": CODE.replace("size: int = 1", "size: int = True"),
    "string for number": CODE.replace("LIMIT = 3", "LIMIT = '3'"),
    "operator": CODE.replace("self.size + by", "self.size - by"),
    "comparison": CODE.replace("by > LIMIT", "by >= LIMIT"),
    "default": CODE.replace("by: int = 2", "by: int = 3"),
    "name": CODE.replace("LIMIT", "BOUND"),
    "order": CODE.replace("self.size + by", "by + self.size"),
    "annotation": CODE.replace("by: int", "by: float"),
    "decorator": CODE.replace("    def grow", "    @property\n    def grow"),
    "format": CODE.replace(":.1f", ":.2f"),
    "condition": CODE.replace(" if x]", "]"),
    "statement gone": CODE.replace("            return self.size + by\n", "            pass\n"),
    "string in the middle": CODE.replace("LIMIT = 3", '"""Here a plain string."""\nLIMIT = 3'),
    "import": CODE.replace("from os import path", "from posixpath import path"),
    "no longer async": CODE.replace("async def", "def"),
}


@pytest.fixture
def library(tmp_path, monkeypatch):
    """Writes a scripts folder from {file: text} and points the module at it."""

    def write(files: dict[str, str]) -> Path:
        root = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(textwrap.dedent(text).encode())
        monkeypatch.setattr(fingerprint, "SCRIPTS", root)
        return root

    return write


def hash_of(library, text: str) -> str:
    library({"step.py": text})
    return fingerprint.code_hash(("step.py",))


@pytest.mark.parametrize("edit", SAME)
def test_what_changes_no_number_keeps_the_hash(edit, library) -> None:
    assert SAME[edit] != CODE
    assert hash_of(library, SAME[edit]) == hash_of(library, CODE)


@pytest.mark.parametrize("edit", OTHER)
def test_an_edit_of_the_code_changes_the_hash(edit, library) -> None:
    assert OTHER[edit] != CODE
    assert hash_of(library, OTHER[edit]) != hash_of(library, CODE)


def test_the_hash_tells_a_files_name_and_place(library) -> None:
    library({"a.py": "x = 1", "b.py": "y = 2", "c.py": "x = 1"})
    found = {
        fingerprint.code_hash(files)
        for files in (("a.py",), ("c.py",), ("a.py", "b.py"), ("b.py",), ())
    }
    assert len(found) == 5


TREE = {
    "step.py": """
        import os
        from autophagy import direct
        from autophagy.package.deep import function, constant

        def later():
            import autophagy.lazy as lazy
            if os:
                from autophagy.other import module
        """,
    "autophagy/__init__.py": "",
    "autophagy/direct.py": "from autophagy.second import thing",
    "autophagy/second.py": "import autophagy.direct",  # a circle
    "autophagy/lazy.py": "class A:\n    def f(self):\n        from autophagy import laziest",
    "autophagy/laziest.py": "",
    "autophagy/package/__init__.py": "from autophagy.package import beside",
    "autophagy/package/beside.py": "",
    "autophagy/package/deep.py": "function = constant = 1",
    "autophagy/other/__init__.py": "",
    "autophagy/other/module.py": "",
    "autophagy/unused.py": "import autophagy.direct",
    "autophagy/package/unused.py": "",
    "autophagy/by_name.py": "from autophagy import of_named",
    "autophagy/of_named.py": "",
}


def test_imports_are_followed_lazy_circular_and_through_packages(library) -> None:
    library(TREE)
    found = fingerprint.modules_of(("step.py",))
    reached = TREE.keys() - {
        "autophagy/unused.py", "autophagy/package/unused.py", "autophagy/by_name.py",
        "autophagy/of_named.py",
    }  # fmt: skip
    assert found == tuple(sorted(reached))
    named = fingerprint.modules_of(("step.py",), ("autophagy.by_name",))
    assert named == tuple(sorted({*reached, "autophagy/by_name.py", "autophagy/of_named.py"}))


def test_a_named_module_must_be_there(library) -> None:
    library(TREE)
    with pytest.raises(UserError, match=r"^autophagy\.nowhere: no such module"):
        fingerprint.modules_of(("step.py",), ("autophagy.nowhere",))


@pytest.mark.parametrize("script", STEPS)
def test_every_scripts_closure_is_what_pythons_own_finder_reaches(script) -> None:
    """Oracle: the standard library's ModuleFinder, which reads bytecode, not syntax trees."""
    finder = modulefinder.ModuleFinder(path=[str(SCRIPTS)])
    finder.run_script(str(SCRIPTS / script))
    reached = {
        Path(module.__file__).relative_to(SCRIPTS).as_posix()
        for module in finder.modules.values()
        if module.__file__ and Path(module.__file__).is_relative_to(SCRIPTS / "autophagy")
    }
    # A fingerprint also holds the packages above a module, which the finder runs too.
    found = fingerprint.modules_of((script,))
    assert {file for file in found if "/assets/" not in file} == reached | {script}
    assert {"autophagy/job.py", "autophagy/errors.py"} < set(found)


def test_no_module_is_imported_in_a_way_the_fingerprint_does_not_see() -> None:
    """It follows absolute imports by name; modules named in the tables it is told of."""
    dynamic = {"autophagy/plugins.py"}
    dynamic.add("autophagy/theory/studies/__init__.py")
    # A plan names the filters of an experiment among the modules of their steps.
    dynamic.add("autophagy/filters/__init__.py")
    # No step reaches the formats of `autophagy export`, so none is part of a fingerprint.
    dynamic.add("autophagy/export/__init__.py")
    # Of torch, whose version is a parameter of its own.
    dynamic.add("autophagy/deferred.py")
    # Nor `autophagy.open`.
    dynamic.add("autophagy/__init__.py")
    reached = {
        file for script in SCRIPTS.glob("*.py") for file in fingerprint.modules_of((script.name,))
    }
    assert not any("/export/" in file for file in reached)
    for file in (SCRIPTS / "autophagy").rglob("*.py"):
        name = file.relative_to(SCRIPTS).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{name}: relative import in line {node.lineno}"
            words = {getattr(node, "id", None), getattr(node, "attr", None)}
            if name not in dynamic:
                assert not words & {"import_module", "__import__"}, f"{name}:{node.lineno}"


@pytest.mark.parametrize("script", STEPS)
def test_a_closure_holds_the_launchers_only_where_it_uses_them(script) -> None:
    found = set(fingerprint.modules_of((script,)))
    assert not [file for file in found if file.startswith(("autophagy/cli/", "autophagy/ledger/"))]
    assert (Path(fingerprint.__file__).parent / "ledger" / "current.py").is_file()
    assert script in REPORT or not found & LAUNCHERS


@pytest.mark.parametrize("script", sorted(set(STEPS) - REPORT))
@pytest.mark.parametrize("named", ["family", "dataset"])
def test_a_new_line_in_a_table_reruns_nothing(script, named) -> None:
    names = FAMILIES if named == "family" else DATASETS
    package = "models" if named == "family" else "data"
    for name in names:
        found = set(fingerprint.modules_of((script,), (f"autophagy.{package}.{name}",)))
        assert f"autophagy/{package}/{name}.py" in found
        assert not found & TABLES


def test_a_plans_training_knows_its_family_and_no_data_set(tiny_plan) -> None:
    train = set(tiny_plan.files("train"))
    assert {"autophagy/models/ddpm.py", "autophagy/models/pipeline.py"} < train
    assert not any(file.startswith("autophagy/data/") for file in train)
    assert not any(file.startswith("autophagy/metrics/") for file in train)
    assert "autophagy/data/digits.py" in tiny_plan.files("real")
    assert not {"autophagy/data/npz.py", "autophagy/models/ddpm.py"} & set(tiny_plan.files("real"))
    assert tiny_plan.code["train"] == fingerprint.code_hash(tiny_plan.files("train"))


def test_versions_are_releases_without_their_build(monkeypatch) -> None:
    monkeypatch.setattr(
        fingerprint.importlib.metadata, "version", {"torch": "2.13.0+cpu", "a": "1.0"}.get
    )
    fingerprint._version.cache_clear()
    try:
        assert fingerprint.versions(("torch", "a")) == {"a": "1.0", "torch": "2.13.0"}
        fingerprint.require_versions({"torch": "2.13.0"})
        with pytest.raises(UserError, match=r"^torch: this job runs version 2\.13\.0 and .* 2\.14"):
            fingerprint.require_versions({"a": "1.0", "torch": "2.14.0"})
    finally:
        fingerprint._version.cache_clear()


def test_a_missing_package_is_named() -> None:
    with pytest.raises(UserError, match=r"^no-such-package: not installed"):
        fingerprint.versions(("no-such-package",))


def test_hashes_do_not_depend_on_this_python(library) -> None:
    """Nodes are written by our own rule, so a pinned value holds on every version."""
    found = hash_of(library, "def f(x: int = 1, *, y=(2, 'a')):\n    return [x, None, -y]\n")
    assert found == "195032d088b241ec81ddf227e2c17796bd6d2c70d5e2c24a68eebdf10e7df3c5"
