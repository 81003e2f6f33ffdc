"""# Cross-attention

A translator reads a sentence, then writes another. The part that writes looks up, at every word, what was read: it
attends to the *memory*, the vectors that the reading part left behind. That is cross-attention: **the questions come
from one text, the answers from another**. The first attention ever was of this kind, and the same layer lets a model
speak about an image, or follow a prompt that another network encoded. It is multi-head attention; what goes wrong is
what belongs to which side.

## The formula

    Q = x W_q        K = memory W_k        V = memory W_v

    head_i = softmax(Q_i K_iᵀ / √d_head) V_i          over the memory; padding hidden; d_head = d_attn / n_heads
    result = [head_0 | head_1 | ... ] W_o             heads side by side along the last axis

where Q_i, K_i, V_i are the i-th block of d_head neighbouring columns.

## What to write

    cross(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads)

| argument | shape | dtype | meaning |
|---|---|---|---|
| `x` | (batch, n, d_model) | float32 or float64 | the tokens that ask: the text being written |
| `memory` | (batch, m, d_mem) | as x | what is asked: the encoded text, filled up to the length m |
| `mem_mask` | (batch, m) | bool, or None | **True = a real token**, False = padding; None: all are real |
| `W_q` | (d_model, d_attn) | as x | weights multiply from the right, with no bias |
| `W_k`, `W_v` | (d_mem, d_attn) each | as x | |
| `W_o` | (d_attn, d_model) | as x | |
| `n_heads` | | int | divides d_attn |
| result | (batch, n, d_model) | as x | to be added to x by the caller: you add nothing |

- n and m may differ, and so may d_model, d_mem and d_attn. (Often all widths are equal. Then every mix-up of the two
  sides still has the right shapes, and only the numbers are wrong.)
- Each sequence has a padding of its own, anywhere in the row. It concerns the *keys*: every query of that sequence, in
  every head, sees the same tokens. Padding gets the weight 0 whatever it holds, and may hold any finite number: ten
  million, say.
- Nothing else is hidden. The memory was read to its end before the first word is written, so every token of x sees all
  of it; there is no before and after between two texts.
- A sequence whose memory is all padding, or m = 0, gives **zeros**, and no NaN in the result or the gradients.
- Scores may be as large as ±10⁶, differently in each row: the result stays finite and right.
- Gradients reach x, the memory and all four weights. The arguments are not changed, need not be contiguous, and n may
  be 0.

You may call `torch.nn.functional.scaled_dot_product_attention`, or write its lines again.
`torch.nn.MultiheadAttention` and its functional form are not allowed.

## By hand

One head, all widths 2, all weights the identity but W_q = √2 times it, so that √d_head = √2 cancels: scores are x ·
memory.

    x      = [[ln 3, 0]]          scores  = [[ln 3, 0, 9 ln 3]]
    memory = [[1, 4],             mem_mask = [[True, True, False]]
              [0, 8],             A        = [[3/4, 1/4, 0]]
              [9, 9]]             result   = [[0.75, 5]]

Swap the two rows [1, 4] and [0, 8] of the memory, and the result stays: attention knows no order.

## Source

Vaswani et al., "Attention Is All You Need" (2017), section 3.2.3, first point ("encoder-decoder attention");
arXiv:1706.03762. The idea: Bahdanau, Cho, Bengio, "Neural Machine Translation by Jointly Learning to Align and
Translate" (2014); arXiv:1409.0473.
"""

import torch
from torch import Tensor


def cross(
    x: Tensor,
    memory: Tensor,
    mem_mask: Tensor | None,
    W_q: Tensor,
    W_k: Tensor,
    W_v: Tensor,
    W_o: Tensor,
    n_heads: int,
) -> Tensor:
    """Let each token of `x` read the real tokens of `memory`, in `n_heads` heads."""
    raise NotImplementedError(
        "project each side with its own weights, split into heads, attend without the padding, mix"
    )


if __name__ == "__main__":
    torch.set_printoptions(precision=3, sci_mode=False)
    torch.manual_seed(0)
    x, memory = torch.randn(1, 2, 6), torch.randn(1, 4, 3)
    weights = torch.randn(6, 8), torch.randn(3, 8), torch.randn(3, 8), torch.randn(8, 6)
    real = torch.tensor([[True, True, True, False]])
    print("with padding hidden:\n", cross(x, memory, real, *weights, n_heads=2))
    print("the same without it:\n", cross(x, memory[:, :3], None, *weights, n_heads=2))
    print("padding seen:\n", cross(x, memory, None, *weights, n_heads=2))
