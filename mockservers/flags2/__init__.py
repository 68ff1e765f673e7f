"""All that the package knows of the flags2 programs: their arguments and their output."""
