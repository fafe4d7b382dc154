"""Saves a JAX gradient for `gradzone compare`, with inputs, labels and logits in the same file.

    save_gradients("grads/0.safetensors", model.apply, variables, keys, x, y, {"classifier.0.weight": (4, 4, 16)})

`keys` says where each parameter is in `variables`: {"features.0.weight": ("params", "Conv_0", "kernel"), ...}, with Flax's
layouts; the last argument names the dense layers that follow a flattening, with the height, width and channels flattened
there. apply(variables, x) returns logits.
"""
import functools

import jax
import jax.numpy as jnp
import numpy

from checkpoint_layout import images_to_checkpoint, to_checkpoint
from write_safetensors import write_safetensors


def save_gradients(path, apply, variables, keys, x, y, flattened={}):
    def loss(variables):
        logits = apply(variables, x)
        of_label = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.asarray(y)[:, None], axis=1)
        return -jnp.mean(of_label), logits

    gradients, logits = jax.grad(loss, has_aux=True)(variables)
    tensors = {}
    for name, at in keys.items():
        gradient = functools.reduce(lambda tree, key: tree[key], at, gradients)
        tensors[name] = to_checkpoint(gradient, flattened.get(name))
    tensors["gradzone.input"] = images_to_checkpoint(x)
    tensors["gradzone.labels"] = numpy.asarray(y, numpy.int64)
    tensors["gradzone.logits"] = numpy.asarray(logits)
    write_safetensors(path, tensors)
