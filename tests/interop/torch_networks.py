#!/usr/bin/env python3
"""Networks of PyTorch and torchvision with random parameters, each as an ONNX file, with the logits and the gradient
that PyTorch computes in binary64.

    torch_networks.py FOLDER CASE...      writes FOLDER/CASE.onnx and FOLDER/CASE.safetensors
    torch_networks.py --list              names the cases

The safetensors file holds "input", "labels", "logits" and, under each parameter's name, the gradient of the mean
cross-entropy. Ends with 77 where torch or torchvision is missing.
"""
import json
import struct
import sys
import warnings

try:
    import numpy as np
    import torch
    import torchvision.models as models
    from torch import nn
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

warnings.filterwarnings("ignore")


def save_safetensors(path, arrays):
    header, data = {}, b""
    for name, array in arrays.items():
        kind = {"float64": "F64", "int64": "I64"}[str(array.dtype)]
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def lenet():
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(256, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def vgg11():
    net = models.vgg11(num_classes=10)
    net.avgpool = nn.Identity()
    net.classifier[0], net.classifier[3] = nn.Linear(512, 512), nn.Linear(512, 512)
    net.classifier[6] = nn.Linear(512, 10)
    return net


def alexnet():
    net = models.alexnet(num_classes=10)
    net.classifier[1], net.classifier[4] = nn.Linear(9216, 256), nn.Linear(256, 256)
    net.classifier[6] = nn.Linear(256, 10)
    return net


def resnet18_cifar():
    net = models.resnet18(num_classes=10)
    net.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
    return net


class Small(nn.Module):
    """Every operation that is read, in a few kilobytes."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 4, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 4, (3, 1), padding=(1, 0), bias=False)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.average = nn.AvgPool2d(2, 1, padding=1)
        self.fc1 = nn.Linear(8, 6)
        self.fc2 = nn.Linear(6, 3, bias=False)
        self.softmax = False  # the file has one at its end; the logits are what goes into it

    def forward(self, x):
        x = nn.functional.relu6(self.norm(self.conv1(x)))
        y = nn.functional.leaky_relu(self.conv2(x), 0.125)
        left, right = self.pool(x), self.pool(x + y)
        x = torch.abs(self.average(torch.cat([left, right], 1)) - self.average(torch.cat([right, left], 1)))
        x = self.average(x).mean((2, 3))
        x = self.fc1(x.view(x.size(0), -1))
        x = self.fc2(torch.relu(x))
        return torch.log_softmax(x, 1) if self.softmax else x


CASES = {
    "lenet": (lenet, (1, 28, 28), {}),
    "vgg11": (vgg11, (3, 32, 32), {"opset_version": 11}),
    "resnet18-cifar": (resnet18_cifar, (3, 32, 32), {}),
    "resnet18-imagenet": (lambda: models.resnet18(num_classes=10), (3, 64, 64), {"opset_version": 9}),
    "densenet121": (lambda: models.densenet121(num_classes=10), (3, 64, 64), {}),
    "squeezenet1_0": (lambda: models.squeezenet1_0(num_classes=10), (3, 64, 64), {"opset_version": 17}),
    "squeezenet1_1": (lambda: models.squeezenet1_1(num_classes=10), (3, 64, 64), {"opset_version": 12}),
    "alexnet": (alexnet, (3, 224, 224), {}),
    "googlenet": (lambda: models.googlenet(num_classes=10, aux_logits=False, init_weights=False), (3, 64, 64), {}),
    "small": (Small, (2, 11, 9), {"dynamic_axes": {"input": {0: "batch"}}}),
    "small-9": (Small, (2, 11, 9), {"opset_version": 9}),
}


def write(folder, case):
    make, shape, options = CASES[case]
    torch.manual_seed(7)
    net = make().double().eval()
    for name, tensor in net.state_dict().items():  # statistics and scales that a slip would show
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
        elif tensor.dim() == 1 and tensor.is_floating_point():
            tensor.add_(0.1 * torch.randn_like(tensor))
    x = torch.randn(2, *shape, dtype=torch.float64)
    logits = net(x)
    labels = torch.tensor([1, 2])
    nn.functional.cross_entropy(logits, labels).backward()
    arrays = {"input": x.numpy(), "labels": labels.numpy(), "logits": logits.detach().numpy()}
    arrays.update({name: p.grad.numpy() for name, p in net.named_parameters()})
    save_safetensors(f"{folder}/{case}.safetensors", arrays)
    net.softmax = True
    torch.onnx.export(net, x[:1], f"{folder}/{case}.onnx", input_names=["input"], do_constant_folding=False,
                      training=torch.onnx.TrainingMode.PRESERVE, **{"opset_version": 13, **options})
    # As torch.onnx.export does by default: batch norms folded into convolutions.
    torch.onnx.export(net, x[:1], f"{folder}/{case}-folded.onnx", input_names=["input"],
                      **{"opset_version": 13, **options})


if sys.argv[1] == "--list":
    print("\n".join(CASES))
else:
    for case in sys.argv[2:]:
        write(sys.argv[1], case)
