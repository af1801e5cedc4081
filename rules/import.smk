# Needs: a checkpoint or pictures of the user's, where `start_from` is a path; real/loop, for the
# form of its pictures.
# Makes: imported/<loop>/model, the loop's G^1; or imported/<loop>/samples and preview, its S^1.
IMPORTED_MODEL = f"{starts.IMPORTED}/{{loop}}/model"
IMPORTED_SAMPLES = f"{starts.IMPORTED}/{{loop}}/samples"
IMPORTED_PREVIEW = f"{starts.IMPORTED}/{{loop}}/preview"


rule import_model:
    input:
        files=start_files,
        manifests=parents_of(IMPORTED_MODEL),
    output:
        model=directory(f"{ROOT}/{IMPORTED_MODEL}"),
        manifest=f"{ROOT}/{IMPORTED_MODEL}.manifest.json",
    log:
        f"{LOGS}/{starts.IMPORTED}/{{loop}}/import_model.log",
    benchmark:
        f"{BENCHMARKS}/{starts.IMPORTED}/{{loop}}/import_model.tsv"
    conda:
        ENVIRONMENT
    threads: EXPERIMENT.threads
    resources:
        mem_mb=2000,
        gpu=GPU,
    params:
        root=root_of,
        records=records_of(IMPORTED_MODEL),
        source=start_of,
    script:
        "../workflow/scripts/import_model.py"


rule import_pictures:
    input:
        files=start_files,
        manifests=parents_of(IMPORTED_SAMPLES),
    output:
        samples=directory(f"{ROOT}/{IMPORTED_SAMPLES}"),
        preview=directory(f"{ROOT}/{IMPORTED_PREVIEW}"),
        manifests=[
            f"{ROOT}/{IMPORTED_SAMPLES}.manifest.json",
            f"{ROOT}/{IMPORTED_PREVIEW}.manifest.json",
        ],
    log:
        f"{LOGS}/{starts.IMPORTED}/{{loop}}/import_pictures.log",
    benchmark:
        f"{BENCHMARKS}/{starts.IMPORTED}/{{loop}}/import_pictures.tsv"
    conda:
        ENVIRONMENT
    resources:
        mem_mb=2000,
    params:
        root=root_of,
        records=records_of(IMPORTED_SAMPLES, IMPORTED_PREVIEW),
        source=start_of,
    script:
        "../workflow/scripts/import_pictures.py"
