"""The contributor's gate: whether a kata is sound.

report      what was found
static      what the files alone tell
verify      what running the hidden tests tells
degenerate  what they say of zeros and other answers without thought
mutation    what their mutants tell, which are made and judged in mutants/
"""
