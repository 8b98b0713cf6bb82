"""The dialogs over the window: the gallery, the command palette, the table of keys and the dialog to save."""
