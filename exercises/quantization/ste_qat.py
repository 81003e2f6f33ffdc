"""# Training through rounding: the straight-through estimator

Below 8 bits a finished model often loses too much when it is quantized. *Quantization-aware training* lets it learn
to live on the grid: in the forward pass weights and activations are rounded as they will be when the model is
served, and the weights that are trained, in full precision, move until the rounded ones do well. One thing stands
in the way: the derivative of rounding is 0 wherever it exists, so that no gradient comes through it and nothing is
learnt.

The *straight-through estimator* is a useful lie. Backward treats rounding as if it were not there, and the clamp as
it is: a number within the range gets the gradient as it comes, a number that was cut off gets none, since a small
change of it changes nothing.

## The formula

Symmetric, with q_max = 2ᵇ⁻¹ - 1, as in `quantization/calibrate`; half-way cases to the even integer. With s = clip
/ q_max

    forward     x̂ = s · clamp(round(x / s), -q_max, q_max)
    backward    ∂x̂/∂x = 1 where -clip ≤ x ≤ clip, else 0          both ends are inside

`clip` is a constant there. *Learned step size* (LSQ) learns the step s as well, by gradient descent. The same lie,
put into the derivative by s, gives

    ∂x̂/∂s = round(x / s) - x / s     where |x / s| < q_max
          = q_max                    where x / s > q_max
          = -q_max                   where x / s < -q_max

summed over all of x, as s is one number for all. This sum grows with the size of x, so LSQ multiplies the gradient
of s (not s, and not the gradient of x) by g = 1 / √(n · q_max), n the number of entries of x.

## What to write

    fake_quantize(x, clip, bits) -> x̂        straight-through in x
    lsq(x, s, bits)              -> x̂        straight-through in x, and in s as above, times g
    QATLinear(linear, bits, momentum)        a layer that trains on quantized weights and activations

| name | shape | dtype | meaning |
|---|---|---|---|
| `x` | any; (…, K) for the layer | float32 or float64 | |
| `clip`, `s` | () | that of x | clip is 0 or more and needs no gradient; s > 0, and its gradient has the shape () |
| `bits` | | int, 2 … 8 | |
| `linear` | weight (N, K), bias (N,) or None | | an `nn.Linear`, kept as the attribute `linear` |
| `momentum` | | float, 0 ≤ momentum < 1 | share of the **old** clip that is kept |
| `QATLinear(…)(x)` | (…, N) | that of x | y = x̂ Ŵᵀ + bias |

- **Inside** is asked of x, not of its code: a number between clip and clip + s / 2 is rounded to q_max and yet cut
  off, so that its gradient is 0. (PyTorch's own fake quantization calls it inside.) For `lsq` no x lies exactly at
  an end.
- **Weights**: Ŵ = fake_quantize(W, max|W|, bits), one clip for all of W, from W as it is at this call. The clip is
  a constant in backward: no gradient runs through the maximum. W itself is never rounded in place: an optimizer's
  steps are smaller than s, and would be lost on the grid.
- **Activations**: x̂ = fake_quantize(x, clip, bits) with `clip` a **buffer** of the layer of that name, shape (),
  dtype of the weight, 0 at the start. In **training** mode each call first moves it: clip ← max|x| while it is 0,
  and from then on clip ← momentum · clip + (1 - momentum) · max|x|, one maximum for all of x; then x is quantized
  with the new one. In **evaluation** mode it is only used. It too is a constant in backward, and keeps nothing of
  the graph.
- The parameters of the layer are those of `linear`, nothing else. The bias is added as it is, not quantized.
- Where clip is 0, x̂ is 0 (and no NaN); its gradient is not asked for. x is not empty.
- The arguments are not changed, and need not be contiguous in memory.

## By hand

3 bits, so q_max = 3. `fake_quantize` with clip = 1.5 (s = 0.5) and the gradient 1 for each x̂:

    x     [0.3, -0.9, 1.5, 1.6, -4.0]        x / s = [0.6, -1.8, 3, 3.2, -8]
    x̂     [0.5, -1.0, 1.5, 1.5, -1.5]        gradient of x: [1, 1, 1, 0, 0]

`lsq` with s = 0.5 and x = [0.3, -0.9, 1.6], so n = 3: by entry ∂x̂/∂s is 1 - 0.6 = 0.4, -2 + 1.8 = -0.2 and 3; g =
1 / √9. The gradient of s is (0.4 - 0.2 + 3) / 3 = 1.0667.

The layer's clip with momentum 0.9: after a first batch with max|x| = 2 it is 2, after a second with 4 it is 2.2.

## Source

Bengio, Léonard, Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for Conditional
Computation" (2013), the straight-through estimator; arXiv:1308.3432. Jacob et al. (2017), section 3 (training with
simulated quantization, moving averages of the range); arXiv:1712.05877. Esser et al., "Learned Step Size
Quantization" (2019), sections 2.1 and 2.2; arXiv:1902.08153.
"""

import torch
from torch import Tensor, nn


def fake_quantize(x: Tensor, clip: Tensor, bits: int) -> Tensor:
    """x on the grid from -clip to clip; backward passes the gradient of what is inside straight through."""
    raise NotImplementedError("round in forward, and leave the rounding out of backward")


def lsq(x: Tensor, s: Tensor, bits: int) -> Tensor:
    """x on the grid of step s, with a gradient for x and for s."""
    raise NotImplementedError("the same grid, with s learnt: mind the factor of its gradient")


class QATLinear(nn.Module):
    """A linear layer that computes with quantized weights and activations, and trains the weights themselves."""

    def __init__(self, linear: nn.Linear, bits: int, momentum: float) -> None:
        """Keep `linear`, and make the buffer `clip`."""
        super().__init__()
        raise NotImplementedError("keep the layer and the settings, and register the buffer")

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output for x (..., K); in training mode the range of x is observed first."""
        raise NotImplementedError("observe, quantize both, multiply, add the bias")


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.tensor([0.3, -0.9, 1.5, 1.6, -4.0], requires_grad=True)
    out = fake_quantize(x, torch.tensor(1.5), 3)
    out.sum().backward()
    print("x̂ =", out.tolist(), "  gradient", x.grad.tolist())

    # A layer at 3 bits that begins with the teacher's weights. Rounded they do badly; trained with rounding, better.
    x, teacher = torch.randn(256, 4) @ torch.randn(4, 16), torch.randn(4, 16)
    layer = QATLinear(nn.Linear(16, 4, bias=False), 3, 0.9)
    with torch.no_grad():
        layer.linear.weight.copy_(teacher)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
    for step in range(401):
        loss = (layer(x) - x @ teacher.T).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.4f}")
