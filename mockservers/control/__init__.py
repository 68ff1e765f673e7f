"""The control API of `mockservers serve --control`, and the runs that it begins."""
