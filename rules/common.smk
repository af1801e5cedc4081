import logging
import os
import subprocess

# Paths, wildcard constraints and input functions, all of them read off the plan.
from autophagy import config as configuration
from autophagy import (
    config_file,
    config_overrides,
    data,
    dropped,
    features,
    fingerprint,
    in_words,
    layout,
    lifeline,
    lineage_figure,
    manifests,
    models,
    paths,
    plan as planning,
    presets,
    runlock,
    starts,
    store,
    submitted,
)
from autophagy.data.split import SPLITS
from autophagy.errors import UserError
from autophagy.schema import plain

try:
    origin = (
        os.path.relpath(workflow.configfiles[0]) if workflow.configfiles else "config"
    )
    # Snakemake has read it already, and keeps the last of two equal keys.
    for file in workflow.configfiles:
        config_file.refuse_twice(os.path.relpath(file))
    given = workflow.config_settings.config or {}
    EXPERIMENT = configuration.parse(config_overrides.typed(config, given), origin)
    PLAN = planning.build(EXPERIMENT)
except UserError as error:
    sys.exit(f"autophagy: {error}")

# On a full disk Snakemake's own log file fails too, at each of its lines: ours shall be seen.
logging.raiseExceptions = False
lifeline.name_run()
# The library for child processes, installed or not.
LIBRARY = os.environ | {"PYTHONPATH": str(fingerprint.SCRIPTS)}
ROOT = PLAN.root
LOGS = f"logs/{EXPERIMENT.experiment}"
BENCHMARKS = f"logs/{EXPERIMENT.experiment}/benchmarks"
ENVIRONMENT = "../workflow/envs/autophagy.yaml"
# Cards that a job asks for: profiles/default says how many jobs with one run at once, and
# autophagy.cards which card is whose.
GPU = int(PLAN.device == "cuda")

# Folders of the two kinds of training: a generation of a loop, and a real-only model.
GENERATION = "loops/{loop}/seed-{seed}/gen-{generation}"
# What a guided loop's generation is led away from.
AUXILIARY = f"{GENERATION}/auxiliary"
REAL_ONLY = "real-only/{real_only}/seed-{seed}"


@asked_of_each_job
def root_of(wildcards, output):
    """Params function: the experiment's folder, as the job finds it (storage may move outputs)."""
    return output[0][: output[0].rindex(f"{ROOT}/") + len(ROOT)]


def processes(wildcards):
    """How many processes a training has, a loop's or a real-only model's: each a card's worth."""
    loop = getattr(wildcards, "loop", None)
    return EXPERIMENT.settings("train", loop).get("processes", 1)


@asked_of_each_job
def training_threads(wildcards):
    return EXPERIMENT.threads * processes(wildcards)


@asked_of_each_job
def training_cards(wildcards):
    return GPU * processes(wildcards)


@asked_of_each_job
def early_generations_first(wildcards):
    """Priority: how many generations are left, so that loops go on side by side.

    One that is left to the end has nobody to share the cores with. A real-only model from which no
    loop starts fills them then.
    """
    if generation := getattr(wildcards, "generation", None):
        return EXPERIMENT.generations - int(generation)
    starts_a_loop = any(
        loop.start_from == wildcards.real_only for loop in EXPERIMENT.loops.values()
    )
    return EXPERIMENT.generations if starts_a_loop else 0


def node_at(pattern, wildcards):
    path = pattern.format(**wildcards)
    if path not in PLAN.nodes:
        sys.exit(f"autophagy: {ROOT}/{path}: is not part of this experiment")
    return PLAN.nodes[path]


def parents_of(*patterns):
    """Input function: the manifests of everything the artifacts are made from.

    Manifests are compared by content, so a checkout with shuffled times reruns nothing.
    """

    @asked_of_each_job
    def parents(wildcards):
        nodes = [node_at(pattern, wildcards) for pattern in patterns]
        found = dict.fromkeys(
            path for node in nodes for path in node.materials + node.reads
        )
        return [f"{ROOT}/{manifests.path_of(path)}" for path in found]

    return parents


def payloads_of(*patterns):
    """Input function: the files of everything the artifacts are made from, whatever their age."""

    @asked_of_each_job
    def payloads(wildcards):
        nodes = [node_at(pattern, wildcards) for pattern in patterns]
        found = dict.fromkeys(
            path for node in nodes for path in node.materials + node.reads
        )
        return [f"{ROOT}/{path}" for path in found if not manifests.is_root(path)]

    return payloads


def records_of(*patterns):
    """Params function: what the plan fixes of the artifacts' manifests."""

    @asked_of_each_job
    def records(wildcards):
        return [PLAN.record(node_at(pattern, wildcards).path) for pattern in patterns]

    return records


def every_artifact():
    """Every payload that is kept, every manifest, and the records of what is dropped."""
    not_kept = {path for loop in PLAN.dropped.values() for path in loop}
    records = map(PLAN.record, PLAN.nodes)
    payloads = [path for record in records for path in manifests.payload_paths(record)]
    kept = [path for path in payloads if path not in not_kept]
    # With `keep: all` there is no record, but that of another policy is brought up to date.
    notes = [
        dropped.path_of(loop)
        for loop, artifacts in PLAN.dropped.items()
        if artifacts or os.path.exists(f"{ROOT}/{dropped.path_of(loop)}")
    ]
    found = [*kept, *map(manifests.path_of, PLAN.nodes), *notes, paths.AUDIT]
    return [f"{ROOT}/{path}" for path in found]


