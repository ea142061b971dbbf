"""What has to be closed, as a context that closes it."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closing(ABC):
    """Something with a `close`, which the end of a `with` block calls."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything; what that means is the owner's."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
