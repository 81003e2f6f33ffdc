"""What a learner's code must be able to do inside the sandbox, and how it ends where it takes too much."""

from __future__ import annotations

import signal
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")

TORCH = {
    "backward": "x = torch.randn(64, 64, requires_grad=True); (x @ x).sum().backward(); assert x.grad.shape == (64, 64)",
    "a large matmul": "x = torch.randn(700, 700); assert torch.allclose((x @ x)[0], x[0] @ x, atol=1e-2)",
    "SGD": "m = torch.nn.Linear(3, 3); o = torch.optim.SGD(m.parameters(), lr=1.0); m(torch.ones(3)).sum().backward(); "
    "before = m.bias.clone(); o.step(); assert not torch.equal(before, m.bias)",
    "AdamW": "m = torch.nn.Linear(3, 3); o = torch.optim.AdamW(m.parameters()); m(torch.ones(3)).sum().backward(); o.step()",
    "float64 autograd": "x = torch.randn(9, dtype=torch.float64, requires_grad=True); "
    "assert torch.autograd.gradcheck(torch.sin, (x,))",
    "vjp": "_, pull = torch.func.vjp(torch.sin, torch.zeros(3)); assert torch.equal(pull(torch.ones(3))[0], torch.ones(3))",
    "jacrev, vmap": "assert torch.func.jacrev(torch.sin)(torch.zeros(2)).shape == (2, 2); torch.vmap(torch.sin)(torch.ones(2))",
    "generators": "g = torch.Generator().manual_seed(1); torch.rand(2, generator=g); torch.manual_seed(0); torch.randn(3)",
    "assert_close": "torch.testing.assert_close(torch.ones(3), torch.ones(3))",
    "checkpoint": "from torch.utils.checkpoint import checkpoint; x = torch.ones(3, requires_grad=True); "
    "checkpoint(torch.sin, x, use_reentrant=False).sum().backward()",
    "attention": "q = torch.randn(2, 4, 8, 16); torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)",
    "int8": "a = torch.randint(-9, 9, (32, 32), dtype=torch.int8); assert torch.equal(torch._int_mm(a, a), a.int() @ a.int())",
    "bfloat16": "x = torch.randn(32, 32).bfloat16().requires_grad_(); (x @ x).sum().backward()",
    "a dispatch mode": "from torch.utils._python_dispatch import TorchDispatchMode as M\n"
    "class Mode(M):\n  def __torch_dispatch__(self, f, types, args=(), kwargs=None): return f(*args, **(kwargs or {}))\n"
    "with Mode(): torch.softmax(torch.ones(3), 0)",
    "einsum, svd, fft": "torch.einsum('ij,jk', torch.ones(2, 3), torch.ones(3, 2)); torch.linalg.svd(torch.eye(3)); "
    "torch.fft.fft(torch.ones(4))",
    "layers": "torch.nn.LayerNorm(4)(torch.ones(2, 4)); torch.nn.Embedding(5, 3)(torch.tensor([1])); "
    "torch.nn.functional.cross_entropy(torch.ones(2, 3), torch.tensor([0, 1]))",
    "printing": "print(torch.randn(3, 3), torch.nn.Linear(2, 2))",
    "NumPy": "import numpy as np; np.linalg.svd(np.eye(200)); np.fft.fft(np.ones(8)); np.random.default_rng(0).normal(); "
    "np.random.rand(3); np.testing.assert_allclose(1, 1); import numpy.polynomial",
}

MODULES = (
    "json decimal statistics fractions dataclasses typing collections math itertools functools ctypes random re string "
    "heapq bisect copy enum abc operator datetime zoneinfo cmath array struct hashlib secrets uuid pprint textwrap inspect "
    "csv unittest logging threading asyncio multiprocessing subprocess concurrent.futures sqlite3 ssl difflib contextvars "
    "tempfile zlib lzma bz2 xml.etree.ElementTree"
).split()


@pytest.mark.parametrize("name", TORCH)
def test_computing(torch_parent, name):
    ended = torch_parent.run(f"import torch\n{TORCH[name]}")
    assert ended["code"] == 0, ended["out"]
    assert "Error" not in ended["out"]


