"""Names as drivers, udev and libdrm write them in; maker, kind and a name to read out."""

from __future__ import annotations

import pytest

from app.hardware.graphics_names import (
    is_in_processor,
    maker_of,
    parse_amdgpu_ids,
    parse_udev_record,
    tidy_device_name,
)

# An extract of libdrm's data/amdgpu.ids, whose head says: device, revision, product name.
AMDGPU_IDS = """\
# List of AMDGPU IDs
#
# Syntax:
# device_id,	revision_id,	product_name        <-- single tab after comma

1.0.0
15BF,	C4,	AMD Radeon 780M Graphics
15BF,	D9,	AMD Radeon(TM) Graphics
744C,	C8,	AMD Radeon RX 7900 XTX
744C,	CC,	AMD Radeon RX 7900 XT
7481,   C7,     AMD Steam Machine
"""


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("NVIDIA GeForce RTX 4060 Laptop GPU", "NVIDIA"),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "AMD"),
        ("Radeon RX 570 Series", "AMD"),
        ("Intel(R) Arc(TM) A770 Graphics (DG2)", "Intel"),
        ("Apple M2 Pro", "Apple"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", ""),
        ("Mali-G610", ""),
        ("", ""),
    ],
)
def test_maker(name: str, maker: str) -> None:
    assert maker_of(name) == maker


@pytest.mark.parametrize(
    ("name", "in_processor"),
    [
        ("AMD Radeon(TM) Graphics", True),
        ("AMD Radeon(TM) 860M Graphics", True),
        ("AMD Radeon 780M Graphics (RADV PHOENIX)", True),
        ("AMD Radeon Vega 8 Graphics", True),
        ("AMD Radeon(TM) 8060S Graphics", True),
        ("AMD Radeon RX 7900 XTX", False),
        ("AMD Radeon RX 6800M", False),
        ("AMD Radeon VII", False),
        ("AMD Radeon Pro 5500M", False),
        ("Intel(R) UHD Graphics 770", True),
        ("Intel(R) Iris(R) Xe Graphics", True),
        ("Intel(R) Arc(TM) Graphics", True),
        ("Intel(R) Arc(TM) 140V GPU (16GB)", True),
        ("Intel(R) Arc(TM) B390 GPU", True),
        ("Intel(R) Arc(TM) A770 Graphics", False),
        ("Intel(R) Arc(TM) B580 Graphics", False),
        ("Intel(R) Arc(TM) Pro B50 Graphics", False),
        ("Intel(R) Iris(R) Xe MAX Graphics", False),
        ("NVIDIA GeForce RTX 4090", False),
    ],
)
def test_which_graphics_sit_in_the_processor(name: str, in_processor: bool) -> None:
    assert is_in_processor(name) is in_processor


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("Intel(R) Arc(TM) A770 Graphics (DG2)", "Intel Arc A770 Graphics"),
        ("AMD Radeon RX 7900 XTX (RADV NAVI31)", "AMD Radeon RX 7900 XTX"),
        ("  NVIDIA   GeForce RTX 4060 ", "NVIDIA GeForce RTX 4060"),
        ("Intel(R) UHD Graphics 770 (ADL-S GT1) (x)", "Intel UHD Graphics 770"),
        ("(" * 5000, "(" * 5000),
    ],
)
def test_tidy_name(raw: str, tidy: str) -> None:
    assert tidy_device_name(raw) == tidy


@pytest.mark.parametrize(
    ("record", "maker", "name"),
    [
        ("E:ID_MODEL_FROM_DATABASE=Navi 48 [Radeon AI PRO R9700]\n", "AMD", "AMD Radeon AI PRO R9700"),
        (
            "I:1234\nE:ID_VENDOR_FROM_DATABASE=Intel Corporation\n"
            "E:ID_MODEL_FROM_DATABASE=Alder Lake-S GT1 [UHD Graphics 770]\n",
            "Intel",
            "Intel UHD Graphics 770",
        ),
        ("E:ID_MODEL_FROM_DATABASE=GB206 [GeForce RTX 5060 Ti]\n", "NVIDIA", "NVIDIA GeForce RTX 5060 Ti"),
        ("E:ID_MODEL_FROM_DATABASE=Phoenix1\n", "AMD", "AMD Phoenix1 graphics"),
        ("E:ID_MODEL_FROM_DATABASE=\n", "AMD", ""),
        ("", "AMD", ""),
    ],
)
def test_model_of_udevs_record(record: str, maker: str, name: str) -> None:
    assert parse_udev_record(record, maker) == name


@pytest.mark.parametrize(
    ("device", "revision", "name"),
    [
        (0x744C, 0xC8, "AMD Radeon RX 7900 XTX"),
        (0x744C, 0xCC, "AMD Radeon RX 7900 XT"),
        (0x15BF, 0xD9, "AMD Radeon Graphics"),
        (0x7481, 0xC7, "AMD Steam Machine"),
        (0x744C, 0x00, ""),
        (0, 0, ""),
    ],
)
def test_name_of_device_and_revision(device: int, revision: int, name: str) -> None:
    assert parse_amdgpu_ids(AMDGPU_IDS, device, revision) == name
