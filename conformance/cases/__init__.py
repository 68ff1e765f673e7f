"""Cases: runs of a downloader as data, fixed and generated."""
