"""Hand-worked transcripts, and properties that hold for whatever a model writes."""

import random
from collections import Counter

MALFORMED = 'Error: write "Action: tool[input]" or "Final Answer: text"'


NOT_A_NUMBER = "Error: ValueError: invalid literal for int() with base 10: 'x'"
# what a model may write, line by line; an action's line with what must be observed after it
LINES = {
    "Action: double[21]": "42",
    "Action: double[ 4 ]": "8",
    "Action: double[x]": NOT_A_NUMBER,
    "Action: triple[2]": "Error: no tool triple, use one of: double",
    "Action: double": MALFORMED,
    "Thought: hm": None,
    "Thought: not Observation: nor Action: x[1]": None,
    "Observation: 7": None,
    "Final Answer: 42": None,
    "Final Answer:": None,
    "": None,
    "more [text]": None,
}


def double(text):
    return str(2 * int(text))


def scripted(replies, prompts):
    def model(prompt):
        prompts.append(prompt)
        return replies[len(prompts) - 1]

    return model


def test_a_run_with_each_kind_of_observation(solution):
    replies = [
        "Thought: I need twice 21.\nAction: triple[21]\nObservation: 63\nFinal Answer: 63",
        "Thought: no triple, so double.\nAction: double[twenty-one]",
        "Thought: it wants digits",
        "Action:  double [ 21 ] ",
        "Thought: done\nFinal Answer: 40\nThought: no\nFinal Answer: 42\nexactly\n",
    ]
    transcript = f"""\
Question: What is twice 21?
Thought: I need twice 21.
Action: triple[21]
Observation: Error: no tool triple, use one of: double, now
Thought: no triple, so double.
Action: double[twenty-one]
Observation: Error: ValueError: invalid literal for int() with base 10: 'twenty-one'
Thought: it wants digits
Observation: {MALFORMED}
Action:  double [ 21 ]
Observation: 42
Thought: done
Final Answer: 40
Thought: no
Final Answer: 42
exactly
"""
    tools = {"now": lambda _: "12:00", "double": double}
    run = solution.react(scripted(replies, []), tools, "What is twice 21?")

    assert run.transcript == transcript
    assert (run.answer, run.steps) == ("42\nexactly", 5)


def kept_of(reply):
    lines = reply.split("\n")
    invented = [i for i, line in enumerate(lines) if line.startswith("Observation:")]
    return "\n".join(lines[: invented[0]] if invented else lines).strip()


def test_the_transcript_follows_from_the_replies(solution):
    rng = random.Random(0)
    endings = Counter()
    for _ in range(2000):
        max_steps = rng.randint(1, 5)
        replies = ["\n".join(rng.choices(list(LINES), k=rng.randint(0, 4))) for _ in range(5)]
        prompts = []

        run = solution.react(
            scripted(replies, prompts), {"double": double}, "q", max_steps=max_steps
        )

        assert run.steps == len(prompts) <= max_steps
        assert prompts[0] == "Question: q\n"
        states = [*prompts, run.transcript]
        for step in range(1, run.steps + 1):
            before, after, kept = states[step - 1], states[step], kept_of(replies[step - 1])
            labels = [x for x in kept.split("\n") if x.startswith(("Action:", "Final Answer:"))]
            if labels and labels[-1].startswith("Final"):
                assert step == run.steps
                assert after == f"{before}{kept}\n"
                assert run.answer == f"\n{kept}".rpartition("\nFinal Answer:")[2].strip()
            else:
                observed = LINES[labels[-1]] if labels else MALFORMED
                assert after == f"{before}{kept}\nObservation: {observed}\n"
                assert step < run.steps or (run.answer, step) == (None, max_steps)
        endings[run.answer] += 1
    assert all(endings[answer] > 100 for answer in (None, "", "42"))
