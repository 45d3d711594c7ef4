"""The recipe learns, writes a whole folder, and refuses what would make its figures false."""

import csv
import hashlib
import shutil
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from octtutor.core.diagnosis import LABELS
from octtutor.datasets.listing import draw_listing, read_listing, write_listing
from octtutor.datasets.sources import open_source
from octtutor.errors import BadInputError
from octtutor.model.measure.evaluation import evaluate, shared_with_training
from octtutor.model.network.card import read_card
from octtutor.model.network.model_folder import load_network
from octtutor.model.network.preprocess import Preprocessing
from octtutor.model.network.pretrained import BackboneSource
from octtutor.model.network.scan_set import load_scans
from octtutor.model.ood.ood_score import open_ood_detector
from octtutor.model.training.augment import MILD, Augmentation, augment
from octtutor.model.training.feature_cache import FeatureCache
from octtutor.model.training.finetune_training import OneCycle
from octtutor.model.training.loop import Watch
from octtutor.model.training.plan import TrainingPlan, split
from octtutor.model.training.recipes.features import HeadRecipe
from octtutor.model.training.recipes.finetune import Finetune
from octtutor.model.training.train import train
from octtutor.phantom import make
from tests.conftest import MODEL, ROOT, write_scans

SMALL = Finetune(epochs=6, batch=8, augmentation=MILD)
TINY = Finetune(epochs=1, batch=8)
SMALL_INPUT = BackboneSource(size=64)


def listing_of(data: Path) -> list[dict[str, str]]:
    with open_source(data) as members:
        return [
            {
                "sha256": hashlib.sha256(member.read()).hexdigest(),
                "label": str(member.place.label),
                "patient": member.place.patient or "",
                "name": member.name,
            }
            for member in members
        ]


