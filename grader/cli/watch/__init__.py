"""kata watch: the verdict on every save, in place. Built on Textual.

app       the screen, its keys, the check that runs
screens   what lies on top: the spec, a question, the list of katas
"""
