"""Scripted models give fixed replies and keep the prompts that they were given."""

import pytest

from grader.testing import assert_equal

MALFORMED = 'Error: write "Action: tool[input]" or "Final Answer: text"'


class Script:
    def __init__(self, *replies):
        self.replies, self.prompts = replies, []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        if len(self.prompts) > len(self.replies):
            raise AssertionError(f"the model is called more than {len(self.replies)} times")
        return self.replies[len(self.prompts) - 1]


class Tool:
    def __init__(self, result):
        self.result, self.inputs = result, []

    def __call__(self, text):
        self.inputs.append(text)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


def assert_run(run, answer, steps, transcript):
    # the transcript shows best what went wrong
    assert_equal(run.transcript, transcript, label="transcript")
    assert_equal(run.answer, answer, label="answer")
    assert_equal(run.steps, steps, label="steps")


def assert_observes(attempt, reply, observation, tools):
    """After this reply the run goes on with this observation."""
    model = Script(reply, "Final Answer: done")
    transcript = f"Question: q\n{reply}\nObservation: {observation}\nFinal Answer: done\n"

    assert_run(attempt.react(model, tools, "q"), "done", 2, transcript)


def test_thinks_acts_observes_and_answers(attempt):
    question = "How high is the Eiffel Tower in feet?"
    act = "Thought: I need its height in metres.\nAction: search[Eiffel Tower]"
    finish = "Thought: 330 / 0.3048 = 1083\nFinal Answer: 1083 feet"
    transcript = f"Question: {question}\n{act}\nObservation: 330 m\n{finish}\n"
    search = Tool("330 m")

    run = attempt.react(Script(act, finish), {"search": search}, question)

    assert_run(run, "1083 feet", 2, transcript)
    assert_equal(search.inputs, ["Eiffel Tower"], label="the inputs of search")


def test_each_call_of_the_model_reads_the_whole_transcript(attempt):
    first, second = "Thought: one\nAction: Wiki[1]", "Thought: two\nAction: py-3.run[2]"
    start = "Question: q\n"
    middle = f"{start}{first}\nObservation: A\n"
    model = Script(first, second, "Final Answer: x")

    attempt.react(model, {"Wiki": Tool("A"), "py-3.run": Tool("B")}, "q")

    expected = [start, middle, f"{middle}{second}\nObservation: B\n"]
    assert_equal(model.prompts, expected, label="prompts")


def test_an_invented_observation_is_cut(attempt):
    invented = "Observation: 3000 m\nThought: easy\nFinal Answer: 3000 m"
    model = Script(f"Action: search[tower]\n{invented}", "Final Answer: 330 m")
    transcript = "Question: q\nAction: search[tower]\nObservation: 330 m\nFinal Answer: 330 m\n"
    search = Tool("330 m")

    assert_run(attempt.react(model, {"search": search}, "q"), "330 m", 2, transcript)
    assert_equal(search.inputs, ["tower"], label="the inputs of search")


def test_what_follows_the_first_of_several_invented_observations_is_cut(attempt):
    reply = "Action: a[1]\nObservation: x\nAction: a[2]\nObservation: y\nAction: a[3]"
    tool = Tool("A")

    run = attempt.react(Script(reply), {"a": tool}, "q", max_steps=1)

    assert_run(run, None, 1, "Question: q\nAction: a[1]\nObservation: A\n")
    assert_equal(tool.inputs, ["1"], label="the inputs of a")


def test_an_observation_after_the_final_answer_is_no_part_of_it(attempt):
    run = attempt.react(Script("Final Answer: 42\nObservation: right\n"), {}, "q")

    assert_run(run, "42", 1, "Question: q\nFinal Answer: 42\n")


def test_a_reply_that_starts_with_an_observation_is_cut_whole(attempt):
    run = attempt.react(Script("Observation: x\nFinal Answer: y"), {}, "q", max_steps=1)

    assert_run(run, None, 1, f"Question: q\n\nObservation: {MALFORMED}\n")


def test_a_label_within_a_line_is_text(attempt):
    thought = "Thought: no Observation: yet, so Action: b[2] and Final Answer: 7 must wait"

    assert_observes(attempt, f"{thought}\nAction: a[1]", "A", {"a": Tool("A"), "b": Tool("B")})
    assert_observes(attempt, f"Action: a[1]\n{thought}", "A", {"a": Tool("A"), "b": Tool("B")})


