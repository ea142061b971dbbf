"""Histories: possible ones are learned from, each kind of impossible record is found and left out."""

import copy
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.history import (
    FITNESS_WEIGHTS,
    BadHistory,
    Reason,
    Scores,
    Timeline,
    TopModel,
    check,
    fitness,
    gains,
    rank,
    read_history,
    reading,
    write_timeline,
)
from tests.unit.evolution.history import runs


def checked(tmp_path, fields):
    path = tmp_path / "history.json"
    path.write_text(json.dumps(fields))
    return read_history(path)


@pytest.mark.parametrize("seed", range(20))
def test_a_possible_run_has_no_findings_and_all_of_it_is_learned_from(tmp_path, seed):
    history = checked(tmp_path, runs.run(seed))
    assert history.findings == ()
    assert len(history.sound) == 48
    learned = gains(history)
    assert set(learned) <= {"slerp", "ties", "dare_ties"}
    assert sum(map(len, learned.values())) == 44


def test_gains_are_over_the_best_parent(tmp_path):
    fields = runs.run(generations=2, children=3)
    first, second = fields["evolution_timeline"]
    by_name = {model["name"]: model for model in first["top_models"]}
    child = second["top_models"][0]
    child["technique"] = "Della Linear"
    best = max(by_name[name]["fitness"] for name in child["parents"])
    assert gains(checked(tmp_path, fields))["della_linear"] == (pytest.approx(child["fitness"] - best, abs=2e-4),)


def model(fields, generation=4, position=1):
    return fields["evolution_timeline"][generation]["top_models"][position]


def rescored(target, scores):
    target["scores"] = dict(scores)
    target["fitness"] = runs.fitness(scores)


def parent_of(fields, child):
    every = [m for generation in fields["evolution_timeline"] for m in generation["top_models"]]
    return next(m for m in every if m["name"] == child["parents"][0])


def copied(fields):
    rescored(model(fields), parent_of(fields, model(fields))["scores"])


def shared(fields):
    rescored(model(fields), model(fields, 8)["scores"])


def unknown(fields):
    model(fields)["parents"] = ["nobody"]


def young(fields):
    model(fields)["parents"] = [model(fields, 9)["name"]]


def own_parent(fields):
    model(fields)["parents"] = [model(fields)["name"]]


def wrong_fitness(fields):
    model(fields)["fitness"] += 0.01


def outside(fields):
    model(fields)["scores"]["math"] = 1.2


def malformed(fields):
    model(fields)["scores"]["math"] = "good"


def missing(fields):
    del model(fields)["scores"]["language"]


def born_later(fields):
    model(fields)["generation"] = 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (copied, Reason.COPIED_SCORES),
        (unknown, Reason.UNKNOWN_PARENT),
        (young, Reason.PARENT_TOO_YOUNG),
        (own_parent, Reason.PARENT_TOO_YOUNG),
        (wrong_fitness, Reason.WRONG_FITNESS),
        (outside, Reason.SCORE_OUT_OF_RANGE),
        (malformed, Reason.MALFORMED),
        (missing, Reason.MALFORMED),
        (born_later, Reason.BORN_LATER),
    ],
)
def test_an_impossible_model_is_found_and_left_out(tmp_path, change, reason):
    fields = runs.run()
    name = model(fields)["name"]
    change(fields)
    history = checked(tmp_path, fields)
    assert (reason, 4, name) in {(finding.reason, finding.index, finding.model) for finding in history.findings}
    names = {found.name for found in history.sound}
    assert name not in names
    assert len(names) >= 45  # that one, and none that has nothing to do with it
    assert all(str(finding) for finding in history.findings)


def test_of_two_models_with_the_same_scores_the_later_one_is_left_out(tmp_path):
    fields = runs.run()
    shared(fields)
    history = checked(tmp_path, fields)
    found = [(finding.index, finding.model) for finding in history.findings if finding.reason == Reason.SHARED_SCORES]
    assert found == [(8, model(fields, 8)["name"])]
    assert model(fields)["name"] in {found.name for found in history.sound}


def stamp(fields, index, change):
    fields["evolution_timeline"][index]["timestamp"] += change


def number(fields, index, value):
    fields["evolution_timeline"][index]["generation"] = value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda fields: stamp(fields, 4, -29.99), Reason.TOO_FAST),
        (lambda fields: stamp(fields, 4, -40), Reason.TIME_RUNS_BACK),
        (lambda fields: number(fields, 4, 3), Reason.OUT_OF_ORDER),
        (lambda fields: fields["evolution_timeline"][4].update(population_size=2), Reason.POPULATION_TOO_SMALL),
        (lambda fields: fields["evolution_timeline"][4].update(timestamp="soon"), Reason.MALFORMED),
        (lambda fields: fields["evolution_timeline"][4].update(top_models=7), Reason.MALFORMED),
    ],
)
def test_an_impossible_generation_is_found_and_left_out(tmp_path, change, reason):
    fields = runs.run()
    names = {entry["name"] for entry in fields["evolution_timeline"][4]["top_models"]}
    change(fields)
    history = checked(tmp_path, fields)
    assert (reason, 4, None) in {(finding.reason, finding.index, finding.model) for finding in history.findings}
    assert not names & {found.name for found in history.sound}


def test_a_run_of_milliseconds_teaches_nothing(tmp_path):
    history = checked(tmp_path, runs.run(generations=21, seconds=0.0005))
    assert [finding.index for finding in history.findings if finding.reason == Reason.TOO_FAST] == [1, 0, *range(2, 21)]
    assert history.sound == ()
    assert gains(history) == {}


