"""Pictures: objects on photos, letters, curves, charts, tables."""