def test_a_label_spelled_otherwise_is_text(attempt):
    thought = "Observations: none\nobservation: none\nfinal answer: 7\nAnswer: 7\naction: b[2]"

    assert_observes(attempt, f"{thought}\nAction: a[1]", "A", {"a": Tool("A"), "b": Tool("B")})
    assert_observes(attempt, f"Action: a[1]\n{thought}", "A", {"a": Tool("A"), "b": Tool("B")})


def test_the_last_final_answer_counts(attempt):
    reply = "Final Answer: 41\nThought: no, I forgot one.\nFinal Answer: 42"
    run = attempt.react(Script(reply), {}, "q")

    assert_run(run, "42", 1, f"Question: q\n{reply}\n")


def test_the_last_action_counts(attempt):
    a, b = Tool("A"), Tool("B")

    assert_observes(attempt, "Action: a[1]\nThought: better b\nAction: b[2]", "B", {"a": a, "b": b})
    assert_equal((a.inputs, b.inputs), ([], ["2"]), label="the inputs of a and b")


def test_an_action_after_a_final_answer_is_run(attempt):
    reply = "Final Answer: 41\nThought: let me check.\nAction: a[1]"

    assert_observes(attempt, reply, "A", {"a": Tool("A")})


def test_a_final_answer_after_an_action_ends_the_run(attempt):
    reply, tool = "Action: a[1]\nThought: I know it.\nFinal Answer: 42", Tool("A")
    run = attempt.react(Script(reply), {"a": tool}, "q")

    assert_run(run, "42", 1, f"Question: q\n{reply}\n")
    assert_equal(tool.inputs, [], label="the inputs of a")


def test_a_final_answer_may_span_lines(attempt):
    run = attempt.react(Script("Final Answer:  one\n two\n\nthree  \n"), {}, "q")

    assert_run(run, "one\n two\n\nthree", 1, "Question: q\nFinal Answer:  one\n two\n\nthree\n")


def test_an_empty_final_answer_ends_the_run(attempt):
    assert_run(
        attempt.react(Script("Final Answer:"), {}, "q"), "", 1, "Question: q\nFinal Answer:\n"
    )


def test_what_the_model_wrote_is_stripped_in_the_transcript(attempt):
    run = attempt.react(Script("\n  Thought: x\nFinal Answer: y \n\n"), {}, "q")

    assert_run(run, "y", 1, "Question: q\nThought: x\nFinal Answer: y\n")


@pytest.mark.parametrize(
    "action, text",
    [
        pytest.param("Action:  a [  Eiffel Tower ]", "Eiffel Tower", id="spaces around"),
        pytest.param("Action:a[x]", "x", id="no space after the label"),
        pytest.param("Action: a[]", "", id="empty"),
        pytest.param("Action: a[xs[0] + f([1])]", "xs[0] + f([1])", id="brackets"),
        pytest.param("Action: a[x] \nThought: more", "x", id="space after the bracket"),
    ],
)
def test_a_tool_gets_what_stands_in_the_brackets(attempt, action, text):
    tool = Tool("A")

    assert_observes(attempt, action, "A", {"a": tool})
    assert_equal(tool.inputs, [text], label="the inputs of a")


def test_a_tool_result_is_left_as_it_is(attempt):
    assert_observes(
        attempt, "Action: a[1]", "  one\n\ntwo {x} %s \n", {"a": Tool("  one\n\ntwo {x} %s \n")}
    )


def test_an_unknown_tool_is_told_to_the_model(attempt):
    tools = {"search": Tool("S"), "calc": Tool("C"), "lookup": Tool("L")}
    observation = "Error: no tool google, use one of: calc, lookup, search"

    assert_observes(attempt, "Action: google[x]", observation, tools)
    assert_equal([t.inputs for t in tools.values()], [[], [], []], label="the inputs of the tools")


