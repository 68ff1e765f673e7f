"""Questions and answers made by hand."""

import json

from conformance.adapter.answer import read_answer
from conformance.adapter.cases import Question


def answered(**data):
    return read_answer(json.dumps(data).encode())


def asked(op, arguments, *clauses):
    return Question("q", op, arguments, clauses, "")
