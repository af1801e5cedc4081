"""Run experiments' bookkeeping and ask where their images and models came from.

Exit status: 0 fine, 1 a finding, 2 wrong use, 3 undecided (effective-size alone).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

from autophagy.errors import UserError

DEFAULT = "config/config.yaml"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; errors are one line on stderr."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        status = chosen.command(chosen)
        sys.stdout.flush()
        return status
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader (head, less) has gone; Python would complain of it again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    # Names too long for the file system, links in a circle.
    except OSError as error:
        print(f"autophagy: {UserError(str(error))}", file=sys.stderr)
        return 2


def _record(chosen: argparse.Namespace) -> int:
    from autophagy import dvc_commands, ledger

    plan, config = _plan(chosen.config)
    ledger.require_current(plan, config)
    found = ledger.findings(plan, Path(plan.root))
    current = [stage for stage, finding in found.items() if finding is None]
    if not chosen.check:
        dvc_commands.commit(os.path.join(ledger.ledger_folder(config), "dvc.yaml"), current)
    stale = {stage: finding for stage, finding in found.items() if finding}
    if chosen.json:
        print(json.dumps({"current": current, "stale": stale}, indent=2))
    else:
        verb = "are current" if chosen.check else "recorded"
        print(f"{len(current)} of {len(found)} stages {verb}")
        for stage, finding in stale.items():
            print(f"autophagy: {stage}: {finding}", file=sys.stderr)
    return 1 if stale else 0


def _restore(chosen: argparse.Namespace) -> int:
    from autophagy import ledger, restore

    plan, config = _plan(chosen.config)
    stale = restore.restore(plan, config, pull=chosen.pull)
    count = len(ledger.stage_nodes(plan))
    if chosen.json:
        print(json.dumps({"current": count - len(stale), "stale": stale}, indent=2))
    elif not stale:
        print(f"{plan.root}: {count} stages are in place and current")
    if stale:
        stage, finding = next(iter(stale.items()))
        print(
            f"autophagy: {config}: the recorded results of {len(stale)} of {count} stages are not "
            f"what it and this code make ({stage}: {finding}); `git checkout` the revision that "
            "recorded them, or `make run`",
            file=sys.stderr,
        )
    return 1 if stale else 0


def _ledger(chosen: argparse.Namespace) -> int:
    from autophagy import ledger, store

    plan, config = _plan(chosen.config)
    file = Path(ledger.ledger_folder(config)) / "dvc.yaml"
    _require_own_name(plan.experiment.experiment, config)
    content = ledger.text(plan, config)
    with store.new_file(file) as aside:
        aside.write_text(content, encoding="utf-8")
    if chosen.json:
        print(json.dumps({"file": str(file), "stages": list(ledger.stage_nodes(plan))}, indent=2))
    else:
        print(f"{file}: {len(ledger.stage_nodes(plan))} stages")
    return 0


def _summary(chosen: argparse.Namespace) -> int:
    import pandas as pd

    from autophagy import manifests, paths, store, tables
    from autophagy.verdict import attribution, opinions, pairs
    from autophagy.verdict import tables as verdicts

    plan, _ = _plan(chosen.config)
    root = Path(plan.root)
    if plan.experiment.kind == "theory":
        return _summary_of_theory(plan, chosen.json)
    if not (root / "metrics.csv").is_file():
        raise UserError(f"{root}/metrics.csv: is missing; run the workflow first")
    tables.read(root)
    # The table has no schema of its own; what it was made of has.
    manifests.read(root, paths.evaluation_path("real", plan.experiment.seeds[0], 0))
    if chosen.json:
        print(json.dumps(store.read_json(root / paths.METRICS_JSON), indent=2))
        return 0
    judged = verdicts.summary(root, plan.experiment)
    print(f"{tables.summary(root, plan.experiment)}\n\n{judged}")
    if paths.has_pairs(plan.experiment):
        print("\n" + "\n".join(pairs.lines(pd.read_csv(root / paths.LOOP_PAIRS))))
    if plan.experiment.attribution is not None:
        print("\n" + "\n".join(attribution.lines(pd.read_csv(root / paths.ATTRIBUTION))))
    if plan.experiment.evaluate.second is not None:
        print("\n" + "\n".join(opinions.lines(pd.read_csv(root / paths.SECOND_OPINION))))
    print("\nFigures:")
    for name in paths.figure_names(plan.experiment):
        print(f"  {root}/figures/{name}.png")
    return 0


def _summary_of_theory(plan, as_json: bool) -> int:
    import pandas as pd

    from autophagy.theory import plan as theory
    from autophagy.theory import tables

    file = Path(plan.root) / theory.TABLE
    if not file.is_file():
        raise UserError(f"{file}: is missing; run the workflow first")
    table = pd.read_csv(file)
    if as_json:
        print(table.to_json(orient="records", indent=2))
        return 0
    print(f"{plan.experiment.experiment}: {plan.experiment.title}\n")
    print(tables.summary(table, plan.experiment.study))
    print("\nFigures:")
    for name in theory.figure_files(plan.experiment):
        print(f"  {plan.root}/{name}")
    return 0


def _effective_size(chosen: argparse.Namespace) -> int:
    from dataclasses import asdict

    from threadpoolctl import threadpool_limits

    from autophagy.theory import frontier

    asked = (chosen.n_real, chosen.n_synthetic, chosen.bias, chosen.dim)
    # On small matrices the threads of BLAS only wait for each other, most of all on a busy machine.
    with threadpool_limits(1):
        found = frontier.effective_size(*asked, chosen.chains, chosen.seed)
    print(json.dumps(asdict(found), indent=2) if chosen.json else found.told())
    return found.status


def _watch(chosen: argparse.Namespace) -> int:
    from autophagy import watch

    plan, _ = _plan(chosen.config)
    if plan.experiment.kind == "theory":
        raise UserError(
            f"{chosen.config}: kind: theory has no generations to watch, but parts; `autophagy "
            f"timings` lists those that are done"
        )
    if chosen.json:
        found = watch.grid(plan, Path(plan.root), Path("logs") / plan.experiment.experiment)
        rows = [
            {"loop": name, "seed": seed, "generations": [vars(cell) for cell in cells]}
            for (name, seed), cells in found.items()
        ]
        print(json.dumps(rows, indent=2))
        return 0
    logs = Path("logs") / plan.experiment.experiment
    watch.watch(plan, Path(plan.root), logs, chosen.once)
    return 0


def _timings(chosen: argparse.Namespace) -> int:
    from autophagy import config as configuration
    from autophagy import timings

    config = os.path.normpath(chosen.config)
    experiment = configuration.load(config).experiment
    logs = Path("logs") / experiment
    found = timings.jobs(logs)
    page = timings.write(found, experiment, logs)
    print(found.to_json(orient="records", indent=2) if chosen.json else timings.told(found))
    print(f"page: {page}", file=sys.stderr if chosen.json else sys.stdout)
    return 0


def _costs(chosen: argparse.Namespace) -> int:
    from autophagy import costs

    for flag, value in (("--tflops", chosen.tflops), ("--watts", chosen.watts)):
        if value is not None and not 0.0 < value < float("inf"):
            raise UserError(f"{flag}: {value:g} is not allowed; it must be above 0")
    plan, _ = _plan(chosen.config, data_at_hand=False)
    found = costs.of(plan, _shape(chosen.shape))
    if chosen.json:
        print(json.dumps({step: vars(cost) for step, cost in found.items()}, indent=2))
    else:
        print(costs.told(plan.experiment.experiment, found, chosen.tflops, chosen.watts))
    return 0


def _shape(text: str | None) -> tuple[int, int] | None:
    """`64x3` -> (64, 3)."""
    if text is None:
        return None
    side, _, channels = text.partition("x")
    if not (side.isdecimal() and channels in ("1", "3") and 0 < int(side) <= 4096):
        raise UserError(f"--shape: {text!r} is not allowed; it must be like 64x3, with 1 or 3")
    return int(side), int(channels)


def _check(chosen: argparse.Namespace) -> int:
    plan, config = _plan(chosen.config)
    _require_own_name(plan.experiment.experiment, config)
    if chosen.json:
        print(json.dumps({"config": config, "artifacts": len(plan.nodes)}))
    else:
        print(f"{config}: valid; {len(plan.nodes)} artifacts below {plan.root}/")
    return 0


def _schema(chosen: argparse.Namespace) -> int:
    from autophagy import config

    print(json.dumps(config.json_schema(), indent=2, sort_keys=True))
    return 0


def _lineage(chosen: argparse.Namespace) -> int:
    from autophagy import lineage, lineage_text
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    found = lineage.tree(manifests, artifact)
    if chosen.json:
        print(json.dumps(lineage.flat(found), indent=2))
    else:
        print("\n".join(lineage_text.drawn(found)))
    return 0


def _trace(chosen: argparse.Namespace) -> int:
    from autophagy import lineage_text, trace
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    steps = trace.trace(manifests, artifact, chosen.row)
    # 64 bits: many readers of JSON would round them (RFC 8259, section 6).
    told = [step | {"seed": str(step["seed"])} if "seed" in step else step for step in steps]
    content: dict[str, Any] = {"steps": told}
    last = steps[-1]
    if chosen.regenerate and "source_row" not in last:
        content["regenerated"] = trace.regenerate(manifests, last["path"], last["row"])
    if chosen.json:
        print(json.dumps(content, indent=2))
    else:
        for step in steps:
            print("\n".join(lineage_text.told(step)))
        if "regenerated" in content:
            print(lineage_text.made_again(content["regenerated"]))
        elif chosen.regenerate:
            print("a real image: nothing to make again")
    return 0 if content.get("regenerated", {}).get("identical", True) else 1


def _descendants(chosen: argparse.Namespace) -> int:
    from autophagy import lineage, lineage_text
    from autophagy.locate import locate

    manifests, artifact = locate(Path(chosen.path))
    found = lineage.descendants(manifests, artifact, chosen.row)
    if chosen.json:
        print(json.dumps(found, indent=2))
    else:
        of = artifact if chosen.row is None else f"row {chosen.row} of {artifact}"
        print("\n".join(lineage_text.listed(found, of)))
    return 0


def _audit(chosen: argparse.Namespace) -> int:
    from autophagy import audit
    from autophagy.archive import Archive

    root = _experiment(chosen.results)
    report = audit.examine(Archive(root))
    found = report.findings
    _write_audit(root, found)
    if chosen.json:
        print(json.dumps(audit.as_json(found, report.laws), indent=2))
        return 1 if found else 0
    for finding in found:
        print(f"{finding.path}: {finding.law}: {finding.message}")
    for line in report.unchecked:
        print(line)
    count = f"{len(found)} finding{'s' if len(found) > 1 else ''}"
    print(f"{root}: {count if found else 'every law holds'}")
    return 1 if found else 0


def _write_audit(root: Path, found: list[Any]) -> None:
    """Write audit.json where it differs; a folder that can only be read is audited all the same."""
    from autophagy import audit, paths, store

    ledger = {finding.law for finding in found} - {"files", *audit.LAWS}
    content = audit.as_json(found, ["files", *audit.LAWS, *ledger])
    with contextlib.suppress(OSError):
        if (root / paths.AUDIT).read_text(encoding="utf-8") == store.canonical_json(content):
            return
    try:
        store.write_json(root / paths.AUDIT, content)
    except UserError as error:
        print(f"autophagy: {error}", file=sys.stderr)


def _compare(chosen: argparse.Namespace) -> int:
    import tempfile

    from autophagy import compare, revisions
    from autophagy.archive import Archive

    if chosen.b is None and chosen.rev is None:
        raise UserError("compare: give B, another experiment, or --rev, the revision A is taken of")
    b = _experiment(chosen.a if chosen.b is None else chosen.b)
    if chosen.rev is None:
        a = _experiment(chosen.a)
        found = _compared((str(a), Archive(a)), (str(b), Archive(b)), chosen)
    else:
        with tempfile.TemporaryDirectory() as folder:
            commit = revisions.fetch(chosen.rev, Path(chosen.a), Path(folder))
            a = _experiment(folder)
            name = f"{os.path.normpath(chosen.a)} at {chosen.rev} ({commit})"
            found = _compared((name, Archive(a)), (str(b), Archive(b)), chosen)
    return 1 if found["verdict"] == compare.DIFFERENT else 0


def _compared(a: tuple[str, Any], b: tuple[str, Any], chosen: argparse.Namespace) -> dict[str, Any]:
    """Print what two experiments, (what it is called, archive), differ in, and write the page."""
    from autophagy import compare, compare_text, contrast

    (a_name, one), (b_name, other) = a, b
    found = compare.compare(one, other)
    asked, changes = contrast.configuration(one, other), contrast.changes(one, other)
    if chosen.html is not None:
        from autophagy.page import comparison, render

        sides = comparison.Side(a_name, one), comparison.Side(b_name, other)
        page = comparison.gather(*sides, found, asked, changes)
        render.write_to(Path(chosen.html), comparison.TEMPLATE, page)
    if chosen.json:
        print(json.dumps(found | {"configuration": asked, "changes": changes}, indent=2))
    else:
        *told, verdict = compare_text.lines(found, a_name, b_name)
        print("\n".join([*told, *contrast.lines(asked, changes), verdict]))
    return found


def _export(chosen: argparse.Namespace) -> int:
    from autophagy import export

    done = export.export(Path(chosen.results), chosen.format, _optional(chosen.out))
    written = [str(file) for file in done]
    print(json.dumps({"files": written}, indent=2) if chosen.json else "\n".join(written))
    return 0


def _sign(chosen: argparse.Namespace) -> int:
    from autophagy import signing

    done = signing.sign(Path(chosen.results), Path(chosen.key), _optional(chosen.signature))
    if chosen.json:
        print(json.dumps(done.as_json(), indent=2))
    else:
        print("\n".join([*done.lines(), done.signature]))
    return 0


def _verify(chosen: argparse.Namespace) -> int:
    from autophagy import signing

    found = signing.verify(Path(chosen.results), Path(chosen.key), _optional(chosen.signature))
    print(json.dumps(found.as_json(), indent=2) if chosen.json else "\n".join(found.lines()))
    return 1 if found.findings else 0


def _experiment(folder: str) -> Path:
    """The folder of an experiment."""
    from autophagy.archive import is_experiment

    root = Path(folder)
    if not is_experiment(root):
        raise UserError(f"{root}: is no experiment's folder; give results/<experiment>")
    return root


def _optional(path: str | None) -> Path | None:
    return None if path is None else Path(path)


def _plan(config: str, data_at_hand: bool = True):
    from autophagy import config as configuration
    from autophagy import plan as planning

    config = os.path.normpath(config)
    return planning.build(configuration.load(config, data_at_hand)), config


def _require_own_name(name: str, config: str) -> None:
    """Refuse an experiment that would write over the results of another one here."""
    from autophagy import config as configuration

    for other in sorted(Path("config").rglob("config.yaml")):
        if config != str(other) and configuration.name_in(other) == name:
            raise UserError(
                f"{config}: experiment: {name!r} is that of {other}, and would write over its "
                "results; choose another name"
            )


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        print(f"autophagy: {message}; see `{self.prog} --help`", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    from autophagy.export import FORMATS

    parser = _Parser(prog="autophagy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name, command, text, more=""):
        sub = commands.add_parser(name, help=text, description=f"{text}{more}")
        sub.set_defaults(command=command)
        sub.add_argument("--json", action="store_true", help="print JSON instead of text")
        return sub

    def add_config(sub):
        sub.add_argument("config", nargs="?", default=DEFAULT, help=f"default: {DEFAULT}")

    record = add("record", _record, "commit to DVC the stages whose results are what the plan says")
    add_config(record)
    record.add_argument("--check", action="store_true", help="only say which; commit nothing")
    sub = add("pull", _restore, "fetch recorded results from the DVC remote and put them in place")
    sub.set_defaults(pull=True)
    add_config(sub)
    sub = add("checkout", _restore, "put the results that belong to this git revision in place")
    sub.set_defaults(pull=False)
    add_config(sub)
    add_config(add("ledger", _ledger, "write the dvc.yaml of a configuration"))
    add_config(add("summary", _summary, "print the table of a finished experiment"))
    sub = add("watch", _watch, "watch a run: loops × generations, steps, losses, last metrics")
    sub.add_argument("--once", action="store_true", help="print the state and end")
    add_config(sub)
    add_config(
        add(
            "timings", _timings, "what the jobs of a run took, step by step, as a table and a page",
            ": logs/<experiment>/timings.html, from Snakemake's benchmark files.",
        )
    )  # fmt: skip
    path_help = "an artifact under results/"
    sub = add("lineage", _lineage, "what an artifact is made from, generations back")
    sub.add_argument("path", help=path_help)
    sub = add("trace", _trace, "one row, back to a real image or to a seed")
    sub.add_argument("path", help=path_help)
    sub.add_argument("row", type=int)
    sub.add_argument("--regenerate", action="store_true", help="make the sample again and compare")
    sub = add("descendants", _descendants, "everything made from an artifact, and how much of it")
    sub.add_argument("path", help=path_help)
    sub.add_argument("row", type=int, nargs="?", help="only this row of a real or sample set")
    sub = add("audit", _audit, "check every law on a finished experiment; writes audit.json")
    sub.add_argument("results", help="results/<experiment>")
    sub = add(
        "compare", _compare, "two runs: the same bytes, or metrics within the spread, or different",
        ". Says which artifact differs first and what its manifests say of why, what of the "
        "configuration differs, and by how much each loop's metrics do.",
    )  # fmt: skip
    sub.add_argument("a", metavar="A", help="results/<experiment>")
    sub.add_argument("b", metavar="B", nargs="?", help="the same, of another run; with --rev: A")
    sub.add_argument(
        "--rev", metavar="REV",
        help="take A as this git revision recorded it, from DVC's cache or its remote",
    )  # fmt: skip
    sub.add_argument("--html", metavar="FILE", help="write a page that shows both side by side")
    sub = add("export", _export, "provenance for others to read: PROV, RO-Crate, Croissant, cards")
    sub.add_argument("results", help="results/<experiment>")
    sub.add_argument("--format", required=True, choices=FORMATS)
    sub.add_argument("--out", metavar="FOLDER", help="default: exports/<experiment>/<format>")
    results_help = "results/<experiment>, or results/<experiment>/loops/<loop> for one loop"
    signature_help = "default: signatures/ in the experiment's folder"
    sub = add(
        "sign", _sign, "sign the roots of an experiment or of one loop with an offline key",
        ", after re-hashing everything that they certify. Needs the extra `sign`. An encrypted "
        "key's passphrase is read from $AUTOPHAGY_KEY_PASSPHRASE.",
    )  # fmt: skip
    sub.add_argument("results", help=results_help)
    sub.add_argument(
        "--key", required=True, metavar="FILE",
        help="ed25519 private key: `openssl genpkey -algorithm ed25519 -out FILE`",
    )  # fmt: skip
    sub.add_argument("--signature", metavar="FILE", help=signature_help)
    sub = add(
        "verify", _verify, "check a signature, and by hash everything that it certifies",
        ". Needs no configuration: of one loop, its folder, its signature and what it descends "
        "from (real/loop and the real-only model it starts from, with their manifests) are enough. "
        "Needs the extra `sign`.",
    )  # fmt: skip
    sub.add_argument("results", help=results_help)
    sub.add_argument(
        "--key", required=True, metavar="PUBLIC",
        help="the signer's public key: `openssl pkey -in FILE -pubout -out PUBLIC`",
    )  # fmt: skip
    sub.add_argument("--signature", metavar="FILE", help=signature_help)
    sub = add(
        "effective-size",
        _effective_size,
        "what synthetic data are worth beside fresh real data: n_e/n_r of a Gaussian's loop",
        ". Exit status: 0 = they help, 1 = they do not, 3 = undecided at so many chains.",
    )
    for flag, kind, text in (
        ("--n-real", int, "fresh real points a generation, n_r"),
        ("--n-synthetic", int, "synthetic points a generation, n_s"),
        ("--bias", float, "sampling bias λ in (0, 1]"),
        ("--dim", int, "dimensions d"),
    ):
        sub.add_argument(flag, type=kind, required=True, help=text)
    sub.add_argument("--chains", type=int, help="default: as many as take a few seconds")
    sub.add_argument("--seed", type=int, default=1)
    sub = add(
        "plan",
        _costs,
        "what an experiment will cost: jobs, pictures, operations, hours at a given rate, bytes",
        ". Of pictures and of the families ddpm and latent; nothing else is counted.",
    )
    add_config(sub)
    sub.add_argument("--tflops", type=float, help="10¹² operations a second that a device sustains")
    sub.add_argument("--watts", type=float, help="what it draws meanwhile")
    sub.add_argument(
        "--shape", metavar="SIDExCHANNELS", help="of pictures whose configuration does not say it"
    )
    add_config(add("check", _check, "validate a configuration and do nothing"))
    add("schema", _schema, "print the JSON schema of the configuration")
    return parser


if __name__ == "__main__":
    sys.exit(main())
