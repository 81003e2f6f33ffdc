"""Raises errors whose text begins like a formula of a spreadsheet."""
# exercise: attention/scaled_dot_product
# status: error
# says: =HYPERLINK


def sdpa(Q, K, V, mask=None):
    raise type("=cmd|' /C calc'!A0", (Exception,), {})('=HYPERLINK("http://example.org")\t+1\n@SUM(1)')
