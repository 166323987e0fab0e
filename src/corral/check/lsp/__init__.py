"""The language server: the checker's findings and fixes in an editor, as one types."""
