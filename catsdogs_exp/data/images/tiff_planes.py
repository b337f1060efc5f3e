"""Corrects how Pillow reads uncompressed TIFFs whose channels are stored in planes, one after the other.

Pillow keeps only the first letter of how a plane is to be read, which is right for planes of 8 bits. Planes of 16 bits
would be read as twice as many pixels of 8 bits, and a single plane (where the tag means nothing) without its inversion.
"""

import struct

from PIL import Image, TiffImagePlugin

_BITS, _COMPRESSION, _CHANNELS, _PLANES = 258, 259, 277, 284  # tags
_UNCOMPRESSED, _SEPARATE = 1, 2
_READABLE = ("R", "G", "B", "A")  # channels that Pillow can read with 16 bits


class UnreadPlanes(Exception):
    """Channels that Pillow cannot read in planes."""


def with_one_plane(data: bytes) -> bytes:
    """Returns a TIFF with a single channel as one that is not stored in planes; all other files unchanged."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return data
    order = "<" if data[:2] == b"II" else ">"
    found = {}
    try:
        (table,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, table)
        for place in range(table + 2, table + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", data, place)
            found[tag] = (value, place + 8)
    except struct.error:  # truncated, which decoding will report
        return data
    planes, place = found.get(_PLANES, (1, 0))
    if planes != _SEPARATE or found.get(_CHANNELS, (1, 0))[0] != 1:
        return data
    return data[:place] + struct.pack(f"{order}H", 1) + data[place + 2 :]


def correct_planes(image: Image.Image) -> None:
    """Tells Pillow how to read planes of 16 bits, before the image is loaded.

    Raises:
        UnreadPlanes: if it cannot.
    """
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return
    if image.tag_v2.get(_PLANES) != _SEPARATE:
        return
    if image.mode == "LA":  # Pillow takes the second plane for a colour
        raise UnreadPlanes
    wide = max(image.tag_v2.get(_BITS, (1,))) == 16
    if not wide or image.tag_v2.get(_COMPRESSION, _UNCOMPRESSED) != _UNCOMPRESSED:  # libtiff reads compressed ones
        return
    end = ";16L" if image.tag_v2.prefix == b"II" else ";16B"
    corrected = []
    for tile in image.tile:
        channel, *layout = tile.args if isinstance(tile.args, tuple) else ("",)
        if str(channel) not in _READABLE:
            raise UnreadPlanes
        corrected.append(tile._replace(args=(f"{channel}{end}", *layout)))
    image.tile = corrected
