import re
from typing import NamedTuple

LABELS = re.compile(r"(?:\A|\n)(Action|Final Answer):")


class Malformed(Exception):
    def __str__(self):
        return 'write "Action: tool[input]" or "Final Answer: text"'


class UnknownTool(Exception):
    pass


class Run(NamedTuple):
    answer: str | None
    steps: int
    transcript: str


def call(line, tools):
    name, bracket, rest = line.partition("[")
    name, rest = name.strip(), rest.rstrip()
    if not (name and bracket and rest.endswith("]")):
        raise Malformed
    try:
        tool = tools[name]
    except KeyError:
        raise UnknownTool(f"no tool {name}, use one of: {', '.join(sorted(tools))}") from None
    return tool, rest[:-1].strip()


def react(model, tools, question, *, max_steps=8):
    if max_steps < 1:
        raise ValueError(f"max_steps={max_steps}")

    def go(transcript, left):
        if not left:
            return Run(None, max_steps, transcript)
        reply = model(transcript)
        cut = ("\n" + reply).find("\nObservation:")
        said = (reply if cut < 0 else reply[: max(cut - 1, 0)]).strip()
        transcript += said + "\n"
        *_, label, rest = (
            [None, "", *LABELS.split(said)][-2:] if LABELS.search(said) else (None, "")
        )
        if label == "Final Answer":
            return Run(rest.strip(), max_steps - left + 1, transcript)
        try:
            if label is None:
                raise Malformed
            tool, text = call(rest.split("\n", 1)[0], tools)
        except (Malformed, UnknownTool) as error:
            observation = f"Error: {error}"
        else:
            try:
                observation = tool(text)
            except Exception as error:
                observation = f"Error: {error.__class__.__name__}: {error}"
        return go(f"{transcript}Observation: {observation}\n", left - 1)

    return go(f"Question: {question}\n", max_steps)
