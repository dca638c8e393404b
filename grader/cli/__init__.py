"""The command line. Never imports torch.

main         the one place that turns errors into words and an exit code
app          commands, options, help texts: commands/
desk         where a person works: the katas, their folder, their progress
actions      what the commands do; they return data and print nothing
debugging    what they do in a debug round
interviewing what happens in a mock interview
reporting    what an interview came to
reviewing    what comes back, and the review that is most due
planning     the plan up to an interview
overview     what the dashboard shows
recalling    earlier attempts: history, diff, restore
moving       export and import
checking     check in all its forms
benching     an attempt that passes beside the reference
place        whether a command was typed in a terminal or in a notebook
doctor       what this machine has
render/      data as text, with Rich; the only package that knows it
watch/       screens that judge on every save, with Textual
"""
