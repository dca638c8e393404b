"""What runs in the child: torch, pytest, the hidden tests and the attempt.

__main__    a fresh process: reads its task, imports torch, judges, leaves
session     one run of pytest over the hidden tests, reported as it goes
bench       a benchmark in place of a session: the attempt beside the solution
measuring   time, memory, arithmetic and operators of a call
attempt     loads the attempt, and wraps what the tests call
boundary    what happens at each call from a test into the attempt
guard       the audit hook: what the attempt may not look at or do
restore     puts back what the attempt replaced or changed
explain     exceptions in words for the learner
limits      processor time, memory, file sizes
"""
