"""Learner text made safe to show: what they printed, their exception messages, file names and lines of code are data.

A terminal obeys what it is sent: an escape sequence in a printed string can rewrite the verdict above it, a bidi control
can swap its words, a carriage return can overwrite a line. `clean` makes all of them visible instead. It knows nothing of
Rich markup (whoever prints uses `Text` or `markup=False`), and it has no dependencies, so that the judge can use it too.
"""

from __future__ import annotations

import re
from pathlib import Path

# Everything that moves the cursor, reorders, breaks lines or cannot be seen, but "\n" and "\t": C0 and C1 controls, the
# format characters (Cf), line and paragraph separators, lone surrogates, Hangul fillers and other letters without ink,
# and variation selectors beyond the two that emoji use.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """`text` with every control and invisible character made visible; newlines and tabs stay.

    C0 controls and DEL become their pictures (U+2400 and on), everything else its number: `<U+202E>`. What is returned
    can be encoded as UTF-8 and cleaned again without change.
    """
    return _HIDDEN.sub(_visible, text)


def one_line(text: str, limit: int = 200) -> str:
    """`text` cleaned, on one line (newlines and tabs become spaces), at most `limit` characters long."""
    line = " ".join(clean(text[: limit * 4]).split())
    return line if len(line) <= limit and len(text) <= limit * 4 else line[: limit - 1].rstrip() + "…"


def seconds(duration: float) -> str:
    """A duration in at most six characters, up to a thousand seconds: "12 ms", "3.4 s"."""
    return f"{duration * 1000:.0f} ms" if duration < 0.9995 else f"{duration:.1f} s"


def shown_path(path: Path) -> str:
    """A file as one types it: relative to the current folder where it lies below, made safe to print."""
    try:
        return one_line(str(path.resolve().relative_to(Path.cwd().resolve())), 400)
    except (ValueError, OSError):
        return one_line(str(path), 400)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"<U+{code:04X}>"
