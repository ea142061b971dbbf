from dataclasses import replace

import pytest

from strata.inference.plan import Plan, StagePlan
from strata.inference.report.report import (
    answer_markdown,
    comparison_sentence,
    distribution_sentence,
    layer_span,
    layers_markdown,
    markdown_table,
    need_sentence,
    plan_rows,
    plan_sentence,
    run_figures,
    size,
    speculation_sentence,
    speed_rows,
    stage_rows,
)
from strata.inference.run.distribute import DistributionReport, ShardReport
from strata.inference.run.generate import GenerationResult, StageResult

MIB = 1024 * 1024


def plan_for(objective="latency", exact=True, lower_bound=0.03) -> Plan:
    stages = [
        StagePlan(
            node=node,
            first=first,
            last=last,
            weight_bytes=100 * MIB,
            kv_bytes=MIB // 2,
            workspace_bytes=8 * MIB,
            seconds=0.015,
            link_seconds=0.0,
        )
        for node, first, last in [("node-2", 0, 3), ("node-1", 4, 4)]
    ]
    return Plan(
        model="tiny",
        objective=objective,
        context=64,
        batch=2,
        dtype="bfloat16",
        stages=tuple(stages),
        value=MIB if objective == "balance" else 0.03,
        lower_bound=lower_bound,
        exact=exact,
    )


def result_of(seconds_per_token=0.05, token_ids=((1, 2),), text=("Because.",), nodes=2) -> GenerationResult:
    stage = StageResult("node-1", (0, 3), 300 * MIB, 100 * MIB, 150 * MIB, MIB, 2048, 512)
    return GenerationResult(
        token_ids=[list(row) for row in token_ids],
        text=list(text),
        stages=[stage] * nodes,
        prompt_tokens=3,
        tokens=sum(map(len, token_ids)),
        seconds_to_first_token=0.25,
        seconds_per_token=seconds_per_token,
    )


def test_a_plan_row_says_what_a_node_needs():
    first, second = plan_rows(plan_for())
    assert first == {
        "node": "node-2",
        "layers": "0-3",
        "weights": "100.0 MiB",
        "KV cache": "512.0 KiB",
        "workspace": "8.0 MiB",
        "memory": "140.5 MiB",
        "a token": "15.0 ms",
    }
    assert second["layers"] == "4"
    assert plan_rows(plan_for("balance", lower_bound=0.0))[0]["a token"] == "not measured"


@pytest.mark.parametrize(
    ("plan", "claim"),
    [
        (plan_for(), "a token takes 30.0 ms, and no other placement is faster."),
        (
            plan_for("throughput", exact=False, lower_bound=0.02),
            "stage or link takes 30.0 ms; no placement can be under",
        ),
        (plan_for("balance"), "the largest stage holds 1.0 MiB."),
    ],
)
def test_a_plan_claims_no_more_than_it_proved(plan, claim):
    assert claim in plan_sentence(plan)


def test_the_need_stands_beside_the_budget():
    assert need_sentence(plan_for(), 128 * MIB) == (
        "tiny in bfloat16: 200.0 MiB of weights on 2 nodes, each with 128.0 MiB to use."
    )
    assert need_sentence(plan_for(), None).endswith("2 nodes.")


def test_the_layers_are_a_picture_with_the_claim_below():
    image, claim = layers_markdown(plan_for()).strip().split("\n\n")
    assert image.startswith("![Which node holds which layers](data:image/svg+xml;base64,")
    assert claim == plan_sentence(plan_for())


def test_a_distribution_tells_what_was_sent_from_what_was_there():
    def shard(sent, skipped, seconds):
        return ShardReport("node", (0, 1), sent, skipped, seconds)

    both = DistributionReport((shard(3 * MIB, 0, 1.0), shard(0, 2 * MIB, 2.5)))
    assert distribution_sentence(both) == "3.0 MiB sent; 2.0 MiB were there already; loaded after 2.5 s."
    assert distribution_sentence(DistributionReport((shard(0, MIB, 0.1),))).startswith("Nothing sent; 1.0 MiB were")
    assert "already" not in distribution_sentence(DistributionReport((shard(MIB, 0, 0.1),)))


