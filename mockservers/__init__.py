"""Mock servers that break exactly as planned, and the books that show what came of it.

Read the modules in this order: `faults`, `codes`, `plan`, `profiles`, `wire`, `predict`
(values and decisions); `flags`, `catalogue`, `parser`, `server` (what is served, and how);
`journal`, `claims`, `ledger`, `report` (what was seen, what was said, whether it balances);
`supervise`, `cli` (the commands); `running`, `inprocess`, `strategies` (for tests of one's own).
"""
