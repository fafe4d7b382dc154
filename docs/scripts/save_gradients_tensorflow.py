"""Saves the gradient of a Keras model for `gradzone compare`, with inputs, labels and logits in the same file.

    save_gradients("grads/0.safetensors", model, names, x, y, {"classifier.0.weight": (4, 4, 16)})

`names` are the checkpoint's names of model.trainable_variables, in their order; the last argument names the dense layers
that follow a Flatten, with the height, width and channels flattened there. The model returns logits, not probabilities.
"""
import numpy
import tensorflow as tf

from checkpoint_layout import images_to_checkpoint, to_checkpoint
from write_safetensors import write_safetensors


def save_gradients(path, model, names, x, y, flattened={}):
    with tf.GradientTape() as tape:
        logits = model(x, training=False)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    gradients = tape.gradient(loss, model.trainable_variables)
    tensors = {name: to_checkpoint(g.numpy(), flattened.get(name)) for name, g in zip(names, gradients)}
    tensors["gradzone.input"] = images_to_checkpoint(x)
    tensors["gradzone.labels"] = numpy.asarray(y, numpy.int64)
    tensors["gradzone.logits"] = logits.numpy()
    write_safetensors(path, tensors)
