"""Pure functions tested over a pipe: the cases, the process that answers, and the checks."""
