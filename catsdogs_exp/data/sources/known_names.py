"""Names of files and folders that indicate their content."""

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")

_NO_IMAGES = """
txt md rst csv tsv json jsonl xml yaml yml toml ini cfg conf html htm css js ts py pyc ipynb r m c cc cpp h java sh bat
ps1 log lock pdf doc docx odt xls xlsx ods ppt pptx mat npy npz h5 hdf5 pkl pickle pt pth onnx tflite pb keras parquet
feather arrow db sqlite sqlite3 tfrecord zip tar gz tgz bz2 xz 7z rar mp3 wav mp4 avi mov mkv exe dll so url lnk webloc
bib tex names data tfrec rec aae xmp z01 z02 001 002 zst
"""
_NO_IMAGES_WITHOUT_EXTENSION = "license licence readme makefile dockerfile copying authors changelog notice"
_CONTAINERS = """
dataset datasets data image images img imgs jpg jpeg jpegimages png bmp gif tif tiff webp photo photos picture
pictures raw frames rgb
"""
_BESIDE = """
annotation annotations label labels mask masks trimap trimaps segmentation segmentations bbox bboxes meta metadata
doc docs documentation script scripts src code notebooks example examples sample samples demo assets screenshots
figure figures plots results output outputs logs readme
"""
_CAMERAS = """
img image images dsc dscn dscf pxl mvimg imag sam cimg pict picture pic photo scan frame page file sample screenshot
capture snapshot untitled unnamed download vid gopr wp whatsapp video test train val
"""

_IMAGES = "jpg jpeg jpe jfif png gif bmp dib webp tif tiff heic heif avif ppm pgm"

_images = frozenset(_IMAGES.split())
_no_images = frozenset(_NO_IMAGES.split())
_no_images_without_extension = frozenset(_NO_IMAGES_WITHOUT_EXTENSION.split())
_containers = frozenset(_CONTAINERS.split())
_beside = frozenset(_BESIDE.split())
_cameras = frozenset(_CAMERAS.split())
_AROUND = "_- 0123456789"


def may_be_image(path: str) -> bool:
    """Whether a file may be an image by its name; files without an extension may be."""
    stem, dot, suffix = path.rpartition("/")[2].lower().rpartition(".")
    return suffix not in (_no_images if dot and stem else _no_images_without_extension)


def has_image_extension(path: str) -> bool:
    """Whether a path has an image's extension."""
    stem, dot, suffix = path.rpartition("/")[2].lower().rpartition(".")
    return bool(dot and stem) and suffix in _images


def is_container(name: str) -> bool:
    """Whether a folder has a name such as `Dataset` or `images`, which no class has."""
    return name.casefold().strip(_AROUND) in _containers


def is_beside(name: str) -> bool:
    """Whether a folder has a name such as `annotations` or `docs`, typical of folders next to images."""
    return name.casefold().strip(_AROUND) in _beside


def is_of_camera(word: str) -> bool:
    """Whether a file name's first word is one that cameras and programs use for numbering: `IMG`, `frame`."""
    return word.casefold() in _cameras
