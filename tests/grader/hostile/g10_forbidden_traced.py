"""Has the forbidden function compiled to a graph and runs that."""
# exercise: attention/scaled_dot_product
# status: CALIB
# score: CALIB

import torch


attend = torch.jit.CompilationUnit("""
def attend(Q: Tensor, K: Tensor, V: Tensor, mask: Optional[Tensor]) -> Tensor:
    return torch.scaled_dot_product_attention(Q, K, V, mask)
""").attend


def sdpa(Q, K, V, mask=None):
    return attend(Q, K, V, mask)