def test_a_stage_row_separates_the_model_from_the_runtime():
    row = stage_rows(result_of())[0]
    assert (row["peak memory"], row["above an empty node"]) == ("300.0 MiB", "200.0 MiB")
    assert (row["received"], row["sent"]) == ("0.5 KiB", "2.0 KiB")


def test_a_run_in_one_process_is_not_called_encrypted():
    alone = StageResult("this process", (0, 3), 300, 100, 150, 10, 0, 0)
    assert speed_rows(replace(result_of(), stages=[alone]), None)[0]["where"] == "this process"


def test_speeds_stand_side_by_side():
    ours, alone = speed_rows(result_of(), result_of(seconds_per_token=0.1))
    assert (ours["where"], ours["a token"], ours["tokens a second"]) == ("2 nodes, encrypted", "50.0 ms", "20.0")
    assert alone["tokens a second"] == "10.0"
    assert len(speed_rows(result_of(), None)) == 1
    assert speed_rows(result_of(seconds_per_token=0.0), None)[0]["tokens a second"] == "-"


@pytest.mark.parametrize(
    ("ours", "alone", "sentence"),
    [
        (0.05, 0.1, "a token takes 0.50 times as long over the nodes, with the same tokens"),
        (0.1, 0.05, "a token takes 2.00 times as long over the nodes, with the same tokens"),
        (0.0, 0.0, "2 nodes and one process: with the same tokens"),
    ],
)
def test_the_comparison_is_told_both_ways(ours, alone, sentence):
    assert sentence in comparison_sentence(result_of(ours), result_of(alone))


def test_different_tokens_are_not_hidden():
    assert "different tokens" in comparison_sentence(result_of(), result_of(token_ids=((1, 3),)))


def test_an_answer_holds_every_prompt_and_both_tables():
    batch = result_of(token_ids=((1,), (2,)), text=("One.", " Two. "))
    text = answer_markdown(["first *bold*\nline", "second"], batch, result_of())
    assert "**first \\*bold\\* line**\n\nOne." in text
    assert "**second**\n\nTwo." in text
    assert text.count("| --- |") >= 2
    assert "different tokens" in text


def test_guesses_are_told_where_there_were_any():
    guessed = replace(result_of(), drafted=40, accepted=30)
    assert speculation_sentence(guessed) == "40 tokens guessed ahead, of which 30 were right (75%)."
    assert speculation_sentence(guessed) in answer_markdown(["Why?"], guessed, None)
    assert {"drafted": 40, "accepted": 30}.items() <= run_figures(guessed, None).items()
    assert "guessed" not in answer_markdown(["Why?"], result_of(), None)


def test_figures_are_numbers_to_keep():
    assert run_figures(result_of(), None) == {
        "nodes": 2, "tokens": 2, "seconds_to_first_token": 0.25, "seconds_per_token": 0.05, "recoveries": 0
    }  # fmt: skip
    assert run_figures(result_of(), result_of(0.2))["seconds_per_token_in_one_process"] == 0.2


def test_small_things():
    assert markdown_table([]) == ""
    assert markdown_table([{"a": "x|y"}]) == "| a |\n| --- |\n| x\\|y |"
    assert (size(1023), size(MIB), layer_span(2, 2), layer_span(2, 5)) == ("1.0 KiB", "1.0 MiB", "2", "2-5")


def test_several_answers_are_compared_by_the_time_until_the_last_has_ended():
    rows, text = ((1, 2), (3, 4)), ("One.", "Two.")
    ours = replace(result_of(token_ids=rows, text=text), tokens=4, seconds=0.5)
    alone = replace(result_of(0.1, token_ids=rows, text=text), tokens=4, seconds=1.0)
    assert [row["tokens a second"] for row in speed_rows(ours, alone)] == ["8.0", "4.0"]
    expected = (
        "2 nodes and one process: all answers together take 0.50 times as long over the nodes, with the same tokens"
    )
    assert comparison_sentence(ours, alone) == expected