def test_a_best_fitness_that_never_falls_discredits_the_file(tmp_path):
    fields = runs.run()
    for generation in fields["evolution_timeline"]:
        best = generation["top_models"][0]
        rescored(best, {domain: score + 0.03 * generation["generation"] for domain, score in best["scores"].items()})
        for entry in generation["top_models"]:
            rescored(entry, {domain: min(1.0, max(0.0, score)) for domain, score in entry["scores"].items()})
        rescored(best, dict.fromkeys(runs.DOMAINS, 0.6 + 0.02 * generation["generation"]))
    history = checked(tmp_path, fields)
    assert Reason.NEVER_FALLS in {finding.reason for finding in history.findings}
    assert history.sound == ()
    short = fields | {"evolution_timeline": fields["evolution_timeline"][:5], "total_generations": 5}
    assert Reason.NEVER_FALLS not in {finding.reason for finding in checked(tmp_path, short).findings}


def test_a_champion_that_lives_on_is_no_sign_of_anything(tmp_path):
    fields = runs.run()
    champion = dict(model(fields, 0, 0), rank=1)
    rescored(champion, dict.fromkeys(runs.DOMAINS, 0.95))
    fields["evolution_timeline"][0]["top_models"][0] = champion
    for generation in fields["evolution_timeline"][1:]:
        generation["top_models"].insert(0, champion)
        generation["population_size"] += 1
        for place, entry in enumerate(generation["top_models"], start=1):
            entry["rank"] = place
    assert checked(tmp_path, fields).findings == ()


def test_wrong_counts_and_ranks_are_told_and_cost_nothing(tmp_path):
    fields = runs.run() | {"total_generations": 99, "unique_models_tracked": 1}
    model(fields, 3, 0)["rank"] = 9
    history = checked(tmp_path, fields)
    assert {finding.reason for finding in history.findings} == {Reason.WRONG_COUNT, Reason.WRONG_RANK}
    assert len(history.sound) == 48


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "{}", '{"evolution_timeline": {}}', "[" * 100_000, '{"evolution_timeline": [], "x": NaN}'],
)
def test_what_is_no_history_is_an_error(tmp_path, text):
    path = tmp_path / "history.json"
    path.write_text(text)
    with pytest.raises(BadHistory):
        read_history(path)


def test_files_that_cannot_be_read_or_are_too_large_are_errors(tmp_path, monkeypatch):
    with pytest.raises(BadHistory, match="cannot read"):
        read_history(tmp_path / "none.json")
    path = tmp_path / "history.json"
    path.write_text(" " * (2 << 20))
    monkeypatch.setattr(reading, "MOST_BYTES", 1 << 20)
    with pytest.raises(BadHistory, match="more than 1 MiB"):
        read_history(path)


def test_more_records_than_are_read_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_GENERATIONS", 3)
    history = checked(tmp_path, runs.run())
    assert Reason.TOO_MANY in {finding.reason for finding in history.findings}
    assert len(history.timeline.evolution_timeline) == 3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_value_anywhere_gives_findings_and_no_fault(tmp_path_factory, data):
    fields = runs.run(generations=3, children=2)
    for _ in range(data.draw(st.integers(1, 3))):
        place = fields
        while isinstance(place, dict | list) and place:
            at = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if not isinstance(place[at], dict | list) or data.draw(st.booleans()):
                place[at] = copy.deepcopy(data.draw(json_values))
                break
            place = place[at]
    try:
        history = checked(tmp_path_factory.mktemp("fuzz"), fields)
    except BadHistory:
        return
    gains(history)


scores = st.builds(Scores, **{domain: st.floats(0, 1) for domain in runs.DOMAINS})


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(scores, min_size=1, max_size=12), min_size=1, max_size=4))
def test_what_is_written_is_read_again(tmp_path_factory, everything):
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    generations = [
        rank(
            number,
            begun + timedelta(minutes=number),
            [
                TopModel(name=f"{number}-{i}", scores=given, fitness=given.fitness, generation=number, technique="ties")
                for i, given in enumerate(row)
            ],
        )
        for number, row in enumerate(everything)
    ]
    timeline = Timeline(evolution_timeline=tuple(generations))
    path = tmp_path_factory.mktemp("written") / "history.json"
    write_timeline(path, timeline)
    history = read_history(path)
    assert history.timeline == timeline
    assert {finding.reason for finding in history.findings} <= {Reason.SHARED_SCORES}
    for row, generation in zip(everything, generations, strict=True):
        fittest = [m.fitness for m in generation.top_models]
        assert fittest == sorted((one.fitness for one in row), reverse=True)[:10]
        assert generation.statistics["best_fitness"] == fittest[0]
        assert generation.population_size == len(row)


def test_reading_again_what_was_read_changes_nothing(tmp_path):
    history = checked(tmp_path, runs.run())
    write_timeline(tmp_path / "again.json", history.timeline)
    assert read_history(tmp_path / "again.json") == history
    assert check(history.timeline) == history


def test_fitness_is_the_weighted_sum():
    assert fitness({"coding": 1, "math": 0, "reasoning": 0, "language": 1}) == pytest.approx(0.5)
    assert fitness({"cooking": 0.5, "law": 0.7}) == pytest.approx(0.6)
    with pytest.raises(KeyError):
        fitness({"coding": 1}, FITNESS_WEIGHTS)
    with pytest.raises(ValueError, match="at least one"):
        rank(0, datetime(2026, 1, 1, tzinfo=UTC), [])
