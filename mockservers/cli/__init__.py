"""The command `mockservers`: serve, run, ledger, compare, predict."""
