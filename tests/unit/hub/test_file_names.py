"""Names of files as they are on the Hub, and what their publishers mean by them."""

from __future__ import annotations

import pytest

from app.hub.file_names import Role, is_gguf, is_importance_matrix, read_file_name

MODELS = {
    # unsloth: "UD" for its dynamic quantizations, some of them with names of its own; large ones in folders
    "Qwen3-8B-UD-Q4_K_XL.gguf": "UD-Q4_K_XL",
    "Qwen3-8B-Q4_K_M.gguf": "Q4_K_M",
    "Qwen3-30B-A3B-UD-IQ1_S.gguf": "UD-IQ1_S",
    "Qwen3-30B-A3B-UD-IQ2_XXS.gguf": "UD-IQ2_XXS",
    "Qwen3-30B-A3B-UD-IQ3_XXS.gguf": "UD-IQ3_XXS",
    "Qwen3-4B-Instruct-2507-UD-Q8_K_XL.gguf": "UD-Q8_K_XL",
    "Qwen-AgentWorld-35B-A3B-UD-Q4_K_M.gguf": "UD-Q4_K_M",
    "Qwen3-Coder-Next-MXFP4_MOE.gguf": "MXFP4_MOE",
    "Llama-3.3-70B-Instruct-UD-TQ1_0.gguf": "UD-TQ1_0",
    "gemma-3-12b-it-qat-UD-Q4_K_XL.gguf": "QAT-UD-Q4_K_XL",
    "gpt-oss-20b-F16.gguf": "F16",
    "UD-Q8_K_XL/Kimi-K3-UD-Q8_K_XL-00011-of-00034.gguf": "UD-Q8_K_XL",
    "BF16/DeepSeek-V3-0324-BF16-00001-of-00030.gguf": "BF16",
    "Qwen3-Coder-Next-UD-Q5_K_M-00001-of-00003.gguf": "UD-Q5_K_M",
    # bartowski: the author before the name, "L" for larger embeddings
    "Qwen_Qwen3-8B-Q4_K_M.gguf": "Q4_K_M",
    "Llama-3.2-3B-Instruct-Q6_K_L.gguf": "Q6_K_L",
    "google_gemma-3-27b-it-IQ4_NL.gguf": "IQ4_NL",
    "google_gemma-3-27b-it-IQ3_M.gguf": "IQ3_M",
    "nvidia_Llama-3_3-Nemotron-Super-49B-GenRM-Multilingual-Q4_K_M.gguf": "Q4_K_M",
    "Meta-Llama-3.1-8B-Instruct-Q4_0_4_8.gguf": "Q4_0_4_8",
    "Llama-3.1-Nemotron-70B-Instruct-HF-Q8_0/Llama-3.1-Nemotron-70B-Instruct-HF-Q8_0-00001-of-00002.gguf": "Q8_0",
    "Qwen_Qwen3-32B-bf16/Qwen_Qwen3-32B-bf16-00002-of-00002.gguf": "BF16",
    # ggml-org and lmstudio-community
    "gemma-3-1b-it-f16.gguf": "F16",
    "gemma-3-12b-it-Q8_0.gguf": "Q8_0",
    "gpt-oss-20b-mxfp4.gguf": "MXFP4",
    "gpt-oss-120b-mxfp4-00001-of-00003.gguf": "MXFP4",
    "Qwen2.5-Coder-1.5B-Q8_0.gguf": "Q8_0",
    "Phi-4-mini-reasoning-Q3_K_L.gguf": "Q3_K_L",
    "gemma-4-E4B-it-Q4_0.gguf": "Q4_0",
    # mradermacher: "i1" for those with an importance matrix
    "Qwen3-8B.Q4_K_S.gguf": "Q4_K_S",
    "ReForm-32B.i1-Q4_K_M.gguf": "i1-Q4_K_M",
    "Llama_3.3_70b_DarkHorse.i1-IQ2_XS.gguf": "i1-IQ2_XS",
    "Comet_12B_V.5.i1-Q4_0.gguf": "i1-Q4_0",
    "Llama-3.1-Swallow-70B-v0.1.i1-Q6_K.gguf": "i1-Q6_K",
    "Qwen3-4B.IQ4_XS.gguf": "IQ4_XS",
    "Qwen3-235B-A22B.i1-Q4_K_M.gguf.part1of3": "i1-Q4_K_M",
    # TheBloke
    "llama-2-7b-chat.Q4_K_M.gguf": "Q4_K_M",
    "mistral-7b-instruct-v0.2.Q5_0.gguf": "Q5_0",
    "wizardlm-13b-v1.2.Q2_K.gguf": "Q2_K",
    "llama-2-70b-chat.Q8_0.gguf-split-a": "Q8_0",
    # google
    "gemma-3-12b-it-qat-q4_0.gguf": "QAT-Q4_0",
    "gemma-3-27b-it-q4_0.gguf": "Q4_0",
    "2b_it_v1p1.gguf": "2b_it_v1p1",
    # Qwen, Microsoft and others on their own
    "qwen2.5-7b-instruct-q4_k_m-00001-of-00002.gguf": "Q4_K_M",
    "qwen2.5-0.5b-instruct-fp16.gguf": "F16",
    "Phi-3-mini-4k-instruct-q4.gguf": "Q4",
    "Phi-3-mini-4k-instruct-fp16.gguf": "F16",
    "dolphin-2.9-llama3-8b-q4_K_M.gguf": "Q4_K_M",
    "phi-2-layla-v1-chatml-Q4_K.gguf": "Q4_K",
    "Captain-Eris-Diogenes_Twighlight-V0.420-12B-Q4_K_M-imat.gguf": "imat-Q4_K_M",
    "ggml-model-Q4_K_M.gguf": "Q4_K_M",
    "ggml-model-i2_s.gguf": "ggml-model-i2_s",
    "Qwen3-30B-A3B-IQ4_KS.gguf": "IQ4_KS",
    "DeepSeek-V4-Flash-MTP-Q4K-Q8_0-F32.gguf": "Q4_K-Q8_0-F32",
    "Qwen3.5-397B-A17B-APEX-Compact.gguf": "Qwen3.5-397B-A17B-APEX-Compact",
    "70B-L3.3-Cirrus-x1-Q4_K_M.gguf": "Q4_K_M",
    "Fireball-Meta-Llama-3.2-8B-Instruct-agent-003-128k-code-DPO.Q4_K_M.gguf": "Q4_K_M",
    "TinyLlama-1.1B-F32.gguf": "F32",
    "bitnet-b1.58-2B-4T-TQ2_0.gguf": "TQ2_0",
    "SmolLM2-1.7B-Instruct-Q2_K_S.gguf": "Q2_K_S",
    "DeepSeek-R1-NVFP4.gguf": "NVFP4",
    "model.gguf": "model",
}
"""From the path in a repository to what tells the file from its siblings."""

