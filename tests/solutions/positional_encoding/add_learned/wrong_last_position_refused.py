"""The last row of the table is refused."""
# says: Tokens stand where pos says, and at 0, 1, 2, ... where it
# says:

import torch
import torch.nn.functional as F


class Embed(torch.nn.Module):
    def __init__(self, vocab, max_len, d, pad_id, p_drop=0.1):
        super().__init__()
        self.tokens = torch.nn.Parameter(torch.zeros(vocab, d))
        self.positions = torch.nn.Parameter(torch.zeros(max_len, d))
        self.register_buffer("plain", torch.arange(max_len), persistent=False)
        torch.nn.init.normal_(self.tokens, std=d**-0.5)
        torch.nn.init.normal_(self.positions, std=0.02)
        with torch.no_grad():
            self.tokens[pad_id] = 0
        self.pad_id = pad_id
        self.p_drop = p_drop

    def forward(self, ids, pos=None):
        n, max_len = ids.shape[-1], self.positions.shape[0]
        if pos is None:
            if n > max_len:
                raise ValueError(f"{n} tokens, {max_len} positions")
            pos = self.plain[:n]
        elif torch.any(pos < 0) or torch.any(pos > max_len - 2):
            raise ValueError("position outside the table")
        x = F.embedding(ids, self.tokens, padding_idx=self.pad_id) * self.tokens.shape[-1] ** 0.5
        x = x + F.embedding(pos, self.positions)
        return F.dropout(x, p=self.p_drop, training=self.training)


def real_positions(ids, pad_id):
    real = ids != pad_id
    return torch.where(real, torch.cumsum(real, dim=-1) - 1, 0)
