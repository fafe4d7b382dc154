#!/usr/bin/env python3
"""Checkpoints of PyTorch, each beside the same tensors in safetensors (see README.md).

Usage: make_golden_torch.py FOLDER [all]. Writes NAME.pth and NAME.safetensors: what a reader of the first must find is
the second. With `all`, every case in both containers, with pickle protocols 2 and 4, and a LeNet-5 as lenet5.pth; exits
with 77 where PyTorch is missing.
"""
import argparse
import collections
import json
import sys

try:
    import numpy
    import torch
    from torch import nn
except ImportError as error:
    print(error)
    sys.exit(77)

TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        values = tensor.detach().clone().contiguous()
        raw = (values.view(torch.int16) if values.dtype == torch.bfloat16 else values).numpy().tobytes()
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text + data)


def types():
    special = [0.0, -0.0, 1 / 3, float("inf"), float("-inf"), float("nan"), 1e-7, 65504.0]
    out = collections.OrderedDict((f"{TYPES[t]}.weight", torch.tensor(special, dtype=t)) for t in TYPES if t.is_floating_point)
    out["I64"] = torch.tensor([[0, -1], [2**53, -2**53]])
    out["scalar"] = torch.tensor(0.1, dtype=torch.float64)
    out["empty"] = torch.zeros(0, 3)
    return out, out


def views():
    base = torch.arange(60, dtype=torch.float32).reshape(3, 4, 5)
    out = {"base": base, "transposed": base.transpose(0, 2), "sliced": base[1:, ::2, 3], "row": base[2, 1],
           "expanded": base[0, 0, :2].expand(3, 2), "reversed dimensions": base.permute(2, 1, 0)[1:4]}
    return out, out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.classifier = nn.Linear(2, 3)

    def forward(self, x):
        return self.classifier(self.features(x).mean((2, 3)))


def training():
    net = Net()
    optimiser = torch.optim.Adam(net.parameters(), amsgrad=True)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [1, 2])
    for _ in range(2):
        optimiser.zero_grad()
        net(torch.randn(4, 1, 6, 6)).square().sum().backward()
        optimiser.step()
        schedule.step()
    state = net.state_dict()
    return {"epoch": 2, "args": argparse.Namespace(lr=1e-3, name="net", layers=[1, 2]), "model_state_dict": state,
            "optimizer": optimiser.state_dict(), "scheduler": schedule.state_dict(),
            "best": numpy.float64(0.5), "losses": numpy.array([0.5, 0.25]), "seed": 2**63 + 1,
            "accuracy": torch.tensor(0.75), "seen": {1, 2}, "random": numpy.random.RandomState(1).get_state()[:1],
            "shape": net.classifier.weight.shape, "device": torch.device("cpu"), "type": torch.float32}, state


def parameters():
    torch.manual_seed(7)
    named = dict(Net().named_parameters())
    named["wide"] = nn.Parameter(torch.randn(4, 3).t())
    return named, named


def parallel():
    state = nn.DataParallel(Net()).state_dict()
    return {"net": state}, {name.removeprefix("module."): tensor for name, tensor in state.items()}


def nested():
    state = Net().state_dict()
    parts = {"features": {}, "classifier": {}}
    for name, tensor in state.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    return {"weights": parts}, state


CASES = [types, views, training, parameters, parallel, nested]


def main():
    folder, everything = sys.argv[1], sys.argv[2:] == ["all"]
    for case in CASES:
        torch.manual_seed(1)
        saved, expected = case()
        for zipped in (True, False):
            for protocol in (2, 4) if everything else (2,):
                if not everything and not zipped and case not in (types, training):
                    continue
                name = f"{folder}/{case.__name__}-{'zip' if zipped else 'legacy'}-{protocol}"
                torch.save(saved, name + ".pth", pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
                write_safetensors(name + ".safetensors", expected)
    if everything:
        state = nn.ModuleDict({
            "features": nn.ModuleDict({"0": nn.Conv2d(1, 6, 5), "4": nn.Conv2d(6, 16, 5)}),
            "classifier": nn.ModuleDict({"0": nn.Linear(256, 120), "3": nn.Linear(120, 84), "6": nn.Linear(84, 10)})}).state_dict()
        torch.save({"epoch": 1, "state_dict": state}, f"{folder}/lenet5.pth")
        write_safetensors(f"{folder}/lenet5.safetensors", state)


if __name__ == "__main__":
    main()
