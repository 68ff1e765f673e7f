"""Every kind of response, by name; and what delays are made of.

A new kind is a class in the file of its family, `mockservers/kinds/`; from there it is here.
"""

from mockservers.kinds.base import KINDS, Fault
from mockservers.kinds.coding import *
from mockservers.kinds.cut import *
from mockservers.kinds.fields import *
from mockservers.kinds.framing import *
from mockservers.kinds.policy import *
from mockservers.kinds.ranges import *
from mockservers.kinds.values import Delay, Lognormal, PlanError, Uniform
from mockservers.kinds.whole import *

__all__ = [*(kind.__name__ for kind in KINDS.values())]
__all__ += ["KINDS", "Delay", "Fault", "Lognormal", "PlanError", "Uniform"]
