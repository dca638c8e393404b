import dataclasses
import re


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    answer: str | None = None
    steps: int = 0
    transcript: str = ""


class Agent:
    ACTION = re.compile(
        r"\s*(?P<name>[^\[\n]*[^\[\s][^\[\n]*)\[(?P<input>[^\n]*)\][^\S\n]*(?:\n|$)"
    )

    def __init__(self, model, tools):
        self.model, self.tools = model, dict(tools)

    def steps(self, question, budget):
        log = f"Question: {question}\n"
        for n in range(budget):
            text = self.write(log)
            log = log + text + "\n"
            position = max(self.last("Action:", text), self.last("Final Answer:", text))
            body = text[position:] if position >= 0 else ""
            if body.startswith("Final Answer:"):
                yield Run(body.removeprefix("Final Answer:").strip(), n + 1, log)
                return
            log = log + "Observation: " + self.look(body.removeprefix("Action:")) + "\n"
            yield Run(None, n + 1, log)

    def write(self, log):
        text = self.model(log)
        match = re.search("^Observation:", text, re.M)
        return text[: match.start()].strip() if match else text.strip()

    @staticmethod
    def last(label, text):
        if text.startswith(label) and "\n" + label not in text:
            return 0
        at = text.rfind("\n" + label)
        return at + 1 if at >= 0 else -1

    def look(self, line):
        match = self.ACTION.match(line.split("\n")[0])
        if match is None:
            return 'Error: write "Action: tool[input]" or "Final Answer: text"'
        name = match["name"].strip()
        if name not in self.tools:
            return "Error: no tool {}, use one of: {}".format(name, ", ".join(sorted(self.tools)))
        try:
            return self.tools[name](match["input"].strip())
        except Exception as problem:
            return f"Error: {type(problem).__name__}: {problem}"


def react(model, tools, question, *, max_steps=8):
    if max_steps < 1:
        raise ValueError("at least one step is needed")
    return list(Agent(model, tools).steps(question, max_steps))[-1]
