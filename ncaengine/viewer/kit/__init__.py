"""Building blocks of the window: theme, icons, widgets."""