@pytest.mark.parametrize("name", MODULES)
def test_lazy_imports_of_the_standard_library(parent, name):
    """In a parent that has not loaded them."""
    ended = parent.run(f"import {name}")
    assert (ended["code"], ended["out"]) == (0, "")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import time; time.sleep(0.01); print('slept')", "slept"),
        ("import os; print(len(os.urandom(8)))", "8"),
        ("import os; print(os.cpu_count() > 0)", "True"),
        ("import decimal; print(decimal.Decimal(1) / 8)", "0.125"),
        ("import warnings; warnings.warn('careful')", "UserWarning: careful"),
        ("import traceback\ntry: 1 / 0\nexcept ZeroDivisionError: print(traceback.format_exc())", "ZeroDivisionError"),
        ("def f(): return f()\ntry: f()\nexcept RecursionError as e: print(e)", "maximum recursion depth"),
        ("import signal; signal.signal(signal.SIGALRM, lambda *_: print('rang')); signal.setitimer(0, 0.01); signal.pause()",
         "rang"),
        ("import zoneinfo; print(zoneinfo.ZoneInfo('UTC'))", "UTC"),
        ("import subprocess\ntry: subprocess.run(['true'])\nexcept PermissionError: print('refused')", "refused"),
        ("import threading\ntry: threading.Thread(target=int).start()\nexcept RuntimeError as e: print(e)", "can't start"),
        ("import os\ntry: os.fork()\nexcept PermissionError as e: print(e)", "not permitted"),
        ("import sys; print(sys.stdout.isatty())", "False"),
        ("print('x' * 300_000)", "x" * 300_000),
    ],
)  # fmt: skip
def test_ordinary_things(parent, code, says):
    ended = parent.run(code)
    assert ended["code"] == 0, ended["out"]
    assert says in ended["out"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import numpy; numpy.ones(10**12)", "MemoryError"),
        ("import numpy; held = [numpy.ones(10**6) for _ in range(1000)]", "MemoryError"),
        ("import torch; torch.ones(10**12)", "can't allocate memory"),
        ("import torch; held = [torch.ones(10**6) for _ in range(1000)]", "can't allocate memory"),
        ("held = [bytearray(10**6) for _ in range(10**4)]", "MemoryError"),
        ("held = None\nwhile True: held = [held] * 100", "MemoryError"),
    ],
)
def test_too_much_memory_raises(torch_parent, code, error):
    """An exception that learners see at their line, not a crash."""
    ended = torch_parent.run(code, memory_mib=128)
    assert ended["code"] == 1, ended["out"]
    assert error in ended["out"]


@pytest.mark.parametrize(
    ("deed", "number"),
    [("import ctypes; ctypes.string_at(0)", signal.SIGSEGV), ("import os; os.abort()", signal.SIGABRT)],
)
def test_a_crash_tells_the_line(parent, deed, number):
    ended = parent.run(f"import faulthandler\nfaulthandler.enable(2, all_threads=False)\n\n{deed}")
    assert ended["code"] == -number
    assert 'File "learner.py", line 4 in' in ended["out"]


@pytest.mark.parametrize(
    "loop",
    ["while True: pass", "x = 3 ** (10 ** 8)", "import re; re.match('(a+)+b', 'a' * 60)"],
    ids=["Python", "C", "regex"],
)
def test_a_signal_from_outside_tells_the_line_of_an_endless_loop(parent, loop):
    code = f"import faulthandler, signal\nfaulthandler.register(signal.SIGUSR1, 2)\nprint('go', flush=True)\n{loop}"
    ended = parent.run(code, seconds=1, signal_after="go")
    assert ended["code"] == -signal.SIGKILL
    assert 'File "learner.py", line 4 in' in ended["out"]


def test_one_cell_leaves_the_next_alone(torch_parent):
    torch_parent.run("import sys, torch, builtins; builtins.len = None; torch.ones = None; sys.path.clear()")
    assert torch_parent.run("import torch, json; assert len(torch.ones(3)) == 3")["code"] == 0
