"""Writes docs/course-quality.md: `gradlings course check --json > check.json; python docs/course_quality.py check.json`.

Besides the check's findings it grades the solutions in `tests/solutions/`, and counts how many wrong ones are told their mistake.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from grader.course.read import find_course
from grader.course.uses import of_references
from grader.engine import EnginePool
from grader.model import Submission

ROOT = Path(__file__).parents[1]
KINDS = ("named", "pointed", "numbers", "false")
BUDGET_S = 5.0  # as in courses: 0.3 on a save
HEAD = """# How good the course is

Made by `gradlings course check --json > check.json` (ten seeds, mutation; 25 minutes on two cores) and
`python docs/course_quality.py check.json`. Suite times are the largest seen while two engines ran.

The last four columns are about `tests/solutions/`: right and wrong solutions kept apart from the suites, most of them written
from the stub alone. Right ones pass, wrong ones fail (`make solutions`; one that still passes carries a line `# open:` with the
reason). "By name" counts the wrong ones whose verdict names a mistake; "in words" those of which a reader who saw neither
reference nor suite said: having read the verdict, one knows what to change (`tests/solutions/told.json`: named, pointed to the
property that breaks, only numbers, or false). Of the wrong solutions that were not told, many have become named mistakes since,
so both shares flatter. The first judgement, before that: 66 % of 563 in words, 21 % pointed, 13 % numbers, two false ones
(mended).

More telling are readers who saw nothing but the stubs of 73 exercises (all but the capstone, `lora/train`,
`quantization/kv_fp8` and `quantization/model`). Their right solutions of all 73 passed at the first try. Of three wrong ones for
each, with mistakes that nobody had listed, 168 of 219 were told in words (77 %; 80 % are wanted), 35 pointed, 9 numbers, one was
told a false mistake, 6 passed. Since then the false one is mended, four of the six holes are closed, and what the other two did
(`dlse` as exp(x - lse) in float32, `trace` by the whole product) the course itself accepts; some thirty of the untold ones are
named mistakes now.

"""


def main(check: str) -> None:
    """Print the page."""
    found = find_course(str(ROOT))
    reports = json.loads(Path(check).read_text())["exercises"]
    right, wrong, told = _solutions()
    judged = _judged()
    columns = (
        "exercise", "checks", "suite ms", "mistakes named as themselves", "other right solutions", "mutants", "argued equal",
        "alive", "sound", "right, passed", "wrong, failed", "by name", "in words",
    )  # fmt: skip
    rows = [columns, ("---",) * len(columns)]
    sums: Counter[str] = Counter()
    for report in reports:
        id = report["exercise"]
        named = sum(kill["diagnosed"] == kill["mistake"] for kill in report["kills"])
        numbers = {
            "named": named, "mistakes": len(report["kills"]), "mutants": report["mutants"], "equal": len(report["argued"]),
            "alive": len(report["survivors"]), "sound": report["sound"],
        }  # fmt: skip
        sums.update(numbers)
        rows.append((
            id, report["checks"], f"{report['suite_s'] * 1000:.0f}", f"{named}/{numbers['mistakes']}", report["alternatives"],
            numbers["mutants"], numbers["equal"], numbers["alive"], "yes" if report["sound"] else "no",
            _share(right, id), _share(wrong, id), told[id], judged[id, "named"],
        ))  # fmt: skip
    total, by_name = sum(wrong.values()), sum(told.values())
    kinds: Counter[str] = Counter()
    for (_, kind), count in judged.items():
        kinds[kind] += count
    said = ", ".join(f"{kinds[kind]} ({kinds[kind] / kinds.total():.0%}) {kind}" for kind in KINDS)
    end = (
        f"{sums['sound']} of {len(found.exercises)} exercises are sound; {sums['named']} of {sums['mistakes']} known mistakes "
        f"are named as themselves; {sums['mutants']} mutants, {sums['equal']} argued equal, {sums['alive']} alive. "
        f"Of {total} wrong solutions {by_name} ({by_name / total:.0%}) are told a mistake by name. "
        f"Of {kinds.total()} judged: {said}."
    )
    table = "".join(f"| {' | '.join(map(str, row))} |\n" for row in rows)
    sys.stdout.write(f"{HEAD}{table}\n{end}\n")


def _share(counts: Counter[tuple[str, bool]], id: str) -> str:
    """How many of an exercise's were as they should be."""
    return f"{counts[id, True]}/{counts[id, True] + counts[id, False]}"


def _judged() -> Counter[tuple[str, str]]:
    """By exercise and judgement: how many wrong solutions."""
    judged = json.loads((ROOT / "tests/solutions/told.json").read_text())
    return Counter((path.rpartition("/")[0], kind) for path, kind in judged.items())


def _solutions() -> tuple[Counter[tuple[str, bool]], Counter[tuple[str, bool]], Counter[str]]:
    """By exercise: right ones that passed or did not, wrong ones that failed or did not, wrong ones told a mistake."""
    course = find_course(str(ROOT))
    kinds: dict[tuple[str, str], str] = {}
    for path in sorted((ROOT / "tests/solutions").glob("*/*/*.py")):
        kinds["/".join(path.parts[-3:-1]), path.read_text(encoding="utf-8")] = path.name.partition("_")[0]
    submissions = [Submission(id, text, uses=of_references(course, id, text)) for id, text in kinds]
    right: Counter[tuple[str, bool]] = Counter()
    wrong: Counter[tuple[str, bool]] = Counter()
    told: Counter[str] = Counter()
    with EnginePool(course, 2, budget_s=BUDGET_S) as pool:
        for submission, verdict in pool.grade_all(submissions):
            id = submission.exercise
            if kinds[id, submission.source] == "right":
                right[id, verdict.passed] += 1
            else:
                wrong[id, not verdict.passed] += 1
                told[id] += any(check.diagnosis for check in verdict.checks)
    return right, wrong, told


if __name__ == "__main__":
    main(*sys.argv[1:])
