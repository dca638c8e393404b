"""The content: tracks, katas, stubs and cards, read from their files. Imports no torch."""
