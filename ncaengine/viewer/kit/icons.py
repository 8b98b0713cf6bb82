"""The Font Awesome 6 letters in use; the font comes with hello_imgui."""

ICON_FONT = "fonts/Font_Awesome_6_Free-Solid-900.otf"

PLAY, PAUSE, STEP, RESEED = "\uf04b", "\uf04c", "\uf051", "\uf2f1"
RECORD, STOP, CLOSE, HELP, FIND = "\uf111", "\uf04d", "\uf00d", "\uf11c", "\uf002"
RESTORE = "\uf1da"
WARNING, SLOW = "\uf071", "\uf0d7"
UNFOLDED, FOLDED, ADD, DUPLICATE, LINK = "\uf078", "\uf054", "\uf067", "\uf24d", "\uf0c1"
UNDO, REDO, BACK = "\uf2ea", "\uf2f9", "\uf048"
HAND, ERASER, SPRAY, PICTURE, COPY, STAMP = "\uf256", "\uf12d", "\uf5bd", "\uf03e", "\uf24d", "\uf5bf"
GAUGE, EXPAND, COMPASS, SEEDLING, BIN = "\uf625", "\uf424", "\uf14e", "\uf4d8", "\uf2ed"
