"""Building blocks of the window: theme, icons and widgets. They know nothing of the App."""