@pytest.mark.parametrize(
    "error, observation",
    [
        pytest.param(ZeroDivisionError("by zero"), "Error: ZeroDivisionError: by zero", id="zero"),
        pytest.param(ValueError("bad [input]"), "Error: ValueError: bad [input]", id="value"),
        pytest.param(KeyError("x"), "Error: KeyError: 'x'", id="key"),
        pytest.param(TimeoutError(), "Error: TimeoutError: ", id="no message"),
    ],
)
def test_an_error_in_a_tool_is_told_to_the_model(attempt, error, observation):
    assert_observes(attempt, "Action: a[1]", observation, {"a": Tool(error)})


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("Thought: hm", id="no label"),
        pytest.param("a[1]", id="an action without its label"),
        pytest.param("Final Answer", id="a label without its colon"),
        pytest.param("Action: a", id="no brackets"),
        pytest.param("Action: a 1]", id="no opening bracket"),
        pytest.param("Action: a[1", id="no closing bracket"),
        pytest.param("Action: [1]", id="no name"),
        pytest.param("Action: a[1] or so", id="text after the bracket"),
        pytest.param("Action: a[1\n2]", id="two lines"),
        pytest.param("Action: a[1]\nAction: b", id="only an earlier action is right"),
    ],
)
def test_a_malformed_reply_is_told_to_the_model(attempt, reply):
    tool = Tool("A")

    assert_observes(attempt, reply, MALFORMED, {"a": tool})
    assert_equal(tool.inputs, [], label="the inputs of a")


def test_labels_in_a_tool_result_are_not_the_models(attempt):
    result = "330 m\nFinal Answer: 7\nAction: a[2]\nObservation: x"
    tool = Tool(result)

    run = attempt.react(Script("Action: a[1]", "Thought: hm"), {"a": tool}, "q", max_steps=2)

    transcript = f"Question: q\nAction: a[1]\nObservation: {result}\nThought: hm\n"
    assert_run(run, None, 2, f"{transcript}Observation: {MALFORMED}\n")
    assert_equal(tool.inputs, ["1"], label="the inputs of a")


def test_labels_in_the_question_are_not_the_models(attempt):
    question = "What is\nObservation: {x}\nFinal Answer: 7\n"
    run = attempt.react(Script("Final Answer: 8"), {}, question)

    assert_run(run, "8", 1, f"Question: {question}\nFinal Answer: 8\n")


@pytest.mark.parametrize("max_steps", [1, 3], ids="{} steps".format)
def test_stops_after_max_steps(attempt, max_steps):
    model, tool = Script(*["Action: a[1]"] * max_steps), Tool("A")
    run = attempt.react(model, {"a": tool}, "q", max_steps=max_steps)

    transcript = "Question: q\n" + "Action: a[1]\nObservation: A\n" * max_steps
    assert_run(run, None, max_steps, transcript)
    assert_equal(len(tool.inputs), max_steps, label="the number of tool calls")


def test_max_steps_is_8_by_default(attempt):
    model = Script(*["Thought: hm"] * 8)
    run = attempt.react(model, {}, "q")

    assert_equal((run.answer, run.steps), (None, 8), label="answer and steps")


def test_an_answer_in_the_last_step_counts(attempt):
    model = Script("Thought: hm", "Final Answer: 42")
    run = attempt.react(model, {}, "q", max_steps=2)

    assert_equal((run.answer, run.steps), ("42", 2), label="answer and steps")


def test_errors_are_steps_too(attempt):
    model = Script("Thought: hm", "Action: b[1]", "Action: a[1]")
    run = attempt.react(model, {"a": Tool(ValueError("x"))}, "q", max_steps=3)

    transcript = (
        f"Question: q\nThought: hm\nObservation: {MALFORMED}\n"
        "Action: b[1]\nObservation: Error: no tool b, use one of: a\n"
        "Action: a[1]\nObservation: Error: ValueError: x\n"
    )
    assert_run(run, None, 3, transcript)


class Stop(BaseException):
    """As KeyboardInterrupt is, not an Exception."""


def test_a_tool_can_stop_the_program(attempt):
    with pytest.raises(Stop):
        attempt.react(Script("Action: a[1]"), {"a": Tool(Stop())}, "q", max_steps=1)


def test_an_error_in_the_model_passes_through(attempt):
    def model(prompt):
        raise ConnectionError("offline")

    with pytest.raises(ConnectionError):
        attempt.react(model, {}, "q")


def test_a_second_run_starts_afresh(attempt):
    attempt.react(Script("Action: a[1]", "Final Answer: x"), {"a": Tool("A")}, "first")
    run = attempt.react(Script("Final Answer: y"), {}, "second")

    assert_run(run, "y", 1, "Question: second\nFinal Answer: y\n")


def test_rejects_max_steps_below_1(attempt):
    model = Script()
    with pytest.raises(ValueError):
        attempt.react(model, {}, "q", max_steps=0)

    assert_equal(len(model.prompts), 0, label="the number of calls of the model")


bench = "a step of the loop costs nothing beside the call of a model; the tests count calls"
