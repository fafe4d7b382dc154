"""Saves a PyTorch gradient for `gradzone compare`: inputs, labels and logits go into the same file.

    from save_gradients_pytorch import save_gradients
    save_gradients("grads/0.safetensors", model, x, y)

Names are those of the model's state_dict(), as in the checkpoint that --model reads. The model stays in the mode it is in
(eval() or train()); the loss is the mean cross-entropy.
"""
import json
import struct

import torch

TYPES = {torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64"}


def write_safetensors(path, tensors):
    """What safetensors.torch.save_file(tensors, path) does, for those who do not have that package."""
    header, parts, at = {}, [], 0
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        tensor = tensor.detach().cpu().contiguous()
        bits = tensor.view(torch.int16) if tensor.dtype is torch.bfloat16 else tensor  # numpy has no bfloat16
        parts.append(bits.numpy().tobytes())
        header[name] = {"dtype": TYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + len(parts[-1])]}
        at += len(parts[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


def save_gradients(path, model, x, y):
    model.zero_grad(set_to_none=True)
    logits = model(x)
    torch.nn.functional.cross_entropy(logits, y).backward()
    tensors = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    tensors.update({"gradzone.input": x, "gradzone.labels": y, "gradzone.logits": logits})
    write_safetensors(path, tensors)
