"""The Font Awesome 6 icons that the window uses; hello_imgui includes the font."""

ICON_FONT = "fonts/Font_Awesome_6_Free-Solid-900.otf"

PLAY, PAUSE, STEP, RESEED = "\uf04b", "\uf04c", "\uf051", "\uf2f1"
RECORD, STOP, CLOSE, KEYBOARD, SEARCH = "\uf111", "\uf04d", "\uf00d", "\uf11c", "\uf002"
RESTORE, MORE, EYE, EYE_OFF = "\uf1da", "\uf141", "\uf06e", "\uf070"
WARNING, SLOW = "\uf071", "\uf0d7"
UNFOLDED, FOLDED, PLUS, DUPLICATE, LINK = "\uf078", "\uf054", "\uf067", "\uf24d", "\uf0c1"
UNDO, REDO, STEP_BACK, ARROW_LEFT, ARROW_UP = "\uf2ea", "\uf2f9", "\uf048", "\uf060", "\uf062"
HAND, ERASER, SPRAY, PICTURE, PICK_UP, STAMP = "\uf256", "\uf12d", "\uf5bd", "\uf03e", "\uf1fb", "\uf5bf"
GAUGE, EXPAND, COMPASS, SEEDLING, BIN = "\uf625", "\uf424", "\uf14e", "\uf4d8", "\uf2ed"
FOLDER, FOLDER_OPEN, FILE, HOME, SHIPPED = "\uf07b", "\uf07c", "\uf15b", "\uf015", "\uf49e"
BRUSH, LASSO = "\uf1fc", "\uf5ee"
