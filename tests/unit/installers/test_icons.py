"""Icons are read back with Pillow and icnsutil, which know nothing of our writers."""

from __future__ import annotations

import io
from pathlib import Path

import icnsutil
import pytest
from PIL import Image

from installers.icon_drawing import GRIDS, mark, page
from installers.icons import PNG_PIXELS, png, write_icons

KEPT, DROPPED, GROUND = (0x7F, 0xE3, 0xD5, 255), (0x1F, 0x6F, 0x66, 255), (0x0B, 0x4A, 0x44, 255)


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    write_icons(folder)
    return folder


@pytest.mark.parametrize("name", ["nibble", "gguf"])
def test_an_icon_for_macos_has_all_sizes_with_their_doubles(icons: Path, name: str) -> None:
    file = icnsutil.IcnsFile(str(icons / f"{name}.icns"))
    assert list(icnsutil.IcnsFile.verify(str(icons / f"{name}.icns"))) == []
    # What `iconutil --convert icns` makes of a complete icon set: points, density.
    expected = {(points, density) for points in (16, 32, 128, 256, 512) for density in (1, 2)}
    sizes = set()
    for kind, data in file.media.items():
        media = icnsutil.IcnsType.get(kind)
        # icnsutil takes the largest for one of 1024 points at density 1; Apple calls it 512x512@2x.
        density = 2 if media.retina or kind == "ic10" else 1
        points = media.size[0] // density
        sizes.add((points, density))
        assert _icns_picture(data).size == (points * density,) * 2
    assert sizes == expected


def test_the_mark_for_macos_leaves_the_margin_of_its_neighbours(icons: Path) -> None:
    for data in icnsutil.IcnsFile(str(icons / "nibble.icns")).media.values():
        picture = _icns_picture(data)
        drawn = picture.getchannel("A").getbbox()
        assert drawn is not None
        # Apple's template: 824 of 1024 pixels; as near as whole pixels allow, but for the smallest, which needs them.
        if picture.width > 16:
            assert (drawn[2] - drawn[0]) / picture.width == pytest.approx(824 / 1024, abs=1 / picture.width)
        assert drawn[0] == picture.width - drawn[2]
        assert drawn[1] == picture.height - drawn[3]


@pytest.mark.parametrize("name", ["nibble", "gguf"])
def test_an_icon_for_windows_has_all_sizes_as_they_were_drawn(icons: Path, name: str) -> None:
    with Image.open(icons / f"{name}.ico") as file:
        assert file.info["sizes"] == {(n, n) for n in (16, 20, 24, 32, 40, 48, 64, 256)}
        for n, _ in file.info["sizes"]:
            drawn = Image.open(io.BytesIO(png(mark if name == "nibble" else page, n))).convert("RGBA")
            found = file.ico.getimage((n, n)).convert("RGBA")
            assert _visible(found) == _visible(drawn)


@pytest.mark.parametrize("pixels", [16, 20, 24, 32, 40, 48])
def test_cells_of_a_small_mark_lie_on_whole_pixels(pixels: int) -> None:
    picture = Image.open(io.BytesIO(png(mark, pixels))).convert("RGBA")
    grid = GRIDS[pixels]
    for y, colour in zip(grid.rows, (KEPT, DROPPED), strict=True):
        middle = [picture.getpixel((x, y + grid.row // 2)) for x in range(pixels)]
        lit = [x for x, found in enumerate(middle) if found == colour]
        assert lit == [x + i for x in grid.columns for i in range(grid.column)]
        assert all(middle[x] == GROUND for x in range(1, pixels - 1) if x not in lit)


@pytest.mark.parametrize("grid", GRIDS.values(), ids=lambda grid: str(grid.side))
def test_a_small_mark_is_the_same_from_left_and_right_and_whole(grid) -> None:  # type: ignore[no-untyped-def]
    assert grid.columns[0] == grid.side - grid.columns[-1] - grid.column
    assert grid.rows[0] == grid.side - grid.rows[-1] - grid.row
    assert min(grid.rows[0], grid.columns[0]) >= 1


@pytest.mark.parametrize("drawing", [mark, page])
def test_pictures_for_linux_have_the_size_in_their_name(icons: Path, drawing) -> None:  # type: ignore[no-untyped-def]
    name = "nibble" if drawing is mark else "gguf"
    for n in PNG_PIXELS:
        with Image.open(icons / f"{name}-{n}.png") as picture:
            assert picture.size == (n, n)
            assert picture.convert("RGBA").getpixel((0, 0))[3] == 0  # type: ignore[index]


def _icns_picture(data: bytes) -> Image.Image:
    if data[:4] != b"ARGB":
        return Image.open(io.BytesIO(data)).convert("RGBA")
    read = icnsutil.ArgbImage(data=data)
    channels = [Image.frombytes("L", read.size, bytes(values)) for values in (read.r, read.g, read.b, read.a)]
    return Image.merge("RGBA", channels)


def _visible(picture: Image.Image) -> list[tuple[int, ...]]:
    """Its pixels; where one is transparent its colour does not matter."""
    return [pixel if pixel[3] else (0, 0, 0, 0) for pixel in picture.get_flattened_data()]
