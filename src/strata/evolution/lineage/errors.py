"""What hinders a promotion or a rollback; each says what to do about it."""

from strata.errors import StrataError


class NoChampion(StrataError):
    """Nothing was ever promoted."""


class NoSoundChampion(StrataError):
    """No former champion can take the place of the present one, which stays."""


class NeedsApproval(StrataError):
    """In manual mode nothing is promoted without a person's approval."""


class StaleProposal(StrataError):
    """A candidate was judged against a champion that is none any more."""


class UnknownModel(StrataError):
    """A name or digest that the lineage does not know, or that stands for several models."""
