"""What a rollback goes to: the best former champion whose every byte can be read, or made again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from strata.evolution.lineage import choice
from strata.evolution.lineage.errors import NoSoundChampion, UnknownModel
from strata.evolution.lineage.sound import damage
from strata.store import Change, Store

Remake = Callable[[str], str | None]  # has a model made again; why that cannot be, None where it was done


@dataclass(frozen=True)
class Rollback:
    """From `left` to `target`; change: None in a dry run.

    passed_over: better choices that were not whole, each with what is wrong with it; rebuilt: the target was, or would
    be, made again from its recipe; seconds: for all of it, verification included.
    """

    left: str
    target: str
    generation: int | None
    change: Change | None
    passed_over: tuple[tuple[str, str], ...]
    rebuilt: bool
    seconds: float


@dataclass(frozen=True)
class Target:
    """A former champion that is whole; the rest as in `Rollback`."""

    promotion: Change
    passed_over: tuple[tuple[str, str], ...]
    rebuilt: bool


def candidates(history: Sequence[Change], to: str | int | None) -> tuple[Change, ...]:
    """Promotions that a rollback may go back to, the best first. Raises UnknownModel where `to` names no other one."""
    present = history[0].digest
    if to is None:
        return choice.older_than(history, present)
    if isinstance(to, int):
        found = choice.of_generation(history, to)
    else:
        found = choice.of_digest(history, to)
        if len(found) > 1:
            raise UnknownModel(f"{to!r} stands for several champions; write more of the digest")
        if not found:
            raise UnknownModel(f"{to!r} was never champion; a rollback goes to a former one")
    if found and found[0].digest == present:
        raise UnknownModel(f"{present[:12]} is champion already")
    return tuple(change for change in found if change.digest != present)


def first_sound(store: Store, choices: Sequence[Change], remake: Remake, *, insist: bool) -> Target:
    """The first of the choices that is whole in the store.

    With `insist` a damaged one is made again before the next is looked at, else only where none is whole.
    Raises NoSoundChampion.
    """
    wrong: list[tuple[str, str]] = []
    for promotion in choices:
        found = damage(store, promotion.digest)
        if found is None:
            return Target(promotion, tuple(wrong), rebuilt=False)
        if insist and (why := remake(promotion.digest)) is None:
            return Target(promotion, tuple(wrong), rebuilt=True)
        wrong.append((promotion.digest, f"{found} ({why})" if insist else found))
    for index, promotion in enumerate(() if insist else choices):
        if remake(promotion.digest) is None:
            return Target(promotion, tuple(wrong[:index]), rebuilt=True)
    listed = "; ".join(f"{digest[:12]}: {found}" for digest, found in wrong) or "there is none"
    raise NoSoundChampion(f"no former champion can take its place: {listed}; promote another model")
