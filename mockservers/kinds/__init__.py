"""The kinds of response, a class each, in families; `mockservers.faults` has all their names."""
