"""Fitness by generation in characters: every mark is where its value is."""

from strata.evolution.report import GenerationResult, fitness_chart

RISEN = (
    GenerationResult(1, 0.6, (0.3, 0.6), "promote", before=0.4, candidate=0.6),
    GenerationResult(2, 0.6, (0.5,), "regress", before=0.6, candidate=0.5),
)


def test_the_champion_is_a_line_and_children_are_points() -> None:
    lines = fitness_chart(RISEN, width=40, height=4).plain.splitlines()
    assert lines == [
        "0.600 ┤          ╭─────●──────────●",
        "0.500 ┤          │                ✕",
        "0.400 ┤     ─────╯",
        "0.300 ┤                ∘",
        "          before       1          2",
        "       ● champion   ∘ child   ✕ candidate, worse in a domain",
    ]


def test_a_champion_that_fell() -> None:
    fallen = (GenerationResult(4, 0.2, (), "none", before=0.4),)
    lines = fitness_chart(fallen, width=30, height=3).plain.splitlines()
    assert [line[7:].strip() for line in lines[:3]] == ["─────╮", "│", "╰─────●"]


def test_no_more_generations_than_there_is_room_for() -> None:
    many = tuple(GenerationResult(number, 0.5 + number / 1000, (), "none") for number in range(1, 200))
    lines = fitness_chart(many, width=60).plain.splitlines()
    assert max(len(line) for line in lines) <= 60
    assert "199" in lines[-2]


def test_of_nothing_there_is_no_chart() -> None:
    assert fitness_chart(()).plain == ""
    assert fitness_chart((GenerationResult(1, None, (), "none"),)).plain == ""
