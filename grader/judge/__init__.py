"""The judge: one attempt, one child process, one verdict.

protocol    what both processes know: a task, messages, a result
judging     the way in: looks at the file, starts a child, gives the result
supervisor  watches a child: its clocks, its memory, its end
output      what the child printed, cut to size
measured    what a benchmark finds; to the judge, its sizes are tests
child/      what runs in the child, with torch, pytest and the attempt
"""
