"""Row of the padding multiplied by zero; dropout written out."""

import torch


class Embed(torch.nn.Module):
    def __init__(self, vocab, max_len, d, pad_id, p_drop=0.1):
        super().__init__()
        self.d, self.pad_id, self.p_drop, self.max_len = d, pad_id, p_drop, max_len
        self.tokens = torch.nn.Parameter(torch.empty(vocab, d).normal_(0.0, d**-0.5))
        self.positions = torch.nn.Parameter(torch.empty(max_len, d).normal_(0.0, 0.02))
        with torch.no_grad():
            self.tokens[pad_id].zero_()

    def forward(self, ids, pos=None):
        if pos is None:
            pos = torch.arange(ids.shape[1])
        if pos.numel() > 0 and (pos.min() < 0 or pos.max() >= self.max_len):
            raise ValueError("no such position")
        real = (ids != self.pad_id).unsqueeze(-1).to(self.tokens.dtype)
        x = self.tokens[ids] * real * self.d**0.5
        x = x + self.positions[pos]
        if self.training and self.p_drop > 0:
            keep = (torch.rand(x.shape) >= self.p_drop).to(x.dtype)
            x = x * keep / max(1 - self.p_drop, 1e-9)
        return x


def real_positions(ids, pad_id):
    real = ids.ne(pad_id)
    before = real.cumsum(dim=1) - real.long()
    return before.masked_fill(~real, 0)
