"""What an interview comes to, and what to practise after it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from grader.cli.actions import next_kata
from grader.cli.desk import Desk
from grader.cli.interviewing import all_of
from grader.content.card import load_card
from grader.content.catalog import Kata
from grader.errors import KataError
from grader.progress.interviews import Asked, Interview


@dataclass(frozen=True, slots=True)
class Answer:
    """One kata of the report.

    Attributes:
        tells: What to say of each mistake that was diagnosed, once.
        questions: How many follow-ups it has.
    """

    kata: Kata
    asked: Asked
    tells: tuple[str, ...]
    questions: int


@dataclass(frozen=True, slots=True)
class Practice:
    """What to do next, and why."""

    command: str
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    interview: Interview
    answers: tuple[Answer, ...]
    practice: tuple[Practice, ...]

    def to_data(self) -> dict[str, object]:
        """The object that --json prints."""
        whole = asdict(self.interview)
        whole["seconds"] = round(self.interview.seconds)
        for answer, data in zip(self.answers, whole["asked"], strict=True):
            data["seconds"] = round(answer.asked.seconds)
            data["minutes"] = answer.kata.minutes
        whole["practice"] = [asdict(one) for one in self.practice]
        return whole


def report(desk: Desk, number: int | None = None) -> Report:
    """Of the interview of that number, or of the last one.

    Raises:
        KataError: There is none.
    """
    found = all_of(desk)
    if not found:
        raise KataError("no interview yet: kata interview begins one")
    if number is not None and not 1 <= number <= len(found):
        raise KataError(f"no interview {number}; there are 1 to {len(found)}")
    interview = found[(number or len(found)) - 1]
    katas = {kata.id: kata for kata in desk.catalog}
    # what was asked of content that is gone since cannot be told about
    known = [one for one in interview.asked if one.kata in katas]
    interview.asked[:] = known
    answers = tuple(_answer(katas[one.kata], one) for one in known)
    return Report(interview, answers, tuple(_practice(desk, answers)))


def _answer(kata: Kata, asked: Asked) -> Answer:
    card = load_card(kata)
    tells = {mistake.name: mistake.tell for mistake in card.mistakes}
    named = [name for name in dict.fromkeys(asked.mistakes) if name in tells]
    return Answer(kata, asked, tuple(tells[name] for name in named), len(card.follow_ups))


def _practice(desk: Desk, answers: tuple[Answer, ...]) -> Iterator[Practice]:
    for answer in answers:
        asked, slug = answer.asked, answer.kata.slug
        if not asked.solved:
            held, of = asked.claims
            why = f"not solved: {held} of {of} claims held" if of else "not solved"
            yield Practice(f"kata start {slug}", why)
            continue
        reasons = []
        if asked.hints:
            reasons.append(f"{asked.hints} hints" if asked.hints > 1 else "a hint")
        if asked.seconds > answer.kata.minutes * 60:
            reasons.append(f"more than its {answer.kata.minutes} minutes")
        if reasons:
            yield Practice(f"kata start {slug} --fresh", "solved with " + " and ".join(reasons))
        unsure = sum(rating != "knew" for rating in asked.ratings)
        if unsure:
            questions = "question" if unsure == 1 else "questions"
            yield Practice(f"kata solution {slug}", f"answers to {unsure} follow-up {questions}")
    last = answers[-1].kata if answers else None
    if following := next_kata(desk, desk.state(), last):
        yield Practice(f"kata start {following.slug}", following.title)
