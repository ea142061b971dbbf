"""Items of lm-evaluation-harness (the extra `harness`), by the task's name.

Verified with lm_eval 0.4.13 (`TaskManager.load`; `eval_docs`, `fewshot_context`, `doc_to_choice`, `doc_to_target`,
`doc_to_prefix` and `config` of `ConfigurableTask`), against which a small model's scores are the same item by item, by
choices and written. Where a task is not local, lm_eval fetches its data.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strata.evolution.suites.item import BadSuite, Item

MOST_ITEMS = 100_000
SEED = 1234  # of the examples that are shown, as lm_eval's own command has it


def harness_items(task: str, domain: str, shots: int = 0, include: Path | None = None) -> tuple[Item, ...]:
    """All items of a task, or of the tasks of a group, of one right choice or of one text to write.

    Choices are judged as by lm_eval's `acc`: their likelihoods are not divided by their lengths. A text must be the
    target, up to the first of the task's stop texts; tasks that take it apart first, or judge it otherwise, are
    refused. include: folder of task files (YAML) of one's own, which are then the only ones; they may name Python
    functions, which lm_eval calls.

    Write the items to a file (`write_items`), and `read_suites` draws from it without overlap. Raises BadSuite.
    """
    items: dict[str, Item] = {}
    for name, found in _load(task, include).items():
        _check(name, found)
        found.set_fewshot_seed(SEED)
        for doc in found.eval_docs:
            item = _item(name, domain, found, doc, shots)
            # A task may ask the same twice; once is enough.
            items.setdefault(item.prompt, item)
            if len(items) > MOST_ITEMS:
                raise BadSuite(f"task {task} has more than {MOST_ITEMS} items")
    return tuple(items.values())


def _load(task: str, include: Path | None) -> Mapping[str, Any]:
    try:
        from lm_eval.tasks import TaskManager
    except ImportError as error:
        raise BadSuite("lm-eval is not installed: pip install 'strata[harness]'") from error
    try:
        tasks: Mapping[str, Any] = TaskManager(include_path=include, include_defaults=include is None).load(task)[
            "tasks"
        ]
    except KeyError as error:
        raise BadSuite(f"lm-eval has no task {task!r:.80}") from error
    except Exception as error:  # what a task's own code and the fetching of its data raise
        raise BadSuite(f"lm-eval cannot load task {task!r:.80}: {error}") from error
    return tasks


def _check(name: str, task: Any) -> None:
    """Raise BadSuite for a task whose answers `Item` cannot judge."""
    config = task.config
    if config.output_type not in ("multiple_choice", "generate_until"):
        raise BadSuite(
            f"task {name} is of kind {config.output_type}; only multiple_choice and generate_until can be scored"
        )
    if callable(config.process_results):
        raise BadSuite(f"task {name} judges answers by code of its own")
    if task.multiple_input:
        raise BadSuite(f"the choices of task {name} are in its prompts")
    if config.output_type == "generate_until":
        metrics = [metric.get("metric") for metric in config.metric_list or ()]
        if "exact_match" not in metrics:
            raise BadSuite(f"task {name} judges answers by {', '.join(map(str, metrics))}, not by exact_match")
        steps = [step.get("function") for each in config.filter_list or () for step in each.get("filter", ())]
        if set(steps) - {"take_first"}:
            raise BadSuite(f"task {name} takes answers apart ({', '.join(map(str, steps))}) before they are judged")


def _item(name: str, domain: str, task: Any, doc: Any, shots: int) -> Item:
    prompt = str(task.fewshot_context(doc, shots, gen_prefix=task.doc_to_prefix(doc)))
    mark = hashlib.sha256(prompt.encode()).hexdigest()[:16]
    common: dict[str, Any] = {"id": f"{name}-{mark}", "domain": domain, "prompt": prompt, "cluster": name}
    target = task.doc_to_target(doc)
    options: list[Any] = [] if task.config.doc_to_choice is None else list(task.doc_to_choice(doc))
    if isinstance(target, list):
        raise BadSuite(f"task {name} has a question with several right answers")
    if task.config.output_type == "generate_until":
        text = options[target] if options else target
        return Item(**common, scoring="exact", target=str(text), stop=_stop(task))
    if isinstance(target, str) and target in options:
        target = options.index(target)
    between = str(task.config.target_delimiter)
    choices = tuple(between + str(option) for option in options)
    return Item(**common, scoring="choice", choices=choices, answer=target)


def _stop(task: Any) -> str:
    until = (task.config.generation_kwargs or {}).get("until") or ["\n"]
    return until if isinstance(until, str) else str(until[0])
