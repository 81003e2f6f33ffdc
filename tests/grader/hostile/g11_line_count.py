"""Uses characters that some count as line ends, so that another line is shown as the culprit."""
# exercise: attention/scaled_dot_product
# status: error
# says: blame this line
# says: raise ValueError("blame this line")

text = "  "


def sdpa(Q, K, V, mask=None):
    raise ValueError("blame this line")
