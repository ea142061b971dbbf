"""Items of lm-evaluation-harness (the extra `harness`), by the task's name.

Written against the interface of lm_eval 0.4.9's `ConfigurableTask` (`eval_docs`, `fewshot_context`, `doc_to_choice`,
`doc_to_target`, `config`). Where a task is not local, lm_eval fetches its data.
"""

import hashlib
from typing import Any

from strata.evolution.suites.item import BadSuite, Item

MOST_ITEMS = 100_000


def harness_items(task: str, domain: str, shots: int = 0) -> tuple[Item, ...]:
    """All items of a task of one right choice or of one text to write. Raises BadSuite for others.

    Write them to a file (`write_items`), and `read_suites` draws from it without overlap.
    """
    try:
        from lm_eval.tasks import get_task_dict
    except ImportError as error:
        raise BadSuite("lm-eval is not installed: pip install 'strata[harness]'") from error
    try:
        found = get_task_dict([task])[task]
    except KeyError as error:
        raise BadSuite(f"lm-eval has no task {task!r:.80}, or it is a group of tasks") from error
    kind = found.config.output_type
    if kind not in ("multiple_choice", "generate_until"):
        raise BadSuite(f"task {task} is of kind {kind}; only multiple_choice and generate_until can be scored")
    items: dict[str, Item] = {}
    for doc in found.eval_docs:
        prompt = str(found.fewshot_context(doc, shots))
        mark = hashlib.sha256(prompt.encode()).hexdigest()[:16]
        common = {"id": f"{task}-{mark}", "domain": domain, "prompt": prompt, "cluster": task}
        # A task may ask the same twice; once is enough.
        items.setdefault(
            prompt, _choice(found, doc, common) if kind == "multiple_choice" else _text(found, doc, common)
        )
        if len(items) > MOST_ITEMS:
            raise BadSuite(f"task {task} has more than {MOST_ITEMS} items")
    return tuple(items.values())


def _choice(task: Any, doc: Any, common: dict[str, Any]) -> Item:
    between = str(task.config.target_delimiter)
    choices = tuple(between + str(choice) for choice in task.doc_to_choice(doc))
    return Item(**common, scoring="choice", choices=choices, answer=int(task.doc_to_target(doc)))


def _text(task: Any, doc: Any, common: dict[str, Any]) -> Item:
    until = (task.config.generation_kwargs or {}).get("until") or ["\n"]
    stop = until if isinstance(until, str) else str(until[0])
    return Item(**common, scoring="exact", target=str(task.doc_to_target(doc)), stop=stop)
