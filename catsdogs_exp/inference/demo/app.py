"""The demo's HTTP interface: the page, `/predict`, `/healthz`, and the page's requests."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from catsdogs_exp.data.images import decoding
from catsdogs_exp.errors import one_line
from catsdogs_exp.inference.demo.access import Access, Guard
from catsdogs_exp.inference.demo.bodies import Bodies
from catsdogs_exp.inference.demo.cropping import prepared, read_crop, smaller
from catsdogs_exp.inference.demo.examples import Example
from catsdogs_exp.inference.demo.kept_images import KeptImage, KeptImages
from catsdogs_exp.inference.demo.lanes import Lane
from catsdogs_exp.inference.demo.limits import MB, Limits
from catsdogs_exp.inference.demo.networks import PER_ROW, DemoNetwork
from catsdogs_exp.inference.demo.refusal import Refused
from catsdogs_exp.printable import printable
from catsdogs_exp.record.pictures.encoding import png_of

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript"}
_SHOWN = 1280  # pixels of the longer side of the picture that the page shows
_SWEEP = 15.0  # seconds between checks for unused images


@dataclass(frozen=True)
class Demo:
    """The content of a demo.

    Attributes:
        networks: one or two networks.
        examples: pictures to start with.
        limits: the server's limits.
    """

    networks: Sequence[DemoNetwork]
    examples: Sequence[Example] = ()
    limits: Limits = Limits()  # noqa: RUF009  (frozen)


def make_app(demo: Demo, access: Access) -> ASGIApp:
    """Creates the ASGI app of a demo, behind its guard."""
    static = {f"/{path.name}": path for path in _PAGE.iterdir() if path.suffix in _TYPES}
    static["/"] = static.pop("/index.html")
    handlers = _Handlers(demo)
    routes = [
        *(Route(url, _file(path)) for url, path in static.items()),
        Route("/healthz", handlers.health),
        Route("/about", handlers.about),
        Route("/predict", handlers.predict, methods=["POST"]),
        Route("/images", handlers.keep, methods=["POST"]),
        Route("/images/{image}", handlers.forget, methods=["DELETE"]),
        Route("/images/{image}/predict", handlers.predict_kept),
        Route("/images/{image}/picture", handlers.picture),
        Route("/images/{image}/view", handlers.view),
        Route("/images/{image}/layer", handlers.layer),
        Route("/atlas", handlers.atlas),
        Route("/examples/{number}", handlers.keep_example, methods=["POST"]),
        Route("/examples/{number}/thumbnail", handlers.thumbnail),
    ]
    errors: dict[Any, Any] = {
        Refused: lambda _, error: _refusal(error.status, error.message),
        HTTPException: _not_served,
        Exception: _failure,
        ClientDisconnect: lambda _, error: _refusal(400, "The client has left."),
    }
    app = Starlette(routes=routes, exception_handlers=errors, lifespan=handlers.lifespan)
    return Guard(app, access, {*static, "/healthz"})


class _Handlers:
    """The request handlers."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._bodies = Bodies(demo.limits)
        self._kept = KeptImages(demo.limits)
        self._pages = Lane("pages", demo.limits.waiting)
        self._programs = Lane("programs", demo.limits.waiting)

    @asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Drops unused images for as long as the server runs."""

        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP)
                self._kept.drop_old()

        task = asyncio.create_task(sweep())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self._pages.close()
            self._programs.close()

    async def health(self, _request: Request) -> Response:
        """Reports that the server is running."""
        return _json({"status": "ok"})

    async def about(self, _request: Request) -> Response:
        """Returns the networks, their layers, the examples and the limits, for the page."""
        networks = [
            {
                "name": printable(each.name),
                "classes": each.classes,
                "labels": [printable(name) for name in each.classes],
                "size": [each.preparation.target_size[1], each.preparation.target_size[0]],
                "resize": each.preparation.resize,
                "explains": each.explains,
                "layers": [vars(layer) for layer in each.layers],
                "atlas": bool(each.atlas),
            }
            for each in self._demo.networks
        ]
        limits = self._demo.limits
        return _json(
            {
                "networks": networks,
                "examples": [printable(each.label) for each in self._demo.examples],
                "per_row": PER_ROW,
                "limits": {"bytes": limits.body_bytes, "pixels": limits.pixels},
            }
        )

    async def predict(self, request: Request) -> Response:
        """Returns the probabilities for the image in the body, or for a crop of it."""
        if unknown := [name for name in request.query_params if name != "crop"]:
            raise Refused(400, f"/predict takes crop=left,top,width,height. Received: {', '.join(unknown)[:60]}")
        async with self._bodies.of(request) as data:
            _check_content_type(request)
            crop = request.query_params.get("crop", "")
            return _json(await self._programs.do(request, lambda: self._predicted(data, crop)))

    async def keep(self, request: Request) -> Response:
        """Keeps the image in the body for a page."""
        async with self._bodies.of(request) as data:
            return await self._keep(request, lambda: data)

    async def keep_example(self, request: Request) -> Response:
        """Keeps an example for a page."""
        return await self._keep(request, self._example(request).read)

    async def thumbnail(self, request: Request) -> Response:
        """Returns an example's thumbnail."""
        return Response(self._example(request).thumbnail, media_type="image/jpeg")

    async def forget(self, request: Request) -> Response:
        """Drops an image that its page no longer needs."""
        self._kept.drop(request.path_params["image"])
        return Response(status_code=204)

    async def predict_kept(self, request: Request) -> Response:
        """Returns the probabilities for a kept image, or for a crop of it."""
        image = self._kept.get(request.path_params["image"])
        crop = request.query_params.get("crop", "")
        return _json({"predictions": await self._pages.do(request, lambda: self._predictions(image, crop))})

    async def picture(self, request: Request) -> Response:
        """Returns a kept image for the page to show, upright, in a format that every browser reads."""
        image = self._kept.get(request.path_params["image"])
        return Response(await self._pages.do(request, lambda: _shown(image.pixels)), media_type="image/jpeg")

    async def view(self, request: Request) -> Response:
        """Returns the network's input for a crop, with the evidence for a class if one is given."""
        label = _whole(request, "class") if "class" in request.query_params else None
        return await self._drawn(request, lambda network, pixels: network.view(pixels, label))

    async def layer(self, request: Request) -> Response:
        """Returns the activations of a layer's channels, or of one channel."""
        number = _whole(request, "layer")
        if "channel" in request.query_params:
            channel = _whole(request, "channel")
            return await self._drawn(request, lambda network, pixels: network.channel(pixels, number, channel))
        return await self._drawn(request, lambda network, pixels: network.layer(pixels, number))

    async def atlas(self, request: Request) -> Response:
        """Returns a channel's entry in the atlas of a run."""
        network, layer = self._network(request)[1], request.query_params.get("layer", "")
        return _json({"atlas": bool(network.atlas), "entry": network.atlas.entry(layer, _whole(request, "channel"))})

    async def _keep(self, request: Request, read: Callable[[], bytes]) -> Response:
        def work() -> dict[str, Any]:
            try:
                image = self._decoded(read(), kept=True)
            except OSError as error:
                raise Refused(404, f"The example can no longer be read: {error.strerror}.") from error
            predictions = self._predictions(image, "")
            return {"image": image, "predictions": predictions}

        found = await self._pages.do(request, work)
        image = found["image"]
        name = self._kept.add(image)
        return _json({"id": name, "width": image.width, "height": image.height, "predictions": found["predictions"]})

    async def _drawn(self, request: Request, draw: Callable[[DemoNetwork, NDArray[np.uint8]], Image.Image]) -> Response:
        image = self._kept.get(request.path_params["image"])
        number, network = self._network(request)
        crop = request.query_params.get("crop", "")
        content = await self._pages.do(request, lambda: png_of(draw(network, _input(image, crop, number, network))))
        return Response(content, media_type="image/png")

    def _network(self, request: Request) -> tuple[int, DemoNetwork]:
        number = _whole(request, "run", 0)
        if not 0 <= number < len(self._demo.networks):
            raise Refused(400, f"run must be 0..{len(self._demo.networks) - 1}. Received: run={number}")
        return number, self._demo.networks[number]

    def _example(self, request: Request) -> Example:
        text = request.path_params["number"]
        if not _is_whole(text) or int(text) >= len(self._demo.examples):
            raise Refused(404, f"There are {len(self._demo.examples)} examples. Received: {text[:60]}")
        return self._demo.examples[int(text)]

    def _predicted(self, data: bytes, crop: str) -> dict[str, Any]:
        image = self._decoded(data)
        size = {"width": image.width, "height": image.height}
        return {"image": size, "predictions": self._predictions(image, crop)}

    def _decoded(self, data: bytes, kept: bool = False) -> KeptImage:
        try:
            decoding.check_size(data, self._demo.limits.pixels)
            pixels = decoding.pixels(data)
            whole = tuple(network.prepare(data) for network in self._demo.networks)
        except decoding.TooLarge as error:
            size = f" It has {error.width} x {error.height}." if error.width else ""
            limit = self._demo.limits.pixels / MB
            raise Refused(413, f"The image is too large: at most {limit:g} megapixels are accepted.{size}") from error
        except decoding.Undecodable as error:
            raise Refused(
                415, f"The file cannot be read: {error}. Send a JPEG, PNG, WebP, GIF, BMP or TIFF image."
            ) from error
        return KeptImage({1: pixels, **(smaller(pixels) if kept else {})}, whole)

    def _predictions(self, image: KeptImage, crop: str) -> list[dict[str, Any]]:
        return [
            network.predict(_input(image, crop, number, network)) for number, network in enumerate(self._demo.networks)
        ]


