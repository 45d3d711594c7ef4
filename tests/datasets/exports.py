"""Writes small files as OCT devices lay them out, for the tests that read them."""

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

RNG = np.random.default_rng(7)


def bscans(count: int = 5, height: int = 40, width: int = 48) -> np.ndarray:
    """Return smooth B-scans, uint8 (count, height, width), each unlike the others."""
    y, x = np.mgrid[:height, :width]
    waves = [
        120 + 100 * np.sin(y / (5 + k)) * np.cos(x / 17) + RNG.normal(0, 3, (height, width))
        for k in range(count)
    ]
    return np.clip(waves, 0, 255).astype(np.uint8)


def reflectivity(grey: np.ndarray) -> np.ndarray:
    """Return Heidelberg's reflectivity, float32, of which `grey` is the picture."""
    raw = np.exp(grey.astype(np.float64) / 255 * 8.285 - 8.3) - 2.44e-4
    return np.clip(raw, 0, 1).astype(np.float32)


def vol(
    path: Path,
    raw: np.ndarray,
    side: bytes = b"OD",
    slo: tuple[int, int] = (16, 12),
    pattern: int = 3,
) -> Path:
    """Write a Heidelberg .vol of reflectivity, float32 (count, height, width)."""
    count, height, width = raw.shape
    header = bytearray(2048)
    header[:12] = b"HSF-OCT-103\0"
    struct.pack_into("<3i3d", header, 12, width, count, height, 0.01, 0.24, 0.0039)
    struct.pack_into("<2i2d", header, 48, *slo, 0.01, 0.01)
    header[84:88] = side.ljust(4, b"\0")
    scan_header = 256 + 4 * width
    struct.pack_into("<2i", header, 96, pattern, scan_header)
    header[148:169] = b"SECRET-PATIENT".ljust(21, b"\0")
    frames = [bytes(scan_header) + frame.astype("<f4").tobytes() for frame in raw]
    path.write_bytes(bytes(header) + bytes(slo[0] * slo[1]) + b"".join(frames))
    return path


def ufloat16(values: np.ndarray) -> np.ndarray:
    """Pack numbers into E2E's floats: no sign, 6 bits of exponent, 10 of mantissa."""
    exponent = np.floor(np.log2(np.maximum(values, 2.0**-62))).astype(int)
    mantissa = np.clip(np.round((values / 2.0**exponent - 1) * 1024), 0, 1023).astype(int)
    return (((exponent + 63) << 10) | mantissa).astype("<u2")


def e2e(
    path: Path,
    raw: np.ndarray,
    sides: tuple[bytes, ...] = (b"R",),
    patterns: tuple[int, ...] = (),
) -> Path:
    """Write a Heidelberg .e2e, a series for each side, of reflectivity as in `vol`.

    Where `patterns` gives a series its scan pattern, its B-scans are 10 degrees wide.
    """
    items: list[tuple[int, int, int, int, bytes]] = []
    for series, side in enumerate(sides, start=1):
        items.append((series, -1, 9, 0, b"SECRET".ljust(31) + b"PATIENT".ljust(100)))
        items.append((series, -1, 11, 0, bytes(14) + side + bytes(12)))
        slo = np.zeros((24, 24), np.uint8)
        head = struct.pack("<5I", slo.size, 33620481, slo.size, *slo.shape)
        items.append((series, 0, 0x40000000, 0, head + slo.tobytes()))
        for k, frame in enumerate(raw):
            data = ufloat16(frame).tobytes()
            head = struct.pack("<5I", len(data), 35652097, frame.size, *frame.shape)
            items.append((series, 2 * k, 0x40000000, 1, head + data))
            if patterns:
                size, place = frame.shape, (-5.0, 3.0 * k, 5.0, 3.0 * k)
                said = struct.pack("<3I4fIf", 0, *size, *place, 0, 0.0) + struct.pack("<f", 0.0039)
                said += struct.pack("<20x4I", size[1], len(raw), k, patterns[series - 1])
                items.append((series, 2 * k, 10004, 0, said + bytes(352)))
    start = 36 + 52
    directory = start + 52 + 44 * len(items)
    lines, body = b"", b""
    for series, slice_, kind, ind, data in items:
        at = directory + len(body)
        ids = struct.pack("<4i2HI", 1, 2, series, slice_, ind, 0, kind)
        lines += struct.pack("<4I", start, at, len(data), 0) + ids + bytes(4)
        body += b"MDbData\0\0\0\0\0" + struct.pack("<5I", 0, start, at, len(data), 0)
        body += ids + bytes(4) + data
    version = b"CMDb".ljust(12, b"\0") + struct.pack("<I", 100) + bytes(20)
    main = b"MDbMDir".ljust(12, b"\0") + struct.pack("<I20x4I", 100, 0, start, 0, 0)
    head = b"MDbDir".ljust(12, b"\0") + struct.pack("<I20x4I", 100, len(items), start, 0, 0)
    path.write_bytes(version + main + head + lines + body)
    return path


