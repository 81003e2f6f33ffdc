"""A look at a msgpack message before anything is made of it: how many items it holds, and of which kinds.

An empty list takes one byte on the wire and some sixty in memory; a map whose keys share a hash takes time by the square
of its size. Whether the message is well formed is the decoder's to say.
"""

from __future__ import annotations

# By first byte: how many bytes of a number follow.
_NUMBER = {0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
# By first byte: the width of the length of bytes and strings, and of lists.
_BYTES = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_LISTS = {0xDC: 2, 0xDD: 4}
_PLAIN = (0xC0, 0xC2, 0xC3)  # None, False, True


def check_items(data: bytes, limit: int) -> None:
    """Raise ValueError where `data` holds, or claims, more than `limit` items, or one of a kind that never crosses."""
    at, left, end = 0, 1, len(data)
    while left and at < end:
        first = data[at]
        at += 1
        left -= 1
        limit -= 1
        if first < 0x80 or first >= 0xE0 or first in _PLAIN:
            continue
        if 0x90 <= first < 0xA0:
            left += first & 0x0F
        elif 0xA0 <= first < 0xC0:
            at += first & 0x1F
        elif first in _NUMBER:
            at += _NUMBER[first]
        elif first in _BYTES:
            width = _BYTES[first]
            at += width + int.from_bytes(data[at : at + width], "big")
        elif first in _LISTS:
            width = _LISTS[first]
            left += int.from_bytes(data[at : at + width], "big")
            at += width
        else:
            raise ValueError(f"an item of the kind {first:#x}, which is not used here")
        if left > limit:
            break
    if left > max(limit, 0) or limit < 0:
        raise ValueError("too many items in one message")
