"""The command line. Never imports torch.

main      the one place that turns errors into words and an exit code
app       commands, options, help texts
actions   what the commands do; they return data and print nothing
debugging what they do in a debug round
checking  check in all its forms
render/   data as text, with Rich; the only package that knows it
"""
