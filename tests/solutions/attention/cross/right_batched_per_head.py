"""Right: a list of heads by chunk, log-sum-exp, float64 inside, the mask as zeros of the exponentials."""

import torch


def cross(x, memory, mem_mask, W_q, W_k, W_v, W_o, n_heads):
    kind = x.dtype
    x, memory, W_q, W_k, W_v, W_o = (t.to(torch.float64) for t in (x, memory, W_q, W_k, W_v, W_o))
    keep = torch.ones(memory.shape[:2], dtype=torch.bool) if mem_mask is None else mem_mask
    answers = []
    for q, k, v in zip((x @ W_q).chunk(n_heads, -1), (memory @ W_k).chunk(n_heads, -1), (memory @ W_v).chunk(n_heads, -1)):
        s = torch.bmm(q, k.mT) / q.shape[-1] ** 0.5
        keys = keep[:, None].expand_as(s)
        if s.shape[-1]:
            s = s - torch.where(keys, s, -torch.inf).detach().amax(-1, keepdim=True).nan_to_num(0.0, neginf=0.0)
        e = torch.where(keys, torch.where(keys, s, 0.0).exp(), 0.0)
        z = e.sum(-1, keepdim=True)
        answers.append(torch.bmm(e / (z + (z == 0)), v))
    return (torch.cat(answers, -1) @ W_o).to(kind)
