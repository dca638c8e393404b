"""The commands in a notebook: %load_ext grader, then %kata and %%kata.

magic    what %kata and %%kata do
running  runs a command in a process of its own, and shows what it says
defining the cell's definitions, for the next cell to try

A kernel judges nothing itself: it runs the same commands as a terminal, so that nothing of an
attempt or of the judge comes near a person's variables and processes.
"""