def fda(path: Path, scans: np.ndarray, left: bool = False, wide: bool = False) -> Path:
    """Write a Topcon .fda: JPEG 2000 without loss, or `wide` raw numbers of 16 bits."""
    count, height, width = scans.shape
    if wide:
        head = struct.pack("<B4IBI", 2, width, height, 16, count, 0, scans.size * 2)
        chunk = (b"@IMG_MOT_COMP_03", head + scans.astype("<u2").tobytes())
    else:
        data = struct.pack("<B6I", 2, 0, 0, width, height, count, 0)
        for scan in scans:
            buffer = io.BytesIO()
            Image.fromarray(scan).save(buffer, "JPEG2000", no_jp2=True)
            data += struct.pack("<I", len(buffer.getvalue())) + buffer.getvalue()
        chunk = (b"@IMG_JPEG", data)
    patient = (b"@PATIENT_INFO_02", b"SECRET-PATIENT".ljust(200, b"\0"))
    capture = (b"@CAPTURE_INFO_02", bytes([left, 2]) + bytes(116))
    chunks = b"".join(
        bytes([len(name)]) + name + struct.pack("<I", len(data)) + data
        for name, data in (patient, capture, chunk)
    )
    path.write_bytes(b"FOCTFDA" + struct.pack("<2I", 2, 1) + chunks + b"\0")
    return path


def img(path: Path, scans: np.ndarray, by_ascan: bool = False) -> Path:
    """Write a Zeiss .img of B-scans, uint8 (count, 1024, width), in either order of bytes."""
    rows = scans.transpose(0, 2, 1) if by_ascan else scans[:, ::-1]
    path.write_bytes(np.ascontiguousarray(rows).tobytes())
    return path


def _key(name: str, data: bytes) -> bytes:
    return struct.pack("<I", len(name)) + name.encode() + struct.pack("<I", len(data)) + data


def bioptigen(path: Path, scans: np.ndarray) -> Path:
    """Write a Bioptigen .OCT of 16-bit B-scans (count, depth, width)."""
    count, depth, width = scans.shape
    number = struct.Struct("<I").pack
    fields = {
        "FRAMECOUNT": number(count),
        "LINECOUNT": number(width),
        "LINELENGTH": number(depth),
        "SAMPLEFORMAT": number(2),
        "DESCRIPTION": b"SECRET PATIENT",
        "XMIN": struct.pack("<d", 0.0),
        "SCANTYPE": number(1),
        "SCANS": number(1),
        "FRAMES": number(count),
        "CONFIG": bytes(50),
    }
    inside = b"".join(_key(name, data) for name, data in fields.items()) + bytes(4)
    out = struct.pack("<IH", 1, 106) + _key("FRAMEHEADER", b"") + inside
    for scan in scans:
        frame = {
            "FRAMEDATETIME": bytes(16),
            "FRAMETIMESTAMP": struct.pack("<d", 1.0),
            "FRAMELINES": number(width),
            "FRAMESAMPLES": np.ascontiguousarray(scan.T).astype("<u2").tobytes(),
        }
        inside = b"".join(_key(name, data) for name, data in frame.items()) + bytes(4)
        out += _key("FRAMEDATA", b"") + inside
    path.write_bytes(out)
    return path


def dicom(path: Path, pixels: np.ndarray, packed: str | None = None, **tags) -> Path:
    """Write a DICOM file of OCT frames; `tags` override or, with None, remove elements."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    frames = 1 if pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[-1] == 3) else len(pixels)
    colour = pixels.ndim > 2 and pixels.shape[-1] == 3
    shape = pixels.shape[-3:-1] if colour else pixels.shape[-2:]
    bits = 8 * pixels.dtype.itemsize
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.5.4"
    data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID
    data.PatientName, data.PatientID, data.PatientBirthDate = "SECRET^PATIENT", "4711", "19500101"
    data.Modality, data.ImageLaterality = "OPT", "L"
    data.Rows, data.Columns = shape
    data.SamplesPerPixel = 3 if colour else 1
    data.PhotometricInterpretation = "RGB" if colour else "MONOCHROME2"
    if colour:
        data.PlanarConfiguration = 0
    data.BitsAllocated, data.BitsStored, data.HighBit = bits, bits, bits - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames > 1:
        data.NumberOfFrames = frames
    if pixels.dtype.kind == "f":
        data.FloatPixelData = pixels.astype("<f4").tobytes()
        del data.BitsStored, data.HighBit, data.PixelRepresentation
    else:
        data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
        data["PixelData"].VR = "OW" if bits > 8 else "OB"
    if packed:
        data.compress(packed)
    for tag, value in tags.items():
        if value is None:
            del data[tag]
        else:
            setattr(data, tag, value)
    data.save_as(path, enforce_file_format=True)
    return path