def not_kept_of(wildcards):
    """Params function: the artifacts of a loop whose payload is not kept."""
    return PLAN.dropped[wildcards.loop]


def preview_manifests(wildcards):
    previews = [*previews_of(wildcards).values(), "real/reference"]
    return [f"{ROOT}/{manifests.path_of(preview)}" for preview in previews]


def preview_payloads(wildcards):
    return [f"{ROOT}/{preview}" for preview in previews_of(wildcards).values()]


def seen_on_the_page(path_of):
    """The previews of every run seed and the real sets, as `path_of` names each."""
    previews = [
        layout.preview_path(EXPERIMENT, name, seed, t)
        for name in EXPERIMENT.loops
        for seed in EXPERIMENT.seeds
        for t in range(1, EXPERIMENT.generations + 1)
    ]
    return [
        f"{ROOT}/{path_of(path)}"
        for path in dict.fromkeys([*previews, "real/loop", "real/reference"])
    ]


def previews_of(wildcards):
    """Row label -> preview, generation by generation."""
    return {
        f"generation {t}": layout.preview_path(
            EXPERIMENT, wildcards.loop, int(wildcards.seed), t
        )
        for t in range(1, EXPERIMENT.generations + 1)
    }


def grid_title(wildcards):
    return in_words.budget_line(EXPERIMENT, wildcards.loop)


def curves_title():
    return in_words.budget_line(EXPERIMENT)


def sizes_title():
    # Of loops that train otherwise n_e is not known.
    return in_words.budget_line(EXPERIMENT, otherwise=False)


def distance_space():
    return features.space(features.name_of(EXPERIMENT.evaluate.features))


def spaces():
    """What the feature spaces are called: of the metrics, and of a second opinion."""
    named = (EXPERIMENT.evaluate.features, EXPERIMENT.evaluate.second)
    return [features.space(features.name_of(name)) for name in named if name]


def lineage_title():
    return lineage_figure.title(EXPERIMENT.experiment, EXPERIMENT.seeds[0])


def code_of(script):
    """The fingerprint of a script that makes no artifact of its own."""
    return fingerprint.code_hash(fingerprint.modules_of((script,)))


def data_files():
    """What the splits are made from, relative to the working directory.

    Data that come inside a package stand as the module that reads them: a rule needs an input, or
    `--touch` gives it no metadata.
    """
    dataset = plain(EXPERIMENT.dataset)
    loader = data.module(dataset["name"])
    # Of this machine and of the repository, wherever results are stored.
    return local(loader.files(dataset) or ancient([os.path.relpath(loader.__file__)]))


def network_files():
    """The user's files that hold the feature network, none where it is trained here."""
    return local(
        features.files(EXPERIMENT.evaluate.features, EXPERIMENT.evaluate.weights)
    )


@asked_of_each_job
def source_of_networks(wildcards):
    """Params function: the user's folder with a part of every model; empty without one."""
    model = EXPERIMENT.model
    return models.source(model.family, plain(model)) or ""


def data_listing(wildcards):
    """Params function: changes with any file of a folder of data, edited in place or not."""
    dataset = plain(EXPERIMENT.dataset)
    return data.listing(data.module(dataset["name"]).files(dataset))


def start_of(wildcards):
    """Params function: where a loop's start from outside lies."""
    return EXPERIMENT.loops[wildcards.loop].start_from


def start_files(wildcards):
    """Input function: what a loop's start from outside is read from."""
    return local(starts.files(start_of(wildcards)))


def refuse_what_is_in_the_way():
    """Another run, and files where folders belong."""
    try:
        store.require_folders(every_artifact())
        runlock.take(EXPERIMENT.experiment)
        if workflow.executor_plugin.name == "slurm":
            submitted.require_none(EXPERIMENT.experiment)
    except UserError as error:
        sys.exit(f"autophagy: {error}")


def dataset_up_to(wildcards):
    """Params function: the data set, without the sizes of the splits cut after this one."""
    dataset = plain(EXPERIMENT.dataset)
    known = SPLITS[: SPLITS.index(wildcards.split) + 1]
    sizes = {name: dataset["splits"][name] if name in known else 0 for name in SPLITS}
    return dataset | {"splits": sizes}


def record_default_experiment():
    """Bring the DVC ledger up to date, where a run of the default experiment has just ended.

    Not in another folder, which has no ledger; not under DVC, which records by itself; not after
    `--touch`, which only makes believe that something ran.
    """
    default = not workflow.overwrite_configfiles and not workflow.config_settings.config
    own_folder = os.path.realpath(workflow.basedir) == os.path.realpath(os.getcwd())
    if default and own_folder and "DVC_ROOT" not in os.environ and not workflow.touch:
        subprocess.run(
            [sys.executable, "-m", "autophagy.cli", "record"], env=LIBRARY, check=False
        )
