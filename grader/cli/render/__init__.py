"""Data as text. Only this package knows Rich."""
