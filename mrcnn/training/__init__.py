"""A training: its plan, its run, its files."""
