"""Writing networks for programs that have neither this package nor Keras."""
