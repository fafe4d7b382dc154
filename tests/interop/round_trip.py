#!/usr/bin/env python3
"""PyTorch -> gradzone export -> PyTorch: every tensor comes back with its bits, under its name.

    round_trip.py GRADZONE FOLDER

Ends with 77 where torch or torchvision is missing. Where the onnx package is there, its checker looks at the exported
files.
"""
import json
import struct
import subprocess
import sys
import warnings

try:
    import torch
    import torchvision.models as models
    from torch import nn
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)
try:
    import onnx
    import onnx.numpy_helper
except ImportError:
    onnx = None

warnings.filterwarnings("ignore")
program, folder = sys.argv[1:]
TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            raw = bytearray(data[8 + length + begin:8 + length + end])
            out[name] = torch.frombuffer(raw, dtype=TYPES[entry["dtype"]]).reshape(entry["shape"])
    return out


def export(model, out, *options):
    subprocess.run([program, "export", "--model", model, "--out", out, "--quiet", *options], check=True)


def expect_unchanged(net, path):
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    back = read_safetensors(path)
    assert state.keys() == back.keys(), state.keys() ^ back.keys()
    for name, tensor in state.items():
        assert tensor.dtype == back[name].dtype and torch.equal(tensor, back[name]), name
    net.load_state_dict(back, strict=False)
    print(f"{path}: {len(back)} tensors unchanged")


def round_trip(name, net, x):
    """By way of ONNX, and of ONNX written by gradzone."""
    net.eval()
    logits = net(x)
    torch.onnx.export(net, x, f"{folder}/{name}.onnx", opset_version=13, do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE)
    export(f"{folder}/{name}.onnx", f"{folder}/{name}.safetensors")
    expect_unchanged(net, f"{folder}/{name}.safetensors")
    assert torch.equal(net(x), logits)
    export(f"{folder}/{name}.onnx", f"{folder}/{name}-again.onnx")
    export(f"{folder}/{name}-again.onnx", f"{folder}/{name}-again.safetensors")
    expect_unchanged(net, f"{folder}/{name}-again.safetensors")
    if onnx:
        model = onnx.load(f"{folder}/{name}-again.onnx")
        onnx.checker.check_model(model, full_check=True)
        state = net.state_dict()
        for tensor in model.graph.initializer:
            if tensor.name in state:
                assert (onnx.numpy_helper.to_array(tensor) == state[tensor.name].numpy()).all(), tensor.name
        print(f"{name}-again.onnx: checked by onnx {onnx.__version__}")


torch.manual_seed(3)
lenet = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
round_trip("lenet", lenet, torch.randn(1, 1, 28, 28))
round_trip("lenet64", lenet.double(), torch.randn(1, 1, 28, 28, dtype=torch.float64))
round_trip("resnet18", models.resnet18(num_classes=10), torch.randn(1, 3, 64, 64))
# Weights that gradzone draws, into a module with the names of the original.
for format in ["fp32", "fp16", "bf16", "fp64"]:
    export("resnet18-bn:init=he", f"{folder}/drawn-{format}.safetensors", "--format", format)
drawn = {f: read_safetensors(f"{folder}/drawn-{f}.safetensors") for f in ["fp32", "fp16", "bf16", "fp64"]}
for name, tensor in drawn["fp32"].items():
    assert torch.equal(tensor.double(), drawn["fp64"][name]) and torch.equal(tensor.half(), drawn["fp16"][name])
    assert torch.equal(tensor.bfloat16(), drawn["bf16"][name])
net = models.resnet18(num_classes=10)
net.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
missing, unexpected = net.load_state_dict(drawn["fp32"], strict=False)
assert not unexpected and all(k.endswith("num_batches_tracked") for k in missing), (missing, unexpected)
print("drawn weights load into torchvision's resnet18, rounded as PyTorch rounds")
