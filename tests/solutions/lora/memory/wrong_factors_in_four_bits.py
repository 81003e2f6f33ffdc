"""The adapters are thought to be in NF4 too: half a byte for each number."""
# says: 'weights' in bytes for 'qlora'


def up(n, k):
    return (n + k - 1) // k


def training_bytes(shapes, method, targets=(), r=0, tokens=0):
    if method != "full" and method != "lora" and method != "qlora":
        raise ValueError("method: " + repr(method))
    out = {"weights": 0, "gradients": 0, "optimizer": 0, "activations": 0}

    def train(n):
        out["gradients"] += n * 2
        out["optimizer"] += n * 4 * 3

    if method == "full":
        for shape in shapes.values():
            n = 1
            for size in shape:
                n *= size
            out["weights"] += 2 * n
            train(n)
            if len(shape) == 2:
                out["activations"] += tokens * shape[1] * 2
    else:
        for name in targets:
            if len(shapes[name]) == 1:
                raise ValueError(name + " is a vector")
        for name in shapes:
            shape = shapes[name]
            n = shape[0] if len(shape) == 1 else shape[0] * shape[1]
            if name not in targets:
                out["weights"] += 2 * n
                continue
            adapter = r * shape[0] + r * shape[1]
            train(adapter)
            out["weights"] += 2 * adapter if method == "lora" else up(adapter, 2)
            out["activations"] += 2 * tokens * shape[1] + 2 * tokens * r
            if method == "lora":
                out["weights"] += 2 * n
            else:
                blocks = up(n, 64)
                out["weights"] += up(n, 2) + blocks + 4 * up(blocks, 256) + 4
    out["total"] = sum(out.values())
    return out


def in_gib(n):
    return n / 1073741824