def test_training_writes_a_model_that_has_learned(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=8)
    seen = []
    out = tmp_path / "model"
    card = train(
        TrainingPlan(data, SMALL, BackboneSource(size=96)),
        out,
        watch=Watch(lambda epoch, _: seen.append(epoch)),
    )
    assert seen == [1, 2, 3, 4, 5, 6]
    assert {path.name for path in out.iterdir()} == {
        "card.json",
        "curves.png",
        "familiarity.safetensors",
        "held_out_scans.csv",
        "history.csv",
        "training_scans.csv",
        "weights.safetensors",
    }
    with (out / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    assert float(history[-1]["loss"]) < float(history[0]["loss"])
    network, read = load_network(out)
    assert read == card
    assert network.backbone.input_shape == (None, 96, 96, 3)
    assert card.training_data["files"] + card.split["validation"]["files"] == 32
    gauge = open_ood_detector(out)
    assert gauge is not None
    assert gauge.threshold == card.familiarity["threshold"]
    assert card.familiarity["fitted_on"]["scans"] == card.training_data["files"]
    assert card.familiarity["held_out"]["scans"] == card.split["validation"]["files"]
    assert not card.familiarity["held_out"]["network_knows_them"]
    assert set(card.figures) >= {"accuracy", "accuracy_ci", "weighted_error", "confusion"}
    figures = evaluate(out, data)
    assert figures["leaky"]
    assert figures["overlap_with_training"]["files"] == card.training_data["files"]
    assert figures["accuracy"] > 0.4


def test_the_same_seed_trains_the_same_network(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=3)
    recipe = Finetune(epochs=1, batch=4)
    runs = [
        train(TrainingPlan(data, recipe, SMALL_INPUT), tmp_path / name).figures
        for name in ("a", "b")
    ]
    assert runs[0]["brier"] == pytest.approx(runs[1]["brier"], abs=1e-3)


def test_a_validation_set_with_the_same_patients_is_refused(tmp_path: Path, scans: Path):
    other = write_scans(tmp_path / "val", per_class=1)
    with pytest.raises(BadInputError, match="4 patients and 4 files are in both"):
        train(TrainingPlan(scans, SMALL, val=other), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_scans_of_a_list_are_held_out_with_all_of_their_patients(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=4)
    twin = data / "CNV" / "CNV-1000-2.png"  # a second scan of the first patient
    shutil.copy(data / "CNV" / "CNV-1001-1.png", twin)
    with twin.open("ab") as file:
        file.write(b"another file")
    rows = draw_listing(listing_of(data), 1, seed=0)
    wanted = {row["sha256"] for row in rows if row["patient"] != "1000"}
    wanted |= {row["sha256"] for row in listing_of(data) if row["name"] == "CNV/CNV-1000-1.png"}
    listing = tmp_path / "list.csv"
    write_listing(listing, [row for row in listing_of(data) if row["sha256"] in wanted])
    parts = split(TrainingPlan(data, TINY, hold_out=listing), Preprocessing(32))
    assert set(parts.held.hashes) == wanted
    assert not set(parts.held.patients) & set(parts.training.patients)
    assert "CNV/CNV-1000-2.png" not in parts.training.names + parts.held.names


def test_folds_give_the_cards_figures_and_the_held_out_scans_stand_beside(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=4)
    val = write_scans(tmp_path / "val", per_class=5)
    phases, run = [], tmp_path / "run"
    watch = Watch(on_phase=phases.append, checkpoints=run)
    plan = TrainingPlan(data, TINY, SMALL_INPUT, val=val, leaky=True, folds=2)
    card = train(plan, tmp_path / "model", watch=watch)
    assert phases == ["fold 1 of 2", "fold 2 of 2", "learning what scans look like"]
    assert card.figures["n"] == 16
    assert "2 folds by patient" in card.figures_from
    (beside,) = card.more_figures.values()
    assert beside["n"] == 20
    assert card.split["leaky"] == {"patients": 16, "files": 16, "near": 0}
    assert 0.25 <= card.temperature <= 4
    again = train(plan, tmp_path / "again", watch=replace(watch, on_phase=None))  # all is there
    assert again.figures == card.figures
    assert again.weights_sha256 == card.weights_sha256
    with pytest.raises(BadInputError, match="They have changed since"):
        train(replace(plan, folds=0), tmp_path / "third", watch=watch)


def sourced(folder: Path, *sources: str, per_class: int = 2, apart: bool = True) -> Path:
    """Write a list of scans of several sources; no patient is in two of them where `apart`."""
    rows = []
    for number, source in enumerate(sources):
        place = write_scans(folder / source, per_class, (128 + number, 128))
        for file in sorted(place.rglob("*.png")):
            row = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest(), "file": str(file)}
            patient = f"{source if apart else 'any'}/{file.stem.split('-')[1]}"
            row |= {"label": file.parent.name, "patient": patient, "source": source}
            rows.append(row | {"name": f"{source}/{file.name}"})
    with (folder / "list.csv").open("w", newline="") as text:
        writer = csv.DictWriter(text, ["sha256", "label", "patient", "name", "file", "source"])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "list.csv"


def test_each_source_is_answered_by_a_network_that_never_saw_it(tmp_path: Path):
    data = sourced(tmp_path, "here", "there")
    val = write_scans(tmp_path / "val", per_class=2)
    phases, run = [], tmp_path / "run"
    watch = Watch(on_phase=phases.append, checkpoints=run)
    plan = TrainingPlan(data, TINY, SMALL_INPUT, val=val, leave_source_out=True)
    card = train(plan, tmp_path / "model", watch=watch)
    assert phases[:3] == ["leaving each source out", "fold 1 of 2", "fold 2 of 2"]
    assert {name: figures["n"] for name, figures in card.more_figures.items()} == {
        "here, never trained on": 8,
        "there, never trained on": 8,
    }
    again = train(plan, tmp_path / "again", watch=replace(watch, on_phase=None))  # all is there
    assert again.more_figures == card.more_figures


def test_a_source_that_is_left_out_leaves_its_patients_out_too(tmp_path: Path):
    data = sourced(tmp_path, "here", "there", apart=False)
    val = write_scans(tmp_path / "val")
    with pytest.raises(BadInputError, match="every class without source 'here'"):
        split(TrainingPlan(data, TINY, val=val, leave_source_out=True), Preprocessing(32))


@pytest.mark.parametrize(("sources", "received"), [((), "none that is named"), (("one",), "1")])
def test_a_source_is_left_out_only_where_there_is_another(
    tmp_path: Path, sources: tuple[str, ...], received: str
):
    data = sourced(tmp_path, *sources) if sources else write_scans(tmp_path / "plain", 3)
    val = write_scans(tmp_path / "val")
    with pytest.raises(BadInputError, match=f"two sources or more to leave .* {received}"):
        split(
            TrainingPlan(data, TINY, val=val, leaky=True, leave_source_out=True), Preprocessing(32)
        )


def test_figures_are_told_by_source_where_the_list_names_them(tmp_path: Path):
    figures = evaluate(MODEL, sourced(tmp_path, "here", "there", per_class=1))
    assert {name: own["n"] for name, own in figures["by_source"].items()} == {"here": 4, "there": 4}
    answered = figures["answered"]
    assert (answered["answers_from"], answered["n"]) == (read_card(MODEL).answers_from, 8)
    assert set(answered["by_source"]) == {"here", "there"}
    own = answered["by_source"].values()
    assert sum(row["answered"] for row in own) == answered["answered"]
    right = sum(own["accuracy"] * own["n"] for own in figures["by_source"].values())
    assert right == pytest.approx(figures["accuracy"] * figures["n"])
    plain = evaluate(MODEL, tmp_path / "here")
    assert plain["by_source"] == plain["answered"]["by_source"] == {}


def test_a_table_beside_the_scans_may_name_their_sources(tmp_path: Path):
    folder = write_scans(tmp_path / "scans", per_class=1)
    files = [path.relative_to(folder) for path in sorted(folder.rglob("*.png"))]
    table = [
        "file,label,site",
        *(f"{file},{file.parent},Ward {i % 2}" for i, file in enumerate(files)),
    ]
    (folder / "table.csv").write_text("\n".join(table))
    scans = load_scans(folder, 32)
    assert scans.by_source() == {"Ward 0": [0, 2], "Ward 1": [1, 3]}


def test_of_what_is_none_of_the_diagnoses_it_learns_to_be_unsure(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=4)
    others = write_scans(tmp_path / "others", per_class=2, size=(136, 128))
    (others / "CNV").rename(others / "ERM")
    (others / "DME").rename(others / "RVO")
    shutil.rmtree(others / "DRUSEN")
    shutil.rmtree(others / "NORMAL")
    val = write_scans(tmp_path / "val", per_class=1, size=(144, 128))
    plan = TrainingPlan(data, TINY, SMALL_INPUT, val=val, leaky=True, folds=2, outliers=others)
    card = train(plan, tmp_path / "model")
    found = card.none_of_these
    assert found["files"] == {"ERM": 1, "RVO": 1}  # the others are of patients in val
    assert {kind: row["n"] for kind, row in found["given_one_with_90_percent"].items()} == {
        "ERM": 1,
        "RVO": 1,
        "all": 2,
    }
    assert card.figures["n"] == 16
    labels = [row["label"] for row in read_listing(tmp_path / "model" / "training_scans.csv")]
    assert (len(labels), labels.count("OTHER")) == (16 + 2, 2)
    with pytest.raises(BadInputError, match="'features' does not"):
        train(replace(plan, recipe=HeadRecipe(epochs=1)), tmp_path / "second")


def test_scans_besides_are_learned_from_in_each_fold_and_counted_in_no_figure(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=4, size=(144, 128))
    drawn = tmp_path / "drawn"
    for number, label in enumerate(LABELS):
        (drawn / label).mkdir(parents=True)
        scan = make(label, np.random.default_rng(number), (144, 128)).scan
        cv2.imwrite(str(drawn / label / f"{label}-{9_500_000 + number}-1.png"), scan)
    plan = TrainingPlan(data, TINY, SMALL_INPUT, folds=2, also=drawn)
    card = train(plan, tmp_path / "model")
    measured = 16 - card.split["validation"]["files"]
    assert card.figures["n"] == measured
    assert card.training_data["files"] == measured
    assert card.split["also_learned_from"]["files"] == 4
    listed = read_listing(tmp_path / "model" / "training_scans.csv")
    assert len(listed) == measured + 4
    assert {f"{9_500_000 + n}" for n in range(4)} <= {row["patient"] for row in listed}
    with pytest.raises(BadInputError, match=r"other patients in --also.*16 patients and 16 files"):
        split(replace(plan, also=data), Preprocessing(64))


def test_scans_without_patients_are_grouped_by_what_they_show(tmp_path: Path):
    data = write_scans(tmp_path / "data", 3, (248, 256))
    for path in list(data.rglob("*.png")):
        number = path.stem.split("-")[1]
        scan = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(path.with_name(f"scan {number}.png")), scan)
        cv2.imwrite(str(path.with_name(f"scan {number}b.png")), cv2.add(scan, 1))
        path.unlink()
    parts = split(TrainingPlan(data, TINY), Preprocessing(64))
    assert "24 scans name no patient" in parts.facts["without_patient"]
    for scans in (parts.training, parts.held):
        numbers = [name.split("scan ")[1][:4] for name in scans.names]
        assert all(numbers.count(number) == 2 for number in numbers)


