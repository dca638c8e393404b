"""The command line. Never imports torch.

main      the one place that turns errors into words and an exit code
app       commands, options, help texts
actions   what the commands do; they return data and print nothing
debugging what they do in a debug round
checking  check in all its forms
benching  an attempt that passes beside the reference
place     whether a command was typed in a terminal or in a notebook
recalling earlier attempts: history, diff, restore
moving    export and import
reviewing what comes back, and the review that is most due
planning  the plan up to an interview
render/   data as text, with Rich; the only package that knows it
"""
