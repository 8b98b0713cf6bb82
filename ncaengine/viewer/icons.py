"""The Font Awesome 6 letters in use; the font comes with hello_imgui."""

ICON_FONT = "fonts/Font_Awesome_6_Free-Solid-900.otf"

PLAY, PAUSE, STEP, RESEED = "\uf04b", "\uf04c", "\uf051", "\uf2f1"
RECORD, STOP, CLOSE, HELP, FIND = "\uf111", "\uf04d", "\uf00d", "\uf11c", "\uf002"
WARNING, DONE, SLOW = "\uf071", "\uf058", "\uf0d7"
