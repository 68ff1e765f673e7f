"""The spec made executable: a judge for implementations in any language.

Read the modules in this order: `clauses`, `verdicts`, `cases`, `fixed`, `generated` (what is
promised, and what is tried); `record`, `program`, `said`, `books`, `judge` (one run of a program,
and what is wrong with it); `shrink`, `summary`, `campaign`, `cluster` (all cases, and the smallest
run that fails); `expansion`, `questions`, `answers`, `adapter` (pure functions behind a pipe);
`vectors`, `report`, `cli`.
"""
