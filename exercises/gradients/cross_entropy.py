"""# Cross-entropy, with its gradient

This one number is what a language model is trained on. At each position the model gives a score (a **logit**) to every
token of the vocabulary, and the text says which token came next. The loss is how surprised the model was: minus the
logarithm of the probability that it gave to that token. Its gradient is where the backward pass of every training
step begins, and it turns out to be very simple.

For a row x of V logits with p = softmax(x), and the target distribution q over the V tokens:

    loss = - Σᵥ qᵥ log pᵥ                       log pᵥ = xᵥ - log Σⱼ exp(xⱼ)
    ∂loss / ∂xᵥ = pᵥ - qᵥ                       what the model says, less what it should say

Without smoothing q is 1 at the token y and 0 elsewhere, so loss = - log p_y. With **label smoothing** ε the target is
a little less sure, and the model is not driven to be certain:

    qᵥ = (1 - ε) [v = y] + ε / V                the ε is shared by all V tokens, y among them

The loss of a batch is the **mean** over its rows, and the gradient is that of the mean. Rows whose target is
`ignore_index` (padding, or the words of the user in a chat) do not count: they add nothing to the sum, and they are
not among the rows that it is divided by.

## Signature

`ce(logits, y, ignore_index=-100, smoothing=0.0)` returns `(loss, dlogits)`. NumPy only.

| name | shape | dtype | what it is |
|---|---|---|---|
| `logits` | (N, V) | float32 or float64 | a row of scores for each position; any size, single ones may be -inf |
| `y` | (N,) | int64 | the token that came next, 0 ≤ y < V, or `ignore_index` |
| `ignore_index` | int | | the target that marks a row to be left out; may be a token's number, as the padding's |
| `smoothing` | float | | ε, from 0 to 1 |
| returns `loss` | | float | the mean of the loss over the rows that count |
| returns `dlogits` | (N, V) | like `logits` | ∂loss / ∂logits, 0 in the rows that do not count |

## Conventions and edge cases

- Logits may be 1e4 or -1e4, and rows may be far apart: nothing overflows, and the loss of a token of probability
  exp(-20000) is 20000. There is no small number inside the logarithm.
- Single logits may be **-inf** (tokens that are not allowed) where smoothing is 0, but never the one of the target.
  They have probability 0 and add nothing: their gradient is exactly 0, and the loss stays finite. Note that
  0 · (-inf) is NaN.
- **If no row counts**, or N is 0, the loss is 0.0 and the gradient all zeros. (PyTorch's loss is NaN there.)
- Logarithms are natural. Each row of dlogits sums to 0.
- `logits` and `y` are only read. `loss` may be a Python float or a NumPy scalar. float32 gives float32 gradients.

## Example

    logits = [[0, ln 3], [ln 4, 0], [5, 5]]      y = [1, 1, -100]
    p      = [[1/4, 3/4], [4/5, 1/5], ...]       the last row does not count, so the mean is over 2 rows
    loss   = ( - log 3/4 - log 1/5 ) / 2 = 0.94856
    dlogits = [[1/4, -1/4], [4/5, -4/5], [0, 0]] / 2

With smoothing=0.2 the first row has q = [0.1, 0.9] and the gradient [0.15, -0.15] / 2.

## Source

Ian Goodfellow, Yoshua Bengio and Aaron Courville, *Deep Learning* (MIT Press 2016), section 6.2.2.3. Smoothing:
Christian Szegedy et al., "Rethinking the Inception architecture for computer vision" (2015), arXiv:1512.00567, section 7.
"""

import numpy as np


def ce(
    logits: np.ndarray, y: np.ndarray, ignore_index: int = -100, smoothing: float = 0.0
) -> tuple[float, np.ndarray]:
    """The mean cross-entropy of the rows of `logits` with the targets `y`, and its gradient for the logits."""
    raise NotImplementedError("return the mean of - Σ q log p over the rows that count, and (p - q) / their number")


if __name__ == "__main__":
    # A model that knows nothing has the loss log V; one step against the gradient, and it knows a little more.
    logits, y = np.zeros((4, 50)), np.array([7, 7, 3, -100])
    for _ in range(3):
        loss, dlogits = ce(logits, y)
        print(f"loss {loss:.4f}   perplexity {np.exp(loss):.2f}   log V = {np.log(50):.4f}")
        logits = logits - 5.0 * dlogits
