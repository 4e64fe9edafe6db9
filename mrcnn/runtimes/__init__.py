"""Exported networks: what lies beside one, and the programs that run it without Keras."""
