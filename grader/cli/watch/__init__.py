"""Screens that judge on every save. Built on Textual.

judging    what they have in common: the file that is watched, the verdict, the clock
app        kata watch: any kata, and a key for each command
interview  kata interview: one kata at a time, questions after a pass
screens    what lies on top: the spec, a question, the list of katas
telling    from the thread of a check to the screen
"""
