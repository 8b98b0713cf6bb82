"""The side bar's sections, the tool bar and the timeline."""
