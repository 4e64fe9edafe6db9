"""What training teaches: the region proposal network, and the heads."""
