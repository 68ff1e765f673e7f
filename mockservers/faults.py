"""Every kind of response, by name; and what delays are made of.

A new kind is a class in the file of its family, `mockservers/kinds/`; from there it is here.
"""

from mockservers.kinds.base import Delay, Fault, Lognormal, PlanError, Uniform
from mockservers.kinds.coding import *
from mockservers.kinds.cut import *
from mockservers.kinds.framing import *
from mockservers.kinds.policy import *
from mockservers.kinds.whole import *

__all__ = [*(kind.__name__ for kind in Fault.__subclasses__())]
__all__ += ["KINDS", "Delay", "Fault", "Lognormal", "PlanError", "Uniform"]

KINDS: dict[str, type[Fault]] = {kind.do: kind for kind in Fault.__subclasses__()}
"""Every kind by the name it has in a plan (`do`)."""
