"""Writing files whole or not at all."""

from mockservers.page import write_whole

__all__ = ["write_whole"]
