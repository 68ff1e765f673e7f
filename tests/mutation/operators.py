"""Mutations that Cosmic Ray lacks: a statement left out, a result withheld."""

import parso
from cosmic_ray.operators.operator import Operator


class _Replacement(Operator):
    """Replaces a node by other code."""

    def mutation_positions(self, node):
        if self.applies(node):
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        new = parso.parse(self.CODE).children[0]
        new.get_first_leaf().prefix = node.get_first_leaf().prefix
        return new

    @classmethod
    def examples(cls):
        return ()


class LeaveOutStatement(_Replacement):
    """`call()`, an assignment, `raise`, `del` or `return` without a value becomes `pass`."""

    CODE = "pass\n"
    KINDS = ("expr_stmt", "atom_expr", "await", "raise_stmt", "del_stmt", "power", "yield_expr")

    def applies(self, node):
        if node.type != "simple_stmt" or not node.search_ancestor("funcdef"):
            return False
        what = node.children[0]
        return what.type in self.KINDS or (what.type == "keyword" and what.value == "return")


class WithholdResult(_Replacement):
    """`return x` becomes `return None`."""

    CODE = "return None"

    def applies(self, node):
        return node.type == "return_stmt" and node.children[1].get_code().strip() != "None"
