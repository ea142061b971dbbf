"""What a ledger that does not work is told as."""

from sqlalchemy import ExceptionContext
from sqlalchemy.exc import OperationalError

from strata.store.errors import LedgerError


def tell(context: ExceptionContext) -> None:
    """A full disk or a server that is gone is no defect: it is told as what it is (PEP 249's OperationalError)."""
    if isinstance(context.sqlalchemy_exception, OperationalError):
        raise LedgerError(f"the ledger does not work: {context.original_exception}") from context.original_exception
