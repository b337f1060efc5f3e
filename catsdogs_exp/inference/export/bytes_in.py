"""Turns a file's bytes into the network's pixels with TensorFlow operators, for servers that run no other code.

It follows `data.images` as far as TensorFlow can: libjpeg's accurate transform, upright photos, the same filters. The
pixels are not always bit-identical: sums are rounded at different places, and large JPEGs are decoded in full.
"""

from collections.abc import Callable

import tensorflow as tf

from catsdogs_exp.data.images.preparing import Preparation
from catsdogs_exp.data.images.resizing import evaluated_as
from catsdogs_exp.inference.export.exif import orientation_of, upright

_KERNELS = {"bilinear": "triangle", "bicubic": "keyscubic", "lanczos": "lanczos3"}
_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as Pillow's


def preparing(how: Preparation) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a function from the bytes of files, string [n], to uint8 [n, height, width, channels].

    Files that TensorFlow cannot decode raise its `InvalidArgumentError`, as a server reports it.
    """
    spec = tf.TensorSpec((*how.target_size, how.channels), tf.uint8)

    def one(data: tf.Tensor) -> tf.Tensor:
        # in float32: TensorFlow logs an error where it turns uint8 on processors without AVX-512
        image = upright(tf.cast(_decoded(data), tf.float32), orientation_of(data))
        return tf.ensure_shape(_fitted(image, how), spec.shape)

    return lambda data: tf.map_fn(one, data, fn_output_signature=spec)


def _decoded(data: tf.Tensor) -> tf.Tensor:
    """Decodes to uint8 [height, width, 3]; the first frame of an animation."""
    return tf.cond(
        tf.io.is_jpeg(data),
        lambda: tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE"),
        lambda: tf.io.decode_image(data, channels=3, expand_animations=False),
    )


def _fitted(image: tf.Tensor, how: Preparation) -> tf.Tensor:
    """Resizes an image, float32, to the network's size, uint8."""
    size = tf.cast(tf.shape(image)[:2], tf.float32)
    target = tf.constant(how.target_size, tf.float32)
    kind = evaluated_as(how.resize)
    if kind == "pad":
        inner = tf.clip_by_value(tf.round(size * tf.reduce_min(target / size)), 1, target)
        fitted = _resampled(image, tf.zeros(2), size, inner, how.interpolation)
        before = tf.cast(target - inner, tf.int32) // 2
        after = tf.cast(target - inner, tf.int32) - before
        margins = tf.stack([tf.stack([before[0], after[0]]), tf.stack([before[1], after[1]]), tf.zeros(2, tf.int32)])
        fitted = tf.pad(fitted, margins, constant_values=float(round(how.pad_value)))
    else:
        # the largest centred box with the target's aspect ratio, or everything
        box = target * tf.reduce_min(size / target) if kind == "crop" else size
        fitted = _resampled(image, (size - box) / 2, box, target, how.interpolation)
    if how.channels == 1:
        fitted = tf.round(tf.reduce_sum(fitted * _LUMA, axis=-1, keepdims=True))
    return tf.cast(fitted, tf.uint8)


def _resampled(image: tf.Tensor, start: tf.Tensor, box: tf.Tensor, target: tf.Tensor, interpolation: str) -> tf.Tensor:
    """Stretches a box of an image to a size, float32.

    Args:
        image: float32 [h, w, channels].
        start, box: top and left, height and width of the box in pixels.
        target: height, width of the result.
        interpolation: as in `data.images.resizing`.
    """
    if interpolation == "nearest":
        rows, columns = (
            tf.cast(start[axis] + (tf.range(target[axis]) + 0.5) * box[axis] / target[axis], tf.int32)
            for axis in (0, 1)
        )
        return tf.gather(tf.gather(image, rows, axis=0), columns, axis=1)
    # one axis after the other, with whole grey levels in between, in the order of `data.images.resizing`
    for axis in (0, 1) if interpolation == "bilinear" else (1, 0):
        image = _rounded(_pass(image, axis, (start[axis], box[axis], target[axis]), _KERNELS[interpolation]))
    return image


def _pass(image: tf.Tensor, axis: int, stretch: tuple[tf.Tensor, tf.Tensor, tf.Tensor], kernel: str) -> tf.Tensor:
    """Stretches one axis: start, length in pixels, and length of the result."""
    start, length, target = stretch
    scale, mine = target / length, tf.one_hot(axis, 2)
    return tf.raw_ops.ScaleAndTranslate(
        images=image[None],
        size=tf.where(mine > 0, tf.cast(target, tf.int32), tf.shape(image)[:2]),
        scale=tf.where(mine > 0, scale, 1.0),
        translation=-start * scale * mine,
        kernel_type=kernel,
        antialias=True,
    )[0]


def _rounded(pixels: tf.Tensor) -> tf.Tensor:
    """Rounds to whole grey levels 0..255, float32."""
    return tf.round(tf.clip_by_value(pixels, 0.0, 255.0))
