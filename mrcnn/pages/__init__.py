"""Pages for a browser: one file each, which opens from the disk and asks nothing of a network."""
