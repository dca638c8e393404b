"""kata verify --mutants: small mechanical changes of a solution, and whether its tests see them.

make       from a solution's text to its mutants
general    what can go wrong in any program: cosmic-ray's operators
tensors    what goes wrong in programs with tensors
source     a program's text, and edits of it
score      judges the mutants
"""
