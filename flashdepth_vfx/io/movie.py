"""MovieReader: frames of a movie through FFmpeg, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from flashdepth_vfx.errors import CorruptPlateError, MissingFrameError, PlateError, PlateSizeError
from flashdepth_vfx.frames import FrameSequence
from flashdepth_vfx.io.exr_layout import check_window
from flashdepth_vfx.io.matroska import stated_bytes
from flashdepth_vfx.io.movie_frames import facts_of, pixels_of
from flashdepth_vfx.io.sequence import file_stamp
from flashdepth_vfx.io.upright import exif_of_rotation, swaps_sides
from flashdepth_vfx.plate import Plate, PlateHeader, Window

__all__ = ["MovieReader"]


class MovieReader:
    """Reads the first picture stream of a movie. `sequential`: one thread, frames in ascending order.

    Frames are numbered from `start_frame` in the order in which they are shown. Opening it reads the
    file once without decoding, to count them, and decodes the first. Raises `CorruptPlateError` for a
    file that is no movie, has no picture, or is cut off.
    """

    sequential = True

    def __init__(self, path: Path, *, start_frame: int = 1) -> None:
        self.name = str(path)
        self.sequence = FrameSequence(path.parent, path.stem, 0, path.suffix)
        self._path = path
        self._container: InputContainer | None = None
        self._decoded: Iterator[VideoFrame] = iter(())
        self._next = start_frame
        count = self._count()
        self.frames = tuple(range(start_frame, start_frame + count))
        self._open()
        first = self._decode_next()
        self._size = first.width, first.height
        self._orientation = exif_of_rotation(first.rotation)
        self._facts = facts_of(self._stream(), first, self._orientation)
        self.close()

    def path(self, frame: int) -> Path:
        """The movie, whatever the frame."""
        return self._path

    def stamp(self, frame: int) -> str:
        """Size and modification time of the movie. Raises `PlateError`."""
        return file_stamp(self._path)

    def header(self, frame: int) -> PlateHeader:
        """What is known of a frame without decoding it. Raises `MissingFrameError`."""
        self._require(frame)
        width, height = self._size[::-1] if swaps_sides(self._orientation) else self._size
        window = Window(0, 0, width, height)
        check_window(self._path, window)
        facts = self._facts
        return PlateHeader(
            path=self._path,
            frame=frame,
            kind="movie",
            data_window=window,
            display_window=window,
            pixel_aspect=facts.pixel_aspect,
            channels=("R", "G", "B"),
            views=(),
            color_hint=facts.color_hint,
            frames_per_second=None if facts.rate is None else float(facts.rate),
            attributes=facts.attributes(frame - self.frames[0]),
        )

    def read(self, frame: int) -> Plate:
        """The frame's pixels. Raises `MissingFrameError`, `CorruptPlateError`, `PlateSizeError`."""
        header = self.header(frame)
        if self._container is None or frame < self._next:
            self._open()
        while self._next < frame:
            self._decode_next()
        picture = self._decode_next()
        if (picture.width, picture.height) != self._size:
            raise PlateSizeError(
                self._path,
                f"frame {frame} is {picture.width}x{picture.height}, the first is "
                f"{self._size[0]}x{self._size[1]}; cut the movie where its size changes",
            )
        return Plate(header=header, rgb=pixels_of(picture, self._orientation))

    def close(self) -> None:
        """Close the file; a later `read` opens it again."""
        if self._container is not None:
            self._container.close()
        self._container = None
        self._decoded = iter(())

    def _require(self, frame: int) -> None:
        if not self.frames[0] <= frame <= self.frames[-1]:
            raise MissingFrameError(self.name, frame, self._path)

    def _count(self) -> int:
        """Frames in the file, from its packets."""
        with self._container_of_movie() as container:
            stream = _picture_stream(self._path, container)
            size = self._path.stat().st_size
            ends = [entry.pos + entry.size for entry in stream.index_entries]
            if max((*ends, stated_bytes(self._path) or 0)) > size:
                raise CorruptPlateError(
                    self._path, "it is cut off before its last frame; copy it again"
                )
            count = 0
            try:
                for packet in container.demux(stream):
                    count += bool(packet.size) and not packet.is_discard
            except av.FFmpegError as error:
                raise _damaged(self._path, f"after {count} packets", error) from error
        if not count:
            raise CorruptPlateError(self._path, "it has no frames")
        return count

    def _container_of_movie(self) -> InputContainer:
        try:
            # Texts of other encodings than UTF-8 are no reason to refuse the pictures.
            return av.open(os.fspath(self._path), metadata_errors="replace")
        except PermissionError as error:
            raise PlateError(self._path, f"cannot be opened ({error.strerror})") from error
        except av.FFmpegError as error:
            raise CorruptPlateError(
                self._path, f"it is empty, cut off, or no movie ({error.strerror})"
            ) from error

    def _open(self) -> None:
        self.close()
        self._container = self._container_of_movie()
        stream = self._stream()
        stream.thread_type = "AUTO"
        # Without this a damaged packet becomes a picture that was made up from its neighbours.
        stream.codec_context.options = {"err_detect": "explode"}
        self._decoded = self._container.decode(stream)
        self._next = self.frames[0]

    def _stream(self) -> VideoStream:
        assert self._container is not None
        return _picture_stream(self._path, self._container)

    def _decode_next(self) -> VideoFrame:
        """The picture of frame `_next`, which then is the one after."""
        frame = self._next
        try:
            picture = next(self._decoded, None)
        except av.FFmpegError as error:
            self.close()
            raise _damaged(self._path, f"at frame {frame}", error) from error
        if picture is None:
            self.close()
            raise CorruptPlateError(
                self._path,
                f"it ends after {frame - self.frames[0]} of its {len(self.frames)} frames "
                f"(no frame {frame}); copy it again",
            )
        self._next = frame + 1
        if picture.is_corrupt:
            self.close()
            raise CorruptPlateError(self._path, f"frame {frame} is damaged; copy it again")
        return picture


def _picture_stream(path: Path, container: InputContainer) -> VideoStream:
    if not container.streams.video:
        raise CorruptPlateError(path, "it has no picture, only sound or data")
    return container.streams.video[0]


def _damaged(path: Path, where: str, error: av.FFmpegError) -> CorruptPlateError:
    return CorruptPlateError(path, f"it is damaged {where} ({error.strerror}); copy it again")
