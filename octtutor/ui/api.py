"""The service: `/predict` and `/explain`, for `gradio_client` and as MCP tools. Nothing else."""

import base64
from dataclasses import asdict
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from gradio.events import api as add_endpoint

from octtutor.datasets.decode import Pixels
from octtutor.datasets.scan_picture import ScanPicture
from octtutor.model.explain.maps import overlay
from octtutor.model.explain.methods import DEFAULT_METHOD, find_method
from octtutor.model.explain.trust import WHAT_A_MAP_IS
from octtutor.model.serve.library import ModelAnswer
from octtutor.ui.read.intake import Intake, OpenedItem
from octtutor.ui.read.page import Models
from octtutor.ui.shared.messages import or_message
from octtutor.ui.shared.texts import PURPOSE

Reply = dict[str, Any]
"""How far the strongest place of a map covers the scan, in an overlay."""


class Service:
    """What the endpoints do. Values in, JSON out; knows no component, no trainee and no case."""

    def __init__(self, models: Models, intake: Intake) -> None:
        """Take the model in use, and what takes scans in and removes them."""
        self._models, self._intake = models, intake

    def predict(self, scan: Any, slice_index: Any = -1) -> Reply:
        """Answer a scan; see `build_api`.

        Raises:
            OctTutorError: the scan cannot be read, or the model cannot be used.
        """
        picture, item = self._intake.read(scan, slice_index)
        return _reply(self._models.current().predict(picture), picture, item)

    def explain(
        self,
        scan: Any,
        label: Any = "",
        method: Any = "",
        slice_index: Any = -1,
        pictures: Any = True,
    ) -> Reply:
        """Answer and explain a scan; see `build_api`.

        Raises:
            OctTutorError: the scan cannot be read, the model cannot be used, or there is no such
                class or method.
        """
        picture, item = self._intake.read(scan, slice_index)
        how, model = str(method or DEFAULT_METHOD), self._models.current()
        wanted = model.card.labels[model.card.index(str(label))] if label else None
        find_method(how)
        reply = _reply(model.predict(picture), picture, item)
        explained = wanted or reply["label"]
        level = model.explain(picture, explained, how)
        return reply | {
            "explained": explained,
            "method": how,
            "evidence": bool(level.any()),
            "strongest": _strongest(level),
            "map": _map_uri(level) if pictures is True else None,
            "overlay": _overlay_uri(picture.grey, level) if pictures is True else None,
            "what_a_map_is": WHAT_A_MAP_IS,
        }


def build_api(service: Service) -> None:
    """Add the endpoints. Must be called inside the page."""

    # Gradio shows these docstrings to clients: the first line of each argument only
    def predict(scan: str, slice_index: int = -1) -> dict[str, Any]:
        """Read a retinal OCT B-scan: CNV, DME, DRUSEN or NORMAL, with probabilities.

        For teaching people to read scans, not for diagnosis. `verdict` is scan, unlike (an OCT
        B-scan unlike those learned from), other scan or no scan (then the answer means nothing),
        and `why` says why; `would_answer` is false where too many answers as unsure as this were
        wrong; `calibrated` is false where the probabilities were never measured on scans like
        this. Nothing is kept.

        Args:
            scan: handle_file(path) of gradio_client, data:image/png;base64,… or a web address.
            slice_index: which B-scan of a volume, from 0; -1 is the middle one.

        Returns:
            label, probabilities by class, verdict, why, would_answer, calibrated, preparation,
            familiar, model, size, slices.
        """
        return dict(or_message(lambda: service.predict(scan, slice_index)))

    def explain(
        scan: str, label: str = "", method: str = "", slice_index: int = -1, pictures: bool = True
    ) -> dict[str, Any]:
        """Show where the network found evidence in a retinal OCT B-scan, for one diagnosis.

        For teaching people to read scans, not for diagnosis. A map is a hint: it does not
        outline a lesion, and one that looks right does not prove the answer. Nothing is kept.

        Args:
            scan: handle_file(path) of gradio_client, data:image/png;base64,… or a web address.
            label: CNV, DME, DRUSEN or NORMAL; empty is the model's answer.
            method: fine-cam, gradcam, occlusion or another that the page lists; empty is fine-cam.
            slice_index: which B-scan of a volume, from 0; -1 is the middle one.
            pictures: whether to return the map and the overlay as PNG data addresses.

        Returns:
            what predict returns; explained, method, evidence, strongest place (x, y), pictures.
        """
        return dict(or_message(lambda: service.explain(scan, label, method, slice_index, pictures)))

    for endpoint in (predict, explain):
        add_endpoint(
            endpoint,
            api_name=endpoint.__name__,
            api_visibility="public",
            concurrency_id="api",
            concurrency_limit=4,
        )


def _reply(answer: ModelAnswer, picture: ScanPicture, item: OpenedItem) -> Reply:
    height, width = picture.shape
    return asdict(answer) | {
        "warning": answer.why or None,
        "width": width,
        "height": height,
        "slice": item.middle,
        "slices": item.count,
        "purpose": PURPOSE,
    }


def _strongest(level: npt.NDArray[np.float32]) -> list[int] | None:
    """Return the place (x, y), in pixels, of a map's largest value; None of an empty map."""
    if not level.any():
        return None
    y, x = np.unravel_index(int(level.argmax()), level.shape)
    return [int(x), int(y)]


def _map_uri(level: npt.NDArray[np.float32]) -> str:
    return _png(np.round(level * 65535).astype(np.uint16))


def _overlay_uri(scan: Pixels, level: npt.NDArray[np.float32]) -> str:
    return _png(overlay(scan, level))


def _png(picture: npt.NDArray[Any]) -> str:
    data = cv2.imencode(".png", picture)[1].tobytes()
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