def test_what_the_model_before_knew_the_new_one_knows(tmp_path: Path):
    old, new = write_scans(tmp_path / "old", 2), write_scans(tmp_path / "new", 4)
    for path in list(new.rglob("*.png")):  # the other half, of other patients
        if int(path.stem.split("-")[1]) % 1000 < 2:
            path.unlink()
    first, second = tmp_path / "first", tmp_path / "second"
    cache = FeatureCache(tmp_path / "features", 10**9)
    recipe = HeadRecipe(epochs=1, batch=8)
    train(TrainingPlan(old, recipe, SMALL_INPUT, val=new), first, cache=cache)
    plan = TrainingPlan(new, recipe, BackboneSource(model=first), val=old)
    with pytest.raises(BadInputError, match="8 patients and 8 files are among those it was"):
        train(plan, second, cache=cache)
    assert not second.exists()
    card = train(replace(plan, leaky=True), second, cache=cache)
    assert card.split["leaky_by_start"] == {"patients": 8, "files": 8}
    assert card.training_data["files"] == 8
    assert len(read_listing(second / "training_scans.csv")) == 16
    assert evaluate(second, old)["overlap_with_training"] == {"patients": 8, "files": 8}
    (first / "training_scans.csv").unlink()
    assert evaluate(first, old)["leaky"] is None
    third = train(plan, tmp_path / "third", cache=cache)
    assert "does not say what it was trained on" in third.split["start_not_known"]


