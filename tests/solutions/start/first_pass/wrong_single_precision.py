"""Wrong: torch.tensor makes float32 of the scores, in which scores that differ in the ninth digit are equal."""
# says: You make float32 of the scores

import torch


def next_token(scores):
    return int(torch.tensor(scores).argmax())
