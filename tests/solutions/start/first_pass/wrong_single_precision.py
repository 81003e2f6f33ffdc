"""Wrong: torch.tensor makes float32 of the scores, in which scores that differ in the ninth digit are equal."""
# says: expected 2, got 0

import torch


def next_token(scores):
    return int(torch.tensor(scores).argmax())
