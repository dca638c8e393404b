"""A ReAct loop: reason, act, observe, until there is an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass


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
    r"""Let a model think and use tools until it gives a final answer.

    The transcript starts as "Question: {question}\n". Each step calls model(transcript),
    and does three things with the reply:

    1. Cut. The model may go on to invent the result of its action. Drop the first line
       that starts with "Observation:" and all after it, then strip what is left. Append
       it and "\n". The rest of the step looks at nothing but this text.
    2. Decide. The last line that starts with "Action:" or "Final Answer:" counts.
       - Final Answer: the run ends. The answer is all after this label, further lines
         included, stripped; it may be empty.
       - Action: name[input], on this one line. name is what stands before the first
         "[", input what stands between that and the last "]"; both are stripped. input
         may be empty and may hold brackets. tools[name](input) is called.
    3. Observe. Unless the run has ended, append "Observation: {observation}\n". The
       observation is the tool's result as it is, or one of these:
       - the tool raised an Exception e (other BaseExceptions pass through):
         Error: {type(e).__name__}: {e}
       - tools has no such name; the names are sorted and joined by ", ":
         Error: no tool {name}, use one of: {names}
       - no line counts, or an Action lacks a name, "[", or "]" as its last character
         apart from whitespace:
         Error: write "Action: tool[input]" or "Final Answer: text"

    Lines are what "\n" separates. A label counts only at the very start of a line, spelled
    as here, capitals and colon included. A run of two steps, where the second call of the
    model reads the first four lines:

        Question: How high is the Eiffel Tower in feet?
        Thought: I need its height in metres.
        Action: search[Eiffel Tower]
        Observation: 330 m
        Thought: 330 / 0.3048 = 1083
        Final Answer: 1083 feet

    Args:
        model: Text to text. What it raises passes through.
        tools: Name to function.
        question: Put into the transcript as it is.
        max_steps: The most calls of the model. An action of the last step is still run
            and observed.

    Returns:
        Run, with the whole transcript.

    Raises:
        ValueError: max_steps is below 1; the model is not called.

    Not allowed:
        Changing tools in place.

    Source:
        Yao et al. 2022, "ReAct: Synergizing Reasoning and Acting in Language Models",
        https://arxiv.org/abs/2210.03629, whose action finish[answer] is a label here.
    """
    raise NotImplementedError
