"""Files of one picture or state each: the last one, numbered ones, or a folder of them."""

import errno
import io
import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from ncaengine.core.errors import NCAError
from ncaengine.core.files import NewFile, replace_folder, workplace
from ncaengine.core.types import F32, U8
from ncaengine.io.kinds import Job
from ncaengine.io.stills import png

FRAME = "frame_{:06d}.png"
"""The names of the files in a folder of frames."""
_FRAME = re.compile(r"frame_(\d{6,})\.png")
COLOURS = ("R", "G", "B")
"""The channels of an EXR that programs show."""


class _Files:
    """The last picture; or a file for each, numbered from 0, if the name is a pattern as f_%04d.png."""

    def __init__(self, job: Job) -> None:
        self._options, self._path, self._numbered = job.options, job.path, not job.kind.still
        self._last: U8 | F32 | None = None
        self._count = 0
        self._file = self._new_file()

    def _new_file(self) -> NewFile:
        name = self._path.name % self._count if self._numbered else self._path.name
        return NewFile(self._path.with_name(name))

    def _packed(self, picture: U8 | F32) -> bytes:
        """Return a picture as a file."""
        raise NotImplementedError

    def write(self, picture: U8 | F32) -> None:
        self._last = picture
        if self._numbered:
            if self._count:
                self._file = self._new_file()
            self._save()
            self._count += 1

    def _save(self) -> None:
        with self._file:
            if self._last is not None:
                self._file.write(self._packed(self._last))
                self._file.finish()

    def close(self) -> None:
        if not self._numbered:
            self._save()
        elif not self._count:
            self._file.discard()

    def saved(self) -> int:
        return self._count if self._numbered else int(self._file.placed)


class Png(_Files):
    """PNG."""

    def _packed(self, picture: U8 | F32) -> bytes:
        return png(Image.fromarray(picture), level=self._options["compression_level"])


class Avif(_Files):
    """AVIF with a colour of its own for each pixel; its losses are hard to see."""

    def _packed(self, picture: U8 | F32) -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "AVIF", quality=self._options["quality"], subsampling="4:4:4")
        return file.getvalue()


class Npy(_Files):
    """A state for NumPy."""

    def _packed(self, picture: U8 | F32) -> bytes:
        file = io.BytesIO()
        np.save(file, picture[..., len(COLOURS) :])
        return file.getvalue()


class Exr(_Files):
    """A state for programs that compose pictures: R, G, B in linear light, and state.00, state.01 and so on."""

    def __init__(self, job: Job) -> None:
        try:
            import OpenEXR  # noqa: F401
        except ImportError:
            raise NCAError("An .exr needs OpenEXR, which is missing: pip install 'ncaengine[exr]'") from None
        super().__init__(job)

    def _packed(self, picture: U8 | F32) -> bytes:
        import tempfile

        import OpenEXR

        names = [*COLOURS, *(f"state.{number:02}" for number in range(picture.shape[2] - len(COLOURS)))]
        channels = {name: np.ascontiguousarray(picture[..., at]) for at, name in enumerate(names)}
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        with tempfile.TemporaryDirectory() as folder:  # the library writes only to names
            path = Path(folder) / "a.exr"
            with OpenEXR.File(header, channels) as file:
                file.write(str(path))
            return path.read_bytes()


class Frames:
    """A folder of frame_000000.png and so on. All frames of an earlier recording go when the first new one is there."""

    def __init__(self, job: Job) -> None:
        with suppress(FileExistsError):  # of a file or a link, which is told next
            job.path.mkdir(parents=True, exist_ok=True)
        if not job.path.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "it is a file, where a folder is needed")
        self._folder, self._level = job.path.resolve(), job.options["compression_level"]
        if not os.access(self._folder, os.W_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
        self._beside, self._count = workplace(self._folder), 0

    def write(self, picture: U8 | F32) -> None:
        data = png(Image.fromarray(picture), level=self._level)
        if self._count or not self._replace_all(data):
            self._add(self._folder, self._beside, data)
        self._count += 1

    def _add(self, folder: Path, beside: Path, data: bytes) -> None:
        with NewFile(folder / FRAME.format(self._count), beside) as file:
            file.write(data)
            if not self._count:  # so that what a kill leaves is one recording, from its start
                for path in reversed(self._older(folder)):
                    path.unlink()
            file.finish()

    @staticmethod
    def _older(folder: Path) -> list[Path]:
        return sorted(path for path in folder.iterdir() if _FRAME.fullmatch(path.name))

    def _replace_all(self, first: bytes) -> bool:
        """Let the first frame take the place of all that is there, if that is only an older recording."""
        only_frames = len(self._older(self._folder)) == len(list(self._folder.iterdir())) > 0
        return only_frames and replace_folder(self._folder, lambda fresh: self._add(fresh, fresh, first))

    def close(self) -> None:
        """Do nothing: each frame is on the disk already."""
