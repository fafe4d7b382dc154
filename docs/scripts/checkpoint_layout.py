"""From the layouts of Keras and Flax to a checkpoint's (PyTorch's)."""
import numpy


def to_checkpoint(gradient, flattened=None):
    """Of one parameter. Kernels [kh, kw, in, out] become [out, in, kh, kw], dense ones [in, out] become [out, in];
    vectors stay. `flattened` is (h, w, c) for the dense layer behind the flattening of such an image: its inputs are in
    the order h, w, c there and in the order c, h, w in the checkpoint."""
    gradient = numpy.asarray(gradient)
    if gradient.ndim == 4:
        return gradient.transpose(3, 2, 0, 1)
    if gradient.ndim == 2 and flattened:
        return gradient.reshape(*flattened, -1).transpose(3, 2, 0, 1).reshape(gradient.shape[1], -1)
    return gradient.T


def images_to_checkpoint(x):
    """[N, h, w, c] becomes [N, c, h, w]; [N, features] stays."""
    x = numpy.asarray(x)
    return x.transpose(0, 3, 1, 2) if x.ndim == 4 else x
