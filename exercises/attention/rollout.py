"""# Attention rollout

Which words of the prompt did the model's last word come from? The weights of the last layer do not say it: what that
layer reads at a place is no longer the word that stood there, but a mixture which earlier layers made. In a deep
transformer the raw weights of the upper layers become nearly even and say nothing. Rollout follows the weights through
all layers, down to the words themselves. It is a picture, not a proof (it knows nothing of values, norms or feed-forward
layers), but a far better one than a single layer's, and it is what many heat maps of attention show.

## The formula

A layer adds what attention read to what was there already, x + attention(x): each token keeps itself and takes in others.
Rollout takes a share `residual` for the first and the rest for the second, and the average of the heads for what was
read:

    M_l = residual · I + (1 - residual) · mean over heads of A_l              n × n, rows sum to one
    R   = M_L M_{L-1} ... M_2 M_1                                             row i: where token i came from

Layer 1 is next to the words. R_ij adds up all paths from the output token i down to the input token j: a step of each
layer along its M, the shares multiplied on the way. The paper has residual = ½.

## What to write

    mix(A, residual=0.5)                          M of one layer
    rollout(attentions, residual=0.5)             R, the whole table
    trace(attentions, token, residual=0.5)        only the row of R for one token

| name | shape or type | dtype | meaning |
|---|---|---|---|
| `A` | (..., heads, n, n) | float32 or float64 | a layer's weights: a row for each query, rows sum to one |
| `attentions` | list of L ≥ 1 such tensors | | **the layer next to the words comes first**; head counts may differ |
| `residual` | float from 0 to 1 | | the share of a token that stays itself |
| `token` | int from -n to n - 1 | | an output token; -1 is the last one, the one that predicts the next word |
| `mix`, `rollout` give | (..., n, n) | as A | |
| `trace` gives | (..., n) | as A | |

- `...` is any number of leading axes (none, a batch), the same ones in all layers. The heads are the third axis from the
  end.
- The heads of a layer are averaged **before** the layers are multiplied, since the next layer reads all of them at once.
- The rows of M and R sum to one of themselves: there is nothing to divide by afterwards.
- `trace` gives the same numbers as the row of `rollout`, but takes a row of n numbers through the layers, and so costs n²
  for each layer where two n × n matrices would cost n³. Begin at the end: which mixture of the last layer's inputs is the
  token? (Only the numbers are checked; what it costs you see on a long text.)
- The list and its tensors are not changed, and the tensors need not be contiguous. n and the number of heads may be 1.

## By hand

Two tokens, two layers of one head, residual = ½. In layer 1 both tokens read token 0, in layer 2 both read token 1.

    A_1 = [[1, 0],     A_2 = [[0, 1],     M_1 = [[1,   0],       M_2 = [[1/2, 1/2],     R = M_2 M_1 = [[3/4, 1/4],
           [1, 0]]            [0, 1]]            [1/2, 1/2]]            [0,   1]]                      [1/2, 1/2]]

Token 0 after both layers: ½ is what it was, all of it word 0; the other ½ is token 1 as it was after layer 1, and so half
of it is word 0 again. That makes ¾. With residual = 0, R = A_2 A_1 = [[1, 0], [1, 0]]; with residual = 1, R is the
identity.

## Source

Abnar, Zuidema, "Quantifying Attention Flow in Transformers" (2020), section 3; arXiv:2005.00928.
"""

import torch
from torch import Tensor


def mix(A: Tensor, residual: float = 0.5) -> Tensor:
    """A layer's shares: `residual` of each token stays, the rest is what the heads read on average."""
    raise NotImplementedError("average the heads, and mix with the identity")


def rollout(attentions: list[Tensor], residual: float = 0.5) -> Tensor:
    """Where each output token came from: row i holds the shares of the words in token i."""
    raise NotImplementedError("multiply the layers' matrices, in the right order")


def trace(attentions: list[Tensor], token: int, residual: float = 0.5) -> Tensor:
    """The row of `rollout` for one output token, without the others."""
    raise NotImplementedError("take the token's row through the layers, from the last one down")


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    layers = [torch.randn(4, 5, 5).masked_fill(~causal, -torch.inf).softmax(-1) for _ in range(6)]
    print("the last layer's weights:\n", layers[-1].mean(0))
    print("rollout of six layers:\n", rollout(layers))
    print("where the last token came from:\n", trace(layers, -1))
    print("if nothing of a token stayed itself:\n", trace(layers, -1, residual=0.0))
