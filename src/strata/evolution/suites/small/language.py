"""Spelling of inflected words that do not exist: plural, past, and -ing.

All words have two syllables or more and stress the first, so no last consonant is doubled (as in "visited").
"""

import random

from strata.evolution.suites.small.template import Parts, Question, Template

_VOWELS = "aeiou"
_ONSETS, _MIDDLES, _ENDINGS = (
    tuple(parts.split())
    for parts in (
        "b bl br c cl cr d dr f fl fr g gl gr h j k l m n p pl pr r s sl sp st t tr v w",
        "b bb d dd ff g gg l ll m mm mp n nd nn nt p pp r rr st t tt v",
        "ab ack ad al am an ant ap at ax ay ed ell en ent er ess esh et ick id il ill in ip is ish it ix ob ock od on "
        "ot ow ox oy uck um un ush ust y e ite ate ope ude ame ine ose",
    )
)
_HISS = ("s", "x", "z", "ch", "sh")
_WORD = (len(_ONSETS), len(_VOWELS), len(_MIDDLES), len(_ENDINGS))


def _word(parts: Parts) -> str:
    onset, vowel, middle, ending = parts
    return _ONSETS[onset] + _VOWELS[vowel] + _MIDDLES[middle] + _ENDINGS[ending]


def _soft_y(word: str) -> bool:
    return word.endswith("y") and word[-2] not in _VOWELS


def _plural(parts: Parts, chance: random.Random) -> Question:
    word = _word(parts)
    right = word[:-1] + "ies" if _soft_y(word) else word + ("es" if word.endswith(_HISS) else "s")
    return Question(f"two {word}:", right, _ranked(chance, word + "s", word + "es", word[:-1] + "ies", word + "ies"))


def _past(parts: Parts, chance: random.Random) -> Question:
    word = _word(parts)
    right = word[:-1] + "ied" if _soft_y(word) else word + ("d" if word.endswith("e") else "ed")
    doubled = word + word[-1] + "ed"
    return Question(f"did {word}:", right, _ranked(chance, word + "ed", word + "d", word[:-1] + "ied", doubled))


def _ing(parts: Parts, chance: random.Random) -> Question:
    word = _word(parts)
    right = (word[:-1] if word.endswith("e") else word) + "ing"
    wrong = (word + "ing", word[:-1] + "ing", word + word[-1] + "ing", word[:-1] + "ying", word[:-1] + "iing")
    return Question(f"now {word}:", right, _ranked(chance, *wrong))


def _ranked(chance: random.Random, *candidates: str) -> list[str]:
    return chance.sample(candidates, len(candidates))


TEMPLATES = (
    Template("language", "plural", _WORD, _plural),
    Template("language", "past", _WORD, _past),
    Template("language", "ing", _WORD, _ing),
)
