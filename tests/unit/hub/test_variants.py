"""Files of a repository grouped into what a person chooses from."""

from __future__ import annotations

from app.hub.variants import Grouped, HubFile, group_files

GB = 10**9


def group(*names: str, repository: str = "Model-GGUF") -> Grouped:
    """Each file a gigabyte larger than the one after it."""
    files = [
        HubFile(name, (len(names) - at) * GB, f"{at:064x}", is_lfs=True) for at, name in enumerate(names)
    ]
    return group_files(files, repository)


def labels(grouped: Grouped) -> list[str]:
    return [variant.label for variant in grouped.variants]


def test_parts_of_a_split_are_one_variant_with_the_size_of_all() -> None:
    grouped = group(
        "UD-Q4_K_XL/M-UD-Q4_K_XL-00003-of-00003.gguf",
        "UD-Q4_K_XL/M-UD-Q4_K_XL-00001-of-00003.gguf",
        "UD-Q4_K_XL/M-UD-Q4_K_XL-00002-of-00003.gguf",
    )
    (variant,) = grouped.variants
    assert variant.label == "UD-Q4_K_XL"
    assert variant.size == 6 * GB
    assert [file.name for file in variant.files] == [f"M-UD-Q4_K_XL-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    assert variant.is_complete


def test_missing_parts_are_noticed() -> None:
    (variant,) = group("M-Q8_0-00001-of-00004.gguf", "M-Q8_0-00003-of-00004.gguf").variants
    assert variant.missing == (2, 4)
    assert not variant.is_complete


def test_a_name_that_claims_very_many_parts_costs_nothing() -> None:
    (variant,) = group("M-Q8_0-00001-of-99999.gguf").variants
    assert not variant.is_complete
    assert len(variant.missing) < 2000


def test_pieces_of_a_cut_file_are_one_variant_that_has_to_be_joined() -> None:
    (variant,) = group("M.i1-Q6_K.gguf.part1of2", "M.i1-Q6_K.gguf.part2of2").variants
    assert variant.is_cut
    assert variant.is_complete
    assert variant.size == 3 * GB


def test_what_was_made_differently_is_never_collapsed() -> None:
    grouped = group(
        "M-Q4_K_M.gguf",
        "M-UD-Q4_K_M.gguf",
        "M.i1-Q4_K_M.gguf",
        "M-qat-Q4_K_M.gguf",
        "M-Q4_K_M-imat.gguf",
    )
    assert labels(grouped) == ["Q4_K_M", "UD-Q4_K_M", "i1-Q4_K_M", "QAT-Q4_K_M", "imat-Q4_K_M"]
    assert {variant.quantization for variant in grouped.variants} == {"Q4_K_M"}


def test_two_models_in_one_repository_are_told_apart_by_name() -> None:
    assert labels(group("Small-Q4_0.gguf", "Large-Q4_0.gguf")) == ["Small Q4_0", "Large Q4_0"]


def test_the_same_name_in_two_folders_is_told_apart_by_path() -> None:
    assert labels(group("old/M-Q4_0.gguf", "new/M-Q4_0.gguf")) == ["old/M-Q4_0.gguf", "new/M-Q4_0.gguf"]


def test_the_repository_s_name_can_say_that_all_are_quantization_aware() -> None:
    grouped = group("gemma-3-12b-it-q4_0.gguf", repository="gemma-3-12b-it-qat-q4_0-gguf")
    assert labels(grouped) == ["QAT-Q4_0"]


def test_projectors_drafts_and_importance_matrices_stand_apart() -> None:
    grouped = group(
        "M-Q4_K_M.gguf", "mmproj-F16.gguf", "mmproj-BF16.gguf", "mtp-M-Q8_0.gguf", "imatrix.dat", "README.md"
    )
    assert labels(grouped) == ["Q4_K_M"]
    assert [each.label for each in grouped.projectors] == ["F16", "BF16"]
    assert [each.files[0].name for each in grouped.drafts] == ["mtp-M-Q8_0.gguf"]
    assert [each.name for each in grouped.importance_matrices] == ["imatrix.dat"]


def test_variants_come_from_the_largest_to_the_smallest() -> None:
    small, large = HubFile("M-Q2_K.gguf", 1, "", True), HubFile("M-Q8_0.gguf", 2, "", True)
    assert labels(group_files([small, large], "M")) == ["Q8_0", "Q2_K"]


def test_a_repository_for_qat_says_nothing_of_its_projectors() -> None:
    grouped = group("M-q4_0.gguf", "mmproj-model-f16.gguf", repository="gemma-3-12b-it-qat-q4_0-gguf")
    assert labels(grouped) == ["QAT-Q4_0"]
    assert [each.label for each in grouped.projectors] == ["F16"]
