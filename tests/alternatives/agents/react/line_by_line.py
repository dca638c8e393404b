class Run:
    def __init__(self, answer, steps, transcript):
        self.answer = answer
        self.steps = steps
        self.transcript = transcript


BAD = 'Error: write "Action: tool[input]" or "Final Answer: text"'


def clean(reply):
    kept = []
    for line in reply.split("\n"):
        if line.startswith("Observation:"):
            break
        kept.append(line)
    return "\n".join(kept).strip()


def parse(said):
    """("answer", text), ("action", text) or None, reading lines from the last to the first."""
    lines = said.split("\n")
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].startswith("Final Answer:"):
            return "answer", "\n".join([lines[i][len("Final Answer:") :], *lines[i + 1 :]]).strip()
        if lines[i].startswith("Action:"):
            return "action", lines[i][len("Action:") :].strip()
    return None


def observe(action, tools):
    left = action.find("[")
    if left < 0 or action[-1] != "]":
        return BAD
    name, text = action[:left].strip(), action[left + 1 : -1].strip()
    if not name:
        return BAD
    tool = tools.get(name)
    if tool is None:
        return "Error: no tool " + name + ", use one of: " + ", ".join(sorted(tools.keys()))
    try:
        result = tool(text)
    except Exception as e:
        result = "Error: " + type(e).__name__ + ": " + str(e)
    return result


def react(model, tools, question, *, max_steps=8):
    if max_steps <= 0:
        raise ValueError("max_steps")
    parts = ["Question: " + question]
    steps = 0
    while steps < max_steps:
        said = clean(model("\n".join(parts) + "\n"))
        steps += 1
        parts.append(said)
        found = parse(said)
        if found is None:
            parts.append("Observation: " + BAD)
        elif found[0] == "answer":
            return Run(found[1], steps, "\n".join(parts) + "\n")
        else:
            parts.append("Observation: " + observe(found[1], tools))
    return Run(None, steps, "\n".join(parts) + "\n")
