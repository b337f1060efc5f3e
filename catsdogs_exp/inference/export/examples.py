"""Short programs, written next to an exported file, that show how to use it without this package."""

from catsdogs_exp.data.images.resizing import evaluated_as
from catsdogs_exp.inference.export.formats import Format
from catsdogs_exp.training.checkpoint.card import ModelCard

_PILLOWS = {"nearest": "NEAREST", "bilinear": "BILINEAR", "bicubic": "BICUBIC", "lanczos": "LANCZOS"}

_SAVEDMODEL = """\
network = tf.saved_model.load(str(HERE / "savedmodel")).signatures["pixels"]
probabilities = network(images=tf.constant(pixels[None]))["probabilities"].numpy()[0]
"""
_LITERT = """\
network = Interpreter(model_path=str(HERE / "network.tflite")).get_signature_runner("pixels")
probabilities = network(images=pixels[None])["probabilities"][0]
"""
_INT8 = """\
network = Interpreter(model_path=str(HERE / "network-int8.tflite")).get_signature_runner("pixels")
scale, zero = network.get_output_details()["probabilities"]["quantization"]
probabilities = (network(images=pixels[None])["probabilities"][0].astype("float32") - zero) * scale
"""
_ONNX = """\
network = onnxruntime.InferenceSession(HERE / "network.onnx")
probabilities = network.run(["probabilities"], {"images": pixels[None]})[0][0]
"""
_PROGRAMS = {
    "savedmodel": ("run_savedmodel.py", "tensorflow", "import tensorflow as tf", _SAVEDMODEL),
    "litert": ("run_litert.py", "ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter", _LITERT),
    "litert-int8": ("run_int8.py", "ai-edge-litert", "from ai_edge_litert.interpreter import Interpreter", _INT8),
    "onnx": ("run_onnx.py", "onnxruntime", "import onnxruntime", _ONNX),
}

_CURL = """\
#!/bin/sh
# Asks TensorFlow Serving: sh ask_server.sh IMAGE [http://localhost:8501]. Start it in the folder with savedmodel/:
#   docker run -p 8501:8501 -v "$PWD/savedmodel:/models/network/1" -e MODEL_NAME=network tensorflow/serving
{ printf '{"signature_name": "bytes", "instances": [{"b64": "'; base64 < "$1" | tr -d '\\n'; printf '"}]}'; } |
  curl -sS --fail-with-body -d @- "${2:-http://localhost:8501}/v1/models/network:predict"
"""


def example_programs(each: Format, card: ModelCard) -> dict[str, str]:
    """Returns file names and texts of a format's examples; none for a page, which needs no program."""
    if each.name not in _PROGRAMS:
        return {}
    file, package, line, body = _PROGRAMS[each.name]
    fitted = _fitted(card)
    imports = f"import numpy as np\n{line}\nfrom PIL import Image, ImageOps\n"
    if line.startswith("from"):
        imports = f"import numpy as np\nfrom PIL import Image, ImageOps\n{line}\n"
    text = f"""\
# python {file} IMAGE    (pip install {package} pillow numpy)
import sys
from pathlib import Path

{imports}
HERE = Path(__file__).resolve().parent.parent
image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")
pixels = np.asarray({fitted}, np.uint8){"[..., None]" if card.channels == 1 else ""}
{body}for name, probability in zip((HERE / "labels.txt").read_text("utf-8").splitlines(), probabilities):
    print(f"{{probability:.4f}} {{name}}")
"""
    return {file: text} | ({"ask_server.sh": _CURL} if each.name == "savedmodel" else {})


def _fitted(card: ModelCard) -> str:
    """Returns the Pillow expression that prepares `image`."""
    size, method = card.target_size[::-1], f"Image.Resampling.{_PILLOWS[card.interpolation]}"
    kind = evaluated_as(card.resize)
    if kind == "crop":
        found = f"ImageOps.fit(image, {size}, {method})"
    elif kind == "pad":
        grey = round(card.pad_value)
        found = f"ImageOps.pad(image, {size}, {method}, color={(grey, grey, grey)})"
    else:
        found = f"image.resize({size}, {method})"
    return found if card.channels == 3 else f'{found}.convert("L")'
