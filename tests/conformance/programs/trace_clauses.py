"""Every clause has cases or a reason why not; every MUST has a faulty implementation.

    python tests/conformance/programs/trace_clauses.py

prints them and exits with 1 if something is missing.
"""

import sys
from collections import defaultdict

import adapter_faulty
import faulty

from conformance.adapter.cases import fixed_questions
from conformance.cases.fixed import fixed_cases
from conformance.cases.generated import generated_cases
from conformance.clauses import clauses
from conformance.vectors import vector_clauses


def cases_of_clauses():
    """The ids of cases, questions and vectors for each clause."""
    found = defaultdict(list)
    for case in (*fixed_cases(), *generated_cases(5, 0)):
        for clause in case.clauses:
            found[clause].append(case.id)
    for question in fixed_questions():
        for clause in question.clauses:
            found[clause].append(question.id)
    for clause, ids in vector_clauses().items():
        found[clause] += ids
    found["HOOK-1"].append("smoke")  # every run begins with it
    return found


def faulty_of_clauses():
    """The names of the faulty implementations of each clause."""
    found = defaultdict(list)
    for name, clause in {**faulty.FAULTY, **faulty.LAX, **adapter_faulty.FAULTY}.items():
        found[clause].append(name)
    return found


def gaps():
    """What is missing, or names no clause; a line each."""
    known, cases, broken = clauses(), cases_of_clauses(), faulty_of_clauses()
    found = [f"{name} is not a clause, and cases name it" for name in cases if name not in known]
    found += [f"{name} is not a clause, and faults name it" for name in broken if name not in known]
    for clause in known.values():
        if not cases[clause.id] and not clause.reason:
            found.append(f"{clause.id} has neither a case nor a reason why not")
        if clause.keyword.startswith("MUST") and not broken[clause.id] and not clause.reason:
            found.append(f"{clause.id} has no faulty implementation")
    return found


def main():
    cases, broken = cases_of_clauses(), faulty_of_clauses()
    print(f"{'clause':<8} {'keyword':<10} {'cases':>5}  faulty implementations")
    for clause in clauses().values():
        names = ", ".join(broken[clause.id]) or clause.reason or "-"
        print(f"{clause.id:<8} {clause.keyword:<10} {len(cases[clause.id]):>5}  {names}")
    sys.exit("\n".join(gaps()))


if __name__ == "__main__":
    main()