def _check_content_type(request: Request) -> None:
    """Rejects forms and JSON, which programs send to other servers."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("multipart/") or kind == "application/json":
        what = "JSON" if kind == "application/json" else "a form"
        raise Refused(
            415, f"The body must be the bytes of an image. Received: {what}. Send: curl --data-binary @FILE URL"
        )


def _input(image: KeptImage, crop: str, number: int, network: DemoNetwork) -> NDArray[np.uint8]:
    box = read_crop(crop, image.width, image.height)
    return image.whole[number] if box is None else prepared(image.pixels, box, network.preparation)


def _shown(pixels: Mapping[int, NDArray[np.uint8]]) -> bytes:
    picture = Image.fromarray(np.ascontiguousarray(pixels.get(2, pixels[1])))  # half a large image is larger still
    picture.thumbnail((_SHOWN, _SHOWN), Image.Resampling.BILINEAR, reducing_gap=2.0)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=90)
    return content.getvalue()


def _whole(request: Request, name: str, default: int | None = None) -> int:
    text = request.query_params.get(name, "" if default is None else str(default))
    if not _is_whole(text):
        raise Refused(400, f"{name} must be a whole number. Received: {name}={text[:60]}")
    return int(text)


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7


def _file(path: Path) -> Callable[[Request], Any]:
    content = path.read_bytes()

    async def answer(_request: Request) -> Response:
        return Response(content, headers={"content-type": _TYPES[path.suffix]})

    return answer


def _json(value: Any, status: int = 200, **headers: str) -> Response:
    """Returns JSON in ASCII: class names may contain bytes that are not text, which UTF-8 cannot express."""
    return Response(json.dumps(value), status, {**headers}, "application/json")


def _not_served(request: Request, error: HTTPException) -> Response:
    """Handles a path or method that does not exist."""
    allowed = (error.headers or {}).get("Allow", "")
    if not allowed:
        return _refusal(error.status_code, f"{error.detail}.")
    text = f"{error.detail}. {request.url.path} takes {allowed}. Received: {request.method[:20]}"
    return _refusal(error.status_code, text, allow=allowed)


def _failure(_request: Request, error: Exception) -> Response:
    """Handles an internal error: it is reported on the terminal, where strangers cannot read it."""
    logging.getLogger("catsdogs_exp").error("a request has failed: %s", one_line(error))
    return _refusal(500, "The demo has failed. The reason is on its terminal.")


def _refusal(status: int, text: str, **headers: str) -> Response:
    """Returns an error; the connection is closed, because the request's body may not have been read."""
    return _json({"error": printable(text)}, status, connection="close", **headers)
