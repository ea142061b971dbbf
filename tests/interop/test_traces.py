"""One trace from a prompt to every stage, over real node processes and a real collector; and none of it matters."""

from pathlib import Path

import pytest

from strata.inference import GenerationParams, LocalCluster, Request, answer
from strata.settings import Settings
from tests.benchmarks.support.otlp import Collector, Got
from tests.support.nodes import LAYERS, tiny_llama, tiny_tokenizer

NEW = 12
PROMPT = "tell me a story"
OF_A_NODE = ("stage", "prefill", "decoding", "batching wait")
OF_US = ("answer", "plan", "distribute", "generate", "first token", "prompt")


def _is_all(found: list[Got]) -> bool:
    names = [each.name for each in found]
    return all(names.count(name) >= 2 for name in OF_A_NODE) and set(OF_US) <= set(names)


def test_one_trace_from_the_prompt_to_every_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(tmp_path / "model")
    tiny_tokenizer(tmp_path / "model")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT", "false")
    monkeypatch.delenv("TRACEPARENT", raising=False)
    collector = Collector()
    with collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        with LocalCluster(tmp_path / "home", 2, threads=1) as cluster:
            params = GenerationParams(max_new_tokens=NEW, chat=False)
            request = Request(
                model=str(tmp_path / "model"),
                prompts=(PROMPT,),
                params=params,
                mesh=cluster.mesh_file,
                identity=cluster.identity_file,
            )
            settings = Settings(STRATA_HOME=tmp_path / "home")
            traced = answer(request, settings)
            found = collector.wait(_is_all)
            collector.stop()
            untraced = answer(request, settings)  # the collector is gone, which the nodes and we see only now
            monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT")
            alone = answer(request, Settings(STRATA_HOME=tmp_path / "home"))
    assert traced.result.token_ids == untraced.result.token_ids == alone.result.token_ids
    _look_at(found)


def _look_at(found: list[Got]) -> None:
    assert len({each.trace for each in found}) == 1
    ours = {each.name: each for each in found if each.service == "strata"}
    assert set(ours) == set(OF_US)
    parents = {name: next((o.name for o in ours.values() if o.id == each.parent), "") for name, each in ours.items()}
    assert parents == {
        "answer": "", "plan": "answer", "distribute": "answer", "generate": "answer", "first token": "generate",
        "prompt": "generate",
    }  # fmt: skip
    assert ours["answer"].parent == ""
    assert ours["generate"].attributes["strata.tokens"] == NEW
    assert ours["distribute"].attributes["strata.bytes_sent"] > 0
    layers = []
    for node in ("node-1", "node-2"):
        stage, prefill, decoding, wait = (
            next(each for each in found if (each.node, each.name) == (node, name)) for name in OF_A_NODE
        )
        assert stage.parent == ours["generate"].id
        assert {each.parent for each in (prefill, decoding, wait)} == {stage.id}
        assert ours["generate"].began <= stage.began <= prefill.began < prefill.ended <= decoding.began
        assert decoding.ended <= stage.ended
        assert (prefill.attributes["strata.steps"], prefill.attributes["strata.tokens"]) == (1, 4)
        assert decoding.attributes["strata.steps"] == decoding.attributes["strata.tokens"] == NEW - 1
        assert 0 < decoding.attributes["strata.busy_seconds"] < (decoding.ended - decoding.began) / 1e9
        assert wait.attributes["strata.steps"] == NEW
        assert 0 <= wait.attributes["strata.longest_seconds"] <= wait.attributes["strata.waited_seconds"]
        layers += [stage.attributes["strata.layers"]]
    assert sorted(layers)[0][0] == 0
    assert sorted(layers)[-1][1] == LAYERS - 1
    said = repr([each.attributes for each in found])
    assert not [word for word in PROMPT.split() if len(word) > 3 and word in said]
    assert not [each for each in found if each.failed]
