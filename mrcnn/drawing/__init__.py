"""Pictures: objects on photos, letters, curves."""
