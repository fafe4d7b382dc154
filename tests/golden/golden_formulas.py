"""The formulas behind the golden files' inputs, which the tests repeat."""
import torch


def words(tensor, count):
    """16-bit integers: word i of tensor number `tensor`."""
    i = torch.arange(count, dtype=torch.int64)
    h = (i * 1103515245 + tensor * 362437 + 7919) % 2**32
    h = (h ^ (h >> 15)) * 1540483477 % 2**32
    h = (h ^ (h >> 13)) * 1274126177 % 2**32
    return h >> 16
