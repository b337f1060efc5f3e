"""Reads the EXIF orientation of a JPEG with TensorFlow operators: `tf.io` ignores it, and phones store rotated
photos.
"""

import tensorflow as tf

_SEARCHED = 65_536  # bytes: the segment is one of the first, and no longer than this
_ENTRIES = 64  # entries of a directory to examine
_ORIENTATION = 0x0112


def orientation_of(data: tf.Tensor) -> tf.Tensor:
    """Returns the orientation, int32 1..8, in the bytes of a file; 1 if there is none.

    Args:
        data: string scalar, the bytes of any file.
    """
    octets = tf.cast(tf.io.decode_raw(tf.strings.substr(data, 0, _SEARCHED), tf.uint8), tf.int32)
    octets = tf.pad(octets, [[0, 16 + 12 * _ENTRIES]])
    windows = tf.stack([octets[shift : tf.shape(octets)[0] - 6 + shift] for shift in range(6)], axis=1)
    found = tf.where(tf.reduce_all(windows == list(b"Exif\0\0"), axis=1))[:, 0]
    begins = tf.concat([found, [0]], axis=0)[0]
    tiff = octets[tf.cast(begins, tf.int32) + 6 :]
    little = tiff[0] == ord("I")

    def number(at: tf.Tensor, size: int) -> tf.Tensor:
        """Reads unsigned numbers of `size` bytes at positions, which are clipped to the data."""
        places = tf.clip_by_value(at[..., None] + tf.range(size), 0, tf.shape(tiff)[0] - 1)
        digits = tf.gather(tiff, places)
        digits = tf.where(little, tf.reverse(digits, [-1]), digits)
        return tf.reduce_sum(digits * [256 ** (size - 1 - place) for place in range(size)], axis=-1)

    directory = number(tf.constant(6), 2)  # the low half if big-endian ...
    directory = tf.where(little, number(tf.constant(4), 2), directory)  # ... else it comes first
    count = tf.minimum(number(directory, 2), _ENTRIES)
    entries = directory + 2 + 12 * tf.range(_ENTRIES)
    here = (number(entries, 2) == _ORIENTATION) & (tf.range(_ENTRIES) < count)
    value = tf.reduce_max(tf.where(here, number(entries + 8, 2), 0))
    good = (tf.size(found) > 0) & (value >= 1) & (value <= 8)
    return tf.where(good, value, 1)


def upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns an image [height, width, channels] stored in an orientation upright."""
    turned = tf.cond(orientation >= 5, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    # after the transposition: which of the two axes runs backwards
    down = tf.reduce_any(orientation == [3, 4, 7, 8])
    across = tf.reduce_any(orientation == [2, 3, 6, 7])
    turned = tf.cond(down, lambda: tf.reverse(turned, [0]), lambda: turned)
    return tf.cond(across, lambda: tf.reverse(turned, [1]), lambda: turned)
