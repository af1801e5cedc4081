"""What the command line understands."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from autophagy.cli import archives, runs

DEFAULT = "config/config.yaml"


class _Parser(argparse.ArgumentParser):
    """argparse, with errors of one line."""

    def error(self, message: str) -> NoReturn:
        print(f"autophagy: {message}; see `{self.prog} --help`", file=sys.stderr)
        sys.exit(2)


def parser(description: str) -> argparse.ArgumentParser:
    """Of all commands; each sets `command`, a function of what was chosen that gives the status."""
    from autophagy.export import FORMATS

    whole = _Parser(prog="autophagy", description=description)
    commands = whole.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    def add(name, command, text, more=""):
        sub = commands.add_parser(name, help=text, description=f"{text}{more}")
        sub.set_defaults(command=command)
        sub.add_argument("--json", action="store_true", help="print JSON instead of text")
        return sub

    def add_config(sub):
        sub.add_argument("config", nargs="?", default=DEFAULT, help=f"default: {DEFAULT}")

    def add_signed(sub, key, key_help):
        sub.add_argument(
            "results",
            help="results/<experiment>, or results/<experiment>/loops/<loop> for one loop",
        )
        sub.add_argument("--key", required=True, metavar=key, help=key_help)
        sub.add_argument(
            "--signature", metavar="FILE", help="default: signatures/ in the experiment's folder"
        )

    record = add(
        "record", runs.record, "commit to DVC the stages whose results are what the plan says"
    )
    add_config(record)
    record.add_argument("--check", action="store_true", help="only say which; commit nothing")
    sub = add(
        "pull", runs.restore, "fetch recorded results from the DVC remote and put them in place"
    )
    sub.set_defaults(pull=True)
    add_config(sub)
    sub = add("checkout", runs.restore, "put the results that belong to this git revision in place")
    sub.set_defaults(pull=False)
    add_config(sub)
    add_config(add("ledger", runs.ledger, "write the dvc.yaml of a configuration"))
    add_config(add("summary", runs.summary, "print the table of a finished experiment"))
    sub = add("watch", runs.watch, "watch a run: loops × generations, steps, losses, last metrics")
    sub.add_argument("--once", action="store_true", help="print the state and end")
    add_config(sub)
    add_config(
        add(
            "timings", runs.timings,
            "what the jobs of a run took, step by step, as a table and a page",
            ": logs/<experiment>/timings.html, from Snakemake's benchmark files.",
        )
    )  # fmt: skip
    path_help = "an artifact under results/"
    sub = add("lineage", archives.lineage, "what an artifact is made from, generations back")
    sub.add_argument("path", help=path_help)
    sub = add("trace", archives.trace, "one row, back to a real one or to a seed")
    sub.add_argument("path", help=path_help)
    sub.add_argument("row", type=int)
    sub.add_argument("--regenerate", action="store_true", help="make the sample again and compare")
    sub = add(
        "descendants", archives.descendants, "everything made from an artifact, and how much of it"
    )
    sub.add_argument("path", help=path_help)
    sub.add_argument("row", type=int, nargs="?", help="only this row of a real or sample set")
    sub = add(
        "audit", archives.audit, "check every law on a finished experiment; writes audit.json"
    )
    sub.add_argument("results", help="results/<experiment>")
    sub = add(
        "compare", archives.compare,
        "two runs: the same bytes, or metrics within the spread, or different",
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
    sub = add(
        "export", archives.export, "provenance for others to read: PROV, RO-Crate, Croissant, cards"
    )
    sub.add_argument("results", help="results/<experiment>")
    sub.add_argument("--format", required=True, choices=FORMATS)
    sub.add_argument("--out", metavar="FOLDER", help="default: exports/<experiment>/<format>")
    sub = add(
        "sign", archives.sign, "sign the roots of an experiment or of one loop with an offline key",
        ", after re-hashing everything that they certify. Needs the extra `sign`. An encrypted "
        "key's passphrase is read from $AUTOPHAGY_KEY_PASSPHRASE.",
    )  # fmt: skip
    add_signed(sub, "FILE", "ed25519 private key: `openssl genpkey -algorithm ed25519 -out FILE`")
    sub = add(
        "verify", archives.verify, "check a signature, and by hash everything that it certifies",
        ". Needs no configuration: of one loop, its folder, its signature and what it descends "
        "from (real/loop and the real-only model it starts from, with their manifests) are enough. "
        "Needs the extra `sign`.",
    )  # fmt: skip
    add_signed(
        sub, "PUBLIC", "the signer's public key: `openssl pkey -in FILE -pubout -out PUBLIC`"
    )
    sub = add(
        "effective-size",
        runs.effective_size,
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
        runs.costs,
        "what an experiment will cost: jobs, pictures, operations, hours at a given rate, bytes",
        ". Of pictures and of the families ddpm and latent; nothing else is counted.",
    )
    add_config(sub)
    sub.add_argument("--tflops", type=float, help="10¹² operations a second that a device sustains")
    sub.add_argument("--watts", type=float, help="what it draws meanwhile")
    sub.add_argument(
        "--shape", metavar="SIDExCHANNELS", help="of pictures whose configuration does not say it"
    )
    add_config(add("check", runs.check, "validate a configuration and do nothing"))
    add("schema", runs.schema, "print the JSON schema of the configuration")
    return whole
