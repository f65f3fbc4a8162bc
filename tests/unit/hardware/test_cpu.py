"""Recorded /proc/cpuinfo and sysctl texts in, names and features out."""

import pytest

from app.hardware.cpu import parse_cpuinfo, parse_sysctl, read_cpu, tidy_name

RYZEN = """\
processor\t: 0
vendor_id\t: AuthenticAMD
model\t\t: 97
model name\t: AMD Ryzen 9 7950X 16-Core Processor
flags\t\t: fpu vme sse sse2 pni ssse3 fma sse4_1 sse4_2 avx f16c avx2 bmi2 avx512f avx512vbmi avx512_vnni

processor\t: 1
model name\t: something else
"""

RASPBERRY_PI = """\
processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid asimdhp asimddp
CPU implementer\t: 0x41

Revision\t: c04170
Model\t\t: Raspberry Pi 5 Model B Rev 1.0
"""

GRAVITON = """\
processor\t: 0
Features\t: fp asimd asimdhp asimddp sve i8mm bf16
CPU implementer\t: 0x41
CPU part\t: 0xd40
"""

M2 = """\
machdep.cpu.brand_string: Apple M2 Pro
machdep.cpu.core_count: 10
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
hw.optional.arm.FEAT_SME: 0
hw.optional.AdvSIMD: 1
"""

INTEL_MAC = """\
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.features: FPU SSE SSE2 SSE3 SSSE3 FMA SSE4.1 SSE4.2 AVX1.0 F16C
machdep.cpu.leaf7_features: BMI1 AVX2 BMI2
"""


@pytest.mark.parametrize(
    ("parse", "text", "name", "features"),
    [
        (
            parse_cpuinfo,
            RYZEN,
            "AMD Ryzen 9 7950X",
            "SSE3 SSSE3 SSE4_2 AVX AVX2 F16C FMA BMI2 AVX512 AVX512_VBMI AVX512_VNNI",
        ),
        (parse_cpuinfo, RASPBERRY_PI, "Raspberry Pi 5 Model B Rev 1.0", "NEON FP16_VA DOTPROD"),
        (parse_cpuinfo, GRAVITON, "", "NEON FP16_VA DOTPROD MATMUL_INT8 BF16 SVE"),
        (parse_cpuinfo, "", "", ""),
        (parse_cpuinfo, "model\t: 97\nno colon here\n", "", ""),
        (parse_sysctl, M2, "Apple M2 Pro", "NEON DOTPROD MATMUL_INT8"),
        (parse_sysctl, INTEL_MAC, "Intel Core i7-9750H", "SSE3 SSSE3 SSE4_2 AVX AVX2 F16C FMA BMI2"),
        (parse_sysctl, "", "", ""),
    ],
)
def test_parsing_of_recorded_text_gives_name_and_features(parse, text, name, features):
    found_name, found_features = parse(text)
    assert found_name == name
    assert set(found_features) == set(features.split())


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("Intel(R) Xeon(R) CPU E5-2680 v4 @ 2.40GHz", "Intel Xeon CPU E5-2680 v4"),
        ("13th Gen Intel(R) Core(TM) i5-13600K", "13th Gen Intel Core i5-13600K"),
        ("AMD  Ryzen 5 5600 6-Core Processor", "AMD Ryzen 5 5600"),
    ],
)
def test_tidy_name_drops_what_nobody_reads(raw, tidy):
    assert tidy_name(raw) == tidy


def test_reading_this_computer_gives_a_name_and_cores():
    cpu, _ = read_cpu()
    assert cpu.name
    assert 1 <= cpu.physical_cores <= cpu.logical_cores


def test_unknown_physical_cores_fall_back_to_logical_with_a_note(monkeypatch):
    monkeypatch.setattr("app.hardware.cpu.psutil.cpu_count", lambda logical: 4 if logical else None)
    cpu, notes = read_cpu()
    assert (cpu.physical_cores, cpu.logical_cores) == (4, 4)
    assert any("physical" in note for note in notes)