OTHERS = {
    "mmproj-model-f16.gguf": Role.MMPROJ,
    "mmproj-BF16.gguf": Role.MMPROJ,
    "mmproj-gemma-4-12b-it-qat-q4_0.gguf": Role.MMPROJ,
    "minicpm-v-4_5-mmproj-f16.gguf": Role.MMPROJ,
    "gemma-3-4b-it-mmproj-f16.gguf": Role.MMPROJ,
    "google_gemma-3-27b-it-mmproj-f32.gguf": Role.MMPROJ,
    "imatrix_unsloth.dat": Role.IMATRIX,
    "imatrix_unsloth.gguf_file": Role.IMATRIX,
    "Qwen_Qwen3-8B-imatrix.gguf": Role.IMATRIX,
    "Qwen3-8B.imatrix.gguf": Role.IMATRIX,
    "Meta-Llama-3.1-8B-Instruct.imatrix": Role.IMATRIX,
    "imatrix.dat": Role.IMATRIX,
    "mtp-Qwen3.5-9B-Q8_0.gguf": Role.DRAFT,
}


@pytest.mark.parametrize(("path", "label"), MODELS.items())
def test_label_is_what_the_publisher_calls_the_quantization(path: str, label: str) -> None:
    assert is_gguf(path)
    name = read_file_name(path)
    assert name.role is Role.MODEL
    assert name.label == label


def test_there_are_at_least_sixty_real_names() -> None:
    assert len(MODELS) >= 60


@pytest.mark.parametrize(("path", "role"), OTHERS.items())
def test_what_is_no_model_by_itself_is_told_apart(path: str, role: Role) -> None:
    assert is_gguf(path) or is_importance_matrix(path)
    assert read_file_name(path).role is role


def test_a_model_made_with_an_importance_matrix_is_none() -> None:
    name = read_file_name("model-imatrix-Q4_K_M.gguf")
    assert (name.role, name.label) == (Role.MODEL, "imatrix-Q4_K_M")


@pytest.mark.parametrize(
    "path", ["README.md", "config.json", "model.safetensors", "gguf", "ggml-model-q4_0.bin"]
)
def test_other_files_are_no_gguf(path: str) -> None:
    assert not is_gguf(path)


def test_base_is_the_name_without_quantization_marks_and_part() -> None:
    names = ["Qwen3-8B-UD-Q4_K_XL.gguf", "Qwen3-8B.i1-Q4_K_M.gguf", "Qwen3-8B-BF16-00002-of-00003.gguf"]
    assert {read_file_name(name).base for name in names} == {"Qwen3-8B"}


def test_parts_of_a_split_and_pieces_of_a_cut_file_are_told_apart() -> None:
    split = read_file_name("a/M-Q8_0-00002-of-00003.gguf").part
    assert split is not None
    assert (split.number, split.count, split.is_cut) == (2, 3, False)
    cut = read_file_name("M.i1-Q6_K.gguf.part2of4").part
    assert cut is not None
    assert (cut.number, cut.count, cut.is_cut) == (2, 4, True)
    lettered = read_file_name("llama-2-70b.Q8_0.gguf-split-b").part
    assert lettered is not None
    assert (lettered.number, lettered.count, lettered.is_cut) == (2, 0, True)
