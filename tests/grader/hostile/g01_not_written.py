"""Says that nothing is written yet after it has gone through everything it was given."""
# exercise: attention/scaled_dot_product
# status: not_started
# says: Not written yet


class NotYet(NotImplementedError):
    pass


NotYet.__name__ = "NotImplementedError"


def sdpa(Q, K, V, mask=None):
    raise NotYet("passed")
