"""The network, in `keras.ops`; network.py is its spine."""
