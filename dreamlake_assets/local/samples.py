"""Small real files of each kind, which the local BSS offers and the demo uploads."""

# ruff: noqa: S603  (no argument comes from outside)

import json
import math
import struct
import subprocess
import wave
from pathlib import Path

import imageio_ffmpeg

_SAMPLE_RATE = 16_000


def make(directory: Path) -> dict[str, Path]:
    """Create a file of each kind, except those that exist already.

    :param directory: created if it does not exist.
    :returns: the path of each file, by the name of the kind.
    """
    directory.mkdir(parents=True, exist_ok=True)
    writers = {
        "video": ("front.mp4", lambda path: write_video(path, seconds=2, megabits=1)),
        "audio": ("front.wav", write_audio),
        "label-track": ("boxes.jsonl", write_labels),
        "text-track": ("english.vtt", write_subtitles),
        "image": ("front.png", write_image),
        "file": ("front.json", write_calibration),
    }
    files = {kind: directory / name for kind, (name, _) in writers.items()}
    for kind, (_, write) in writers.items():
        if not files[kind].exists():
            unfinished = files[kind].with_stem("unfinished")
            write(unfinished)
            unfinished.rename(files[kind])
    return files


def write_video(path: Path, *, seconds: int, megabits: int) -> None:
    """Write a moving test picture as H.264 in MP4.

    :param seconds: length of the video.
    :param megabits: bit rate in Mbit/s; it is constant, so that the file size is predictable.
    """
    rate = f"{megabits}M"
    options = ["-t", str(seconds)]
    options += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    options += ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate]
    options += ["-x264-params", "nal-hrd=cbr", "-movflags", "+faststart"]
    _write_test_picture(path, options)


def write_audio(path: Path) -> None:
    """Write a tone of 440 Hz for two seconds, as mono WAV."""
    samples = (
        round(12_000 * math.sin(2 * math.pi * 440 * index / _SAMPLE_RATE))
        for index in range(2 * _SAMPLE_RATE)
    )
    with wave.open(str(path), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(2)
        audio.setframerate(_SAMPLE_RATE)
        audio.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))


def write_labels(path: Path) -> None:
    """Write the labels of a box that moves to the right, as JSON Lines."""
    boxes = [
        {"st": frame / 30, "et": (frame + 1) / 30, "label": "person", "box": [frame, 20, 64, 128]}
        for frame in range(60)
    ]
    path.write_text("".join(json.dumps(box) + "\n" for box in boxes))


def write_subtitles(path: Path) -> None:
    """Write two subtitles as WebVTT."""
    path.write_text(
        "WEBVTT\n\n"
        "00:00.000 --> 00:01.000\nA test picture.\n\n"
        "00:01.000 --> 00:02.000\nIt is still moving.\n"
    )


def write_image(path: Path) -> None:
    """Write a test picture of 1280 x 720 pixels as PNG."""
    _write_test_picture(path, ["-frames:v", "1"])


def write_calibration(path: Path) -> None:
    """Write the intrinsic parameters of the camera of the test pictures, as JSON."""
    camera = {"fx": 610.5, "fy": 610.5, "cx": 639.5, "cy": 359.5, "width": 1280, "height": 720}
    path.write_text(json.dumps(camera) + "\n")


def _write_test_picture(path: Path, options: list[str]) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-f", "lavfi"]
    command += ["-i", "testsrc2=size=1280x720:rate=30", *options, str(path)]
    subprocess.run(command, check=True)
