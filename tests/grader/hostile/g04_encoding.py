"""Declares an encoding under which a comment becomes code."""
# exercise: attention/scaled_dot_product
# status: failed
# says: expected

# -*- coding: utf-7 -*-
# +AAo-print(+ACI-BREACH+ACI-)


def sdpa(Q, K, V, mask=None):
    return V
