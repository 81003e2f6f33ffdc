"""# Your first pass: the greedy next token

A language model reads a text and answers with a list of numbers, one **score** for every token of its
vocabulary: the higher the score, the better that token would go on with the text. A token is known by its
place in that list, its **id**. The simplest way to choose the next token is the greedy one: take the token
with the highest score.

    scores           = [1.5, -0.5, 4.0, 2.0]
    next_token(scores) = 2                      the highest score, 4.0, is in place 2 (places count from 0)

| name | type | what it is |
|---|---|---|
| `scores` | list of float, at least one | one score per token; negative ones and `-inf` ("never this token") are usual |
| returns | int | the place of the highest score, counted from 0; **the first** such place where several are equal |

`scores` is only read: it must be the same list afterwards. No libraries are needed; Python's own list will
do.

## How the course works

1. **Save.** There is one line to change below: the one that begins with `raise`. Replace it with `return 0`
   and save this file. That is wrong, and on purpose.
2. **Verdict.** Look at the terminal: a verdict is there already. Each check has a title that says what is
   expected. Those that fail say what came instead, and where a mistake is recognised, which one it was.
3. **Hint.** If you are stuck, ask for a hint: `gradlings hint`. There are four: the idea, the shapes, the
   equation, and nearly the line.
4. **Next.** Put the right line in and save. When every check passes, the next exercise is waiting. Your
   file stays yours: every version you saved can be looked at again with `gradlings history`.

Source: Jurafsky and Martin, *Speech and Language Processing* (3rd edition draft), on greedy decoding.
"""


def next_token(scores: list[float]) -> int:
    """The place, from 0, of the highest score; the first one where several are equal."""
    raise NotImplementedError("replace this line with one that returns the place of the highest score")


if __name__ == "__main__":
    vocabulary = ["the", "a", "cat", "sat"]
    best = next_token([1.5, -0.5, 4.0, 2.0])
    print("next token:", best, vocabulary[best])