def test_patients_who_share_a_file_are_one(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=4)
    for path in list(data.rglob("*.png")):
        number = int(path.stem.split("-")[1])
        shutil.copy(path, path.with_name(f"{path.stem.split('-')[0]}-{number + 500}-1.png"))
    parts = split(TrainingPlan(data, TINY), Preprocessing(32))
    assert len(parts.training.names) + len(parts.held.names) == 32
    assert not set(parts.training.hashes) & set(parts.held.hashes)


def test_scans_without_patients_saved_anew_are_no_validation_set(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=2)
    val = tmp_path / "val"
    for path in list(data.rglob("*.png")):
        scan = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        plain = path.with_name(f"scan {path.stem.split('-')[1]}.png")
        path.rename(plain)
        (val / path.parent.name).mkdir(parents=True, exist_ok=True)
        place = val / path.parent.name / f"{plain.stem}.jpg"
        cv2.imwrite(str(place), scan, [cv2.IMWRITE_JPEG_QUALITY, 100])
    with pytest.raises(BadInputError, match="8 scans of no known patient nearly"):
        split(TrainingPlan(data, TINY, val=val), Preprocessing(64))
    parts = split(TrainingPlan(data, TINY, val=val, leaky=True), Preprocessing(64))
    assert parts.facts["leaky"] == {"patients": 0, "files": 0, "near": 8}


def test_holding_out_a_whole_class_is_refused_before_training(tmp_path: Path):
    data = write_scans(tmp_path / "data", per_class=2)
    listing = tmp_path / "list.csv"
    write_listing(listing, [row for row in listing_of(data) if row["label"] == "CNV"])
    with pytest.raises(BadInputError, match="Received none of CNV"):
        split(TrainingPlan(data, TINY, hold_out=listing), Preprocessing(32))
    with pytest.raises(BadInputError, match="9 patients or more of every class for 9 folds"):
        split(TrainingPlan(data, TINY, folds=9), Preprocessing(32))


def test_a_missing_class_is_named(tmp_path: Path, scans: Path):
    for path in (scans / "DRUSEN").iterdir():
        path.unlink()
    with pytest.raises(BadInputError, match="none of DRUSEN"):
        train(TrainingPlan(scans, SMALL), tmp_path / "model")


