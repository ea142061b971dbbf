"""Tasks of lm-eval as items: what its own requests ask and its own judgement takes for right."""

import json
from pathlib import Path
from typing import Any

import pytest

from strata.evolution.suites import BadSuite, harness_items, read_suites, write_items

pytest.importorskip("lm_eval", reason="NOT TESTED: lm-eval is not installed: pip install 'strata[harness]'")

DOCS = [
    {"question": f"{a} plus {b} is", "options": [str(a + b + 1), str(a + b), str(a * b + 7)], "answer": 1, "sum": a + b}
    for a in range(2, 5)
    for b in range(5, 9)
]
CHOICE = {
    "output_type": "multiple_choice", "description": "Sums.\n", "doc_to_text": "Q: {{question}}",
    "doc_to_target": "answer", "doc_to_choice": "options", "metric_list": [{"metric": "acc"}],
}  # fmt: skip
WRITE = {
    "output_type": "generate_until", "doc_to_text": "Q: {{question}}", "doc_to_target": "{{sum}}",
    "generation_kwargs": {"until": [";", "Q:"]}, "metric_list": [{"metric": "exact_match"}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))


def add(folder: Path, name: str, task: dict[str, Any], docs: list[dict[str, Any]] = DOCS, **fields: Any) -> None:
    """A task file beside its data; YAML takes JSON."""
    for split in ("test", "train"):
        (folder / f"{name}.{split}.jsonl").write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    data = {split: str(folder / f"{name}.{split}.jsonl") for split in ("test", "train")}
    common = {"task": name, "dataset_path": "json", "dataset_kwargs": {"data_files": data}, "test_split": "test"}
    (folder / f"{name}.yaml").write_text(json.dumps(common | {"fewshot_split": "train"} | task | fields))


def requests(folder: Path, name: str, shots: int) -> list[list[tuple[str, Any]]]:
    """What lm_eval itself would ask the model, question by question."""
    from lm_eval.tasks import TaskManager

    task = TaskManager(include_path=folder, include_defaults=False).load(name)["tasks"][name]
    task.set_fewshot_seed(1234)
    task.set_config("num_fewshot", shots)
    task.build_all_requests()
    found: dict[int, list[tuple[str, Any]]] = {}
    for instance in task.instances:
        found.setdefault(instance.doc_id, []).append(instance.arguments)
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("shots", [0, 2])
@pytest.mark.parametrize("prefix", [None, "A:"])
def test_choices_are_what_lm_eval_asks(tmp_path: Path, shots: int, prefix: str | None):
    add(tmp_path, "sums", CHOICE, gen_prefix=prefix)
    items = harness_items("sums", "math", shots, tmp_path)
    asked = requests(tmp_path, "sums", shots)
    assert [[(item.prompt, choice) for choice in item.choices] for item in items] == asked
    assert all(item.prompt.startswith("Sums.\nQ: ") for item in items)
    assert all(item.prompt.endswith("A:") == bool(prefix) for item in items)
    assert {item.answer for item in items} == {1}
    assert harness_items("sums", "math", shots, tmp_path) == items


def test_texts_are_what_lm_eval_asks(tmp_path: Path):
    add(tmp_path, "write", WRITE)
    items = harness_items("write", "math", include=tmp_path)
    assert [item.prompt for item in items] == [prompt for ((prompt, _),) in requests(tmp_path, "write", 0)]
    assert [item.target for item in items] == [str(doc["sum"]) for doc in DOCS]
    assert {item.stop for item in items} == {";"}


def test_a_target_may_be_the_right_choice_itself(tmp_path: Path):
    docs = [doc | {"answer": doc["options"][2]} for doc in DOCS]
    add(tmp_path, "named", CHOICE, docs)
    assert {item.answer for item in harness_items("named", "math", include=tmp_path)} == {2}
    add(tmp_path, "chosen", WRITE | {"doc_to_choice": "options", "doc_to_target": "answer"})
    found = harness_items("chosen", "math", include=tmp_path)
    assert [item.target for item in found] == [doc["options"][1] for doc in DOCS]


def test_items_go_through_a_file_and_what_is_asked_twice_is_there_once(tmp_path: Path):
    add(tmp_path, "sums", CHOICE, DOCS + DOCS)
    items = harness_items("sums", "math", include=tmp_path)
    assert len(items) == len(DOCS)
    write_items(tmp_path / "sums.jsonl", items)
    (suite,) = read_suites(tmp_path / "sums.jsonl")
    assert suite.domain == "math"


def test_a_group_is_all_its_tasks(tmp_path: Path):
    add(tmp_path, "sums", CHOICE)
    add(tmp_path, "write", WRITE, doc_to_text="{{question}}:")
    (tmp_path / "both.yaml").write_text(json.dumps({"group": "both", "task": ["sums", "write"]}))
    items = harness_items("both", "math", include=tmp_path)
    assert {item.cluster for item in items} == {"sums", "write"}
    assert len(items) == 2 * len(DOCS)


@pytest.mark.parametrize(
    ("task", "docs", "reason"),
    [
        (CHOICE | {"output_type": "loglikelihood"}, DOCS, "is of kind loglikelihood"),
        (CHOICE | {"doc_to_target": "{{[0, 1]}}"}, DOCS, "several right answers"),
        (
            CHOICE | {"doc_to_text": "answer", "doc_to_target": "question"},
            DOCS,
            "choices of task bad are in its prompts",
        ),
        (CHOICE, [DOCS[0], DOCS[1] | {"answer": 3}], "answer is the number of the right choice"),
        (
            CHOICE,
            [doc | {"answer": str(min(doc["sum"], 9))} for doc in DOCS],
            "answer is the number of the right choice",
        ),
        (CHOICE, [doc | {"options": ["1", "1"]} for doc in DOCS], "texts that differ"),
        (WRITE | {"metric_list": [{"metric": "bleu"}]}, DOCS, "by bleu, not by exact_match"),
        (
            WRITE | {"filter_list": [{"name": "n", "filter": [{"function": "regex", "regex_pattern": "(\\d+)"}]}]},
            DOCS,
            r"takes answers apart \(regex\)",
        ),
        (WRITE | {"dataset_kwargs": {"data_files": {"test": "/nowhere.jsonl"}}}, DOCS, "cannot load task 'bad'"),
    ],
)
def test_what_cannot_be_judged_the_same_is_refused(tmp_path: Path, task, docs, reason: str):
    add(tmp_path, "bad", task, docs)
    with pytest.raises(BadSuite, match=reason):
        harness_items("bad", "math", include=tmp_path)


def test_an_unknown_task_is_named(tmp_path: Path):
    with pytest.raises(BadSuite, match="has no task 'no_such_task'"):
        harness_items("no_such_task", "math", include=tmp_path)
