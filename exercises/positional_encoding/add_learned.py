"""# Learned positions, added to the tokens

The plainest answer to "where does this token stand?" is a second table: row p is a vector for position p, learnt like all
the rest, and added to the token's own. BERT, GPT-2 and RoBERTa begin so. It is three lines of code, and each has its
trap: the two summands must be of like size, positions are not always 0, 1, 2, ..., padding must not learn, and a table ends.

## The formula

    x[b, t] = dropout( √d · tokens[ids[b, t]] + positions[pos[b, t]] )

The √d belongs to the tokens alone. The first transformer uses one table for its input and for its output, where it is
multiplied with vectors of width d, so its entries are small, about d^(-1/2). √d brings them up to about 1, so that the
positions do not drown them. Dropout falls on the **sum**, so a dropped entry is 0 and knows of neither.

## What to write

    class Embed(torch.nn.Module):
        Embed(vocab, max_len, d, pad_id, p_drop=0.1)
        forward(ids, pos=None)

    real_positions(ids, pad_id)

| argument | shape or type | meaning |
|---|---|---|
| `vocab`, `max_len`, `d` | int | number of tokens, of positions, of columns |
| `pad_id` | int, 0 ≤ pad_id < vocab | the token that fills short sequences up |
| `p_drop` | float from 0 to 1, both included | chance of each entry to be dropped while training |
| `tokens` | (vocab, d) | `torch.nn.Parameter`, float32 as made |
| `positions` | (max_len, d) | `torch.nn.Parameter`, float32 as made |
| `ids` | (batch, n), int64 | the tokens |
| `pos` | (n,) or (batch, n), int64 | where they stand; None means 0, 1, ..., n - 1 in every sequence |
| result of `forward` | (batch, n, d), dtype of the parameters | |
| result of `real_positions` | (batch, n), int64 | positions that do not count padding |

- **First values**: normal with mean 0; tokens with standard deviation d^(-1/2), positions with 0.02. Row pad_id of `tokens` is
  zeros.
- **The padding row stays zeros**: no gradient reaches it, whatever the loss says about padded places. The
  position of a padded place is added all the same, and learns.
- **A table ends.** A position below 0 or from max_len on is a `ValueError`, given or counted. (Indexing alone would
  read row -1 from the end of the table, without a word.)
- **Dropout** while the module is in training mode only; what is kept is divided by 1 - p_drop; p_drop = 1 gives zeros. The
  library's dropout may be used. With p_drop = 0 or in eval mode nothing is left to chance.
- `real_positions`: the first token of each sequence that is not padding gets 0, the next one that is not gets 1, and so
  on; padding itself gets 0. A batch that a model is to continue is padded on the **left**; with plain positions its short
  sequences would begin in the middle of the table.
- Parameters are these two and no more. n may be 0.

## By hand

d = 4, so √d = 2, and pad_id = 0:

    tokens = [[0, 0, 0, 0],        positions = [[½, 0, 0, 0],        forward([[2, 1, 0]]) = [[[½, 2, 0, 6],
              [1, 0, 2, 0],                     [0, ½, 0, 0],                                 [2, ½, 4, 0],
              [0, 1, 0, 3]]                     [0, 0, ½, 0]]                                 [0, 0, ½, 0]]]

    real_positions([[0, 0, 7, 8],          = [[0, 0, 0, 1],
                    [5, 6, 7, 0]], 0)         [0, 1, 2, 0]]

## Source

Gehring et al., "Convolutional Sequence to Sequence Learning" (2017), section 3.1; arXiv:1705.03122.
Vaswani et al., "Attention Is All You Need" (2017), sections 3.4 (√d) and 5.4 (dropout of the sum); arXiv:1706.03762.
Devlin et al., "BERT" (2018), section 3; arXiv:1810.04805.
"""

import torch
from torch import Tensor


class Embed(torch.nn.Module):
    """Tokens and learned positions, as the input of a transformer."""

    def __init__(self, vocab: int, max_len: int, d: int, pad_id: int, p_drop: float = 0.1) -> None:
        super().__init__()
        raise NotImplementedError("make the two tables, and keep what forward needs")

    def forward(self, ids: Tensor, pos: Tensor | None = None) -> Tensor:
        """The vectors of the tokens `ids` at the positions `pos`."""
        raise NotImplementedError("look both up, scale, add, drop")


def real_positions(ids: Tensor, pad_id: int) -> Tensor:
    """Positions that count the tokens of each sequence and leave padding out."""
    raise NotImplementedError("how many tokens that are not padding stand before each?")


if __name__ == "__main__":
    torch.set_printoptions(precision=2, sci_mode=False)
    torch.manual_seed(0)
    embed = Embed(vocab=10, max_len=6, d=8, pad_id=0).eval()
    ids = torch.tensor([[0, 0, 3, 4], [3, 4, 5, 6]])
    pos = real_positions(ids, pad_id=0)
    print("positions:\n", pos)
    x = embed(ids, pos)
    print("the same tokens at the same positions are the same:", torch.equal(x[0, 2:], x[1, :2]))
    print("how large the tokens and positions are:", embed.tokens[1:].std() * 8**0.5, embed.positions.std())