def test_one_patient_a_class_cannot_be_split(tmp_path: Path):
    folder = tmp_path / "one"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        source = write_scans(tmp_path / f"x-{label}", per_class=1)
        name = next((source / label).iterdir())
        name.rename(folder / label / f"{label}-1-1.png")
    with pytest.raises(BadInputError, match="All scans of CNV are of one patient"):
        train(TrainingPlan(folder, SMALL), tmp_path / "model")


def test_unreadable_scans_are_left_out_and_named(scans: Path):
    (scans / "CNV" / "CNV-9-9.png").write_bytes(b"broken")
    loaded = load_scans(scans, 64)
    assert len(loaded.names) == 8
    assert loaded.unreadable == ("CNV/CNV-9-9.png",)


def test_no_augmentation_changes_nothing_but_the_side():
    nothing = dict.fromkeys((field.name for field in fields(Augmentation)), 0.0)
    still = Augmentation(**{**nothing, "grain": 1.0, "coarse": 1.0})
    scan = make(LABELS[0], np.random.default_rng(1), (128, 128)).scan
    copies = [augment(scan, np.random.default_rng(seed), still) for seed in range(12)]
    for copy in copies:
        plain = np.abs(copy.astype(int) - scan).mean()
        mirrored = np.abs(copy.astype(int) - scan[:, ::-1]).mean()
        assert min(plain, mirrored) < 1


def test_augmented_copies_differ_and_stay_scans():
    scan = make(LABELS[1], np.random.default_rng(1), (224, 224)).scan
    copies = [augment(scan, np.random.default_rng(seed)) for seed in range(8)]
    assert all(copy.shape == scan.shape and copy.dtype == np.uint8 for copy in copies)
    assert len({copy.tobytes() for copy in copies}) == 8
    assert all(copy.std() > 5 for copy in copies)


def test_the_rate_rises_to_its_peak_and_falls_to_nearly_nothing():
    rate = OneCycle(2e-3, 100, 0.3)
    rates = [float(rate(step)) for step in range(101)]
    assert max(rates) == pytest.approx(2e-3, rel=0.01)
    assert rates.index(max(rates)) in (29, 30, 31)
    assert rates[0] < 2e-4
    assert rates[-1] < 2e-6


@pytest.mark.real_scans
def test_the_shipped_model_reads_the_hundred_whose_patients_it_never_saw(real_scans: Path):
    figures = evaluate(MODEL, real_scans, only=ROOT / "quizzes" / "kermanys-hundred.csv")
    assert figures["n"] == 100
    assert not figures["leaky"]
    assert figures["accuracy"] >= 0.97
    assert figures["weighted_error"] <= 0.048
    assert figures["specificity"] >= 0.96


def test_the_shipped_models_figures_are_from_folds_by_patient():
    card = read_card(MODEL)
    assert "3 folds by patient" in card.figures_from
    assert card.figures["n"] == card.training_data["files"]
    assert card.figures["accuracy"] >= 0.94
    assert card.figures["ece"] <= 0.03
    own = {name.split(",")[0]: figures for name, figures in card.more_figures.items()}
    assert own.keys() > {"oct2017", "oct2017-more", "octdl"}
    assert own["oct2017"]["accuracy"] >= 0.985
    assert own["oct2017"]["weighted_error"] <= 0.02
    assert own["octdl"]["accuracy"] >= 0.93
    assert card.abstention["by_the_other_folds"]["right"] >= 0.975
    hundred = {row["sha256"] for row in read_listing(ROOT / "quizzes" / "kermanys-hundred.csv")}
    patients = {row["patient"] for row in read_listing(ROOT / "quizzes" / "kermanys-hundred.csv")}
    trained = read_listing(MODEL / "training_scans.csv")
    assert len(hundred) == 100
    assert not hundred & {row["sha256"] for row in trained}
    assert not patients & {row["patient"] for row in trained}


@pytest.mark.real_scans
def test_the_training_scans_are_known_as_leaky(real_scans: Path):
    scans = load_scans(real_scans / "train" / "NORMAL", 64)
    assert shared_with_training(MODEL, scans.hashes, scans.patients)["files"] == 130
