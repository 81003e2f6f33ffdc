"""exp and log for the frequencies, lerp for the mixture, complex numbers for the rotation."""

import numpy as np
import torch


def logs(d, theta):
    return -2 * np.arange(d // 2) / d * np.log(theta)


def linear(d, factor, theta=10000.0):
    return torch.from_numpy(np.exp(logs(d, theta) - np.log(factor)))


def ntk(d, factor, theta=10000.0):
    return torch.from_numpy(np.exp(logs(d, theta) - np.linspace(0, 1, d // 2) * np.log(factor)))


def yarn(d, factor, length, theta=10000.0, fast=32.0, slow=1.0):
    f = np.exp(logs(d, theta))
    gamma = np.interp(length * f / (2 * np.pi), [slow, fast], [0.0, 1.0])
    return torch.lerp(torch.from_numpy(f / factor), torch.from_numpy(f), torch.from_numpy(gamma))


def sharpness(factor):
    return float(0.1 * np.log(factor) + 1)


def rotate(x, pos, frequencies, m=1.0):
    turn = m * torch.exp(1j * (pos[:, None] * frequencies))
    z = torch.complex(x[..., 0::2].double(), x[..., 1::2].double()) * turn
    return torch.stack((z.real, z.imag), dim=-1).flatten(-2).to(x.dtype)
