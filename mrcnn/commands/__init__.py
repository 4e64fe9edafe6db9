"""What the scripts share: their arguments, what they do, and what they print."""
