"""What the servers have: built-in flag images, or the files of a folder."""
