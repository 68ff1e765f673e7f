"""Writing files whole or not at all."""

from mockservers.files import write_whole

__all__ = ["write_whole"]
