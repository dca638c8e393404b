"""A ReAct loop: reason, act, observe, until there is an answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MALFORMED = 'Error: write "Action: tool[input]" or "Final Answer: text"'


@dataclass
class Run:
    """What a run came to."""

    answer: str | None  # None: no answer within max_steps
    steps: int  # calls of the model
    transcript: str


def react(
    model: Callable[[str], str],
    tools: Mapping[str, Callable[[str], str]],
    question: str,
    *,
    max_steps: int = 8,
) -> Run:
    """Parse only what the model itself wrote in this step, never the transcript."""
    if max_steps < 1:
        raise ValueError(f"max_steps must be 1 or more, got {max_steps}")

    transcript = f"Question: {question}\n"
    for step in range(1, max_steps + 1):
        said = re.split(r"^Observation:", model(transcript), flags=re.MULTILINE)[0].strip()
        transcript += f"{said}\n"

        label, rest = "", said
        for match in re.finditer(r"^(Action|Final Answer):", said, flags=re.MULTILINE):
            label, rest = match[1], said[match.end() :]
        if label == "Final Answer":
            return Run(rest.strip(), step, transcript)
        observation = act(rest.split("\n")[0], tools) if label else MALFORMED
        transcript += f"Observation: {observation}\n"
    return Run(None, max_steps, transcript)


def act(action: str, tools: Mapping[str, Callable[[str], str]]) -> str:
    """Run name[input]; whatever goes wrong is for the model to read."""
    call = re.fullmatch(r"([^\[]+)\[(.*)\]", action.strip())
    if not call or not (name := call[1].strip()):
        return MALFORMED
    if name not in tools:
        return f"Error: no tool {name}, use one of: {', '.join(sorted(tools))}"
    try:
        return tools[name](call[2].strip())
    except Exception as error:
        return f"Error: {type(error).__name__}: {error}"
