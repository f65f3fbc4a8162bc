"""What can go wrong, in two families.

An `EnvironmentFault` is the machine's or the file's doing: it carries one sentence for the person
and a hint what to do next, and is never shown with a traceback. Any other exception is a bug in
Nibble. `Cancelled` is neither: the person asked for it.
"""

from __future__ import annotations


class Cancelled(Exception):
    """The person cancelled; nothing went wrong."""


class EnvironmentFault(Exception):
    """A request that cannot be met here and now.

    `message`: one sentence for the person. `hint`: the next step, may be empty.
    `log`: the last lines of the runtime's log, oldest first, where there are any.
    """

    def __init__(self, message: str, hint: str = "", log: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.log = log

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class FileGone(EnvironmentFault):
    """A file or folder that was listed or named is not there."""


class NotAllowed(EnvironmentFault):
    """The operating system denies reading or writing."""


class UnreadableFile(EnvironmentFault):
    """The storage device failed or the path is not a regular file."""


class NotText(EnvironmentFault):
    """A file to attach holds no text, or none that can be told from noise."""


class UnreadablePdf(EnvironmentFault):
    """No text can be had from a PDF file: broken, encrypted, only pictures, or it takes too long or too much memory."""


class NotGguf(EnvironmentFault):
    """The file does not start with the GGUF magic."""


class UnsupportedGgufVersion(EnvironmentFault):
    """GGUF version 1, or one newer than this Nibble knows."""


class DamagedGguf(EnvironmentFault):
    """Truncated, or its header contradicts itself or the file's size."""


class DamagedCheckpoint(EnvironmentFault):
    """Files of a checkpoint folder are truncated, or contradict themselves or each other."""


class NonFiniteWeights(EnvironmentFault):
    """Weights of a checkpoint are NaN or infinite, and nobody said that they may be."""


class UnsupportedCheckpoint(EnvironmentFault):
    """A checkpoint in a form that Nibble does not convert: pickled, quantized, another kind of tokenizer."""


class UnknownArchitecture(EnvironmentFault):
    """The bundled llama.cpp does not know the model's architecture, or Nibble cannot convert it."""


class LoadFailed(EnvironmentFault):
    """llama.cpp refused the model for a reason of its own."""


class TooLittleMemory(EnvironmentFault):
    """The model with its context does not fit into the memory that is free now."""


class PromptTooLong(EnvironmentFault):
    """The conversation, or a text to score, does not fit into the context length."""


class OtherVocabulary(EnvironmentFault):
    """Two models whose tokens are not the same cannot be compared token by token."""


class TemplateFault(EnvironmentFault):
    """The model's chat template cannot be rendered."""


class GrammarFault(EnvironmentFault):
    """The grammar or the JSON schema that an answer should follow cannot be used."""


class DiskFull(EnvironmentFault):
    """Not enough space for what was about to be written, or it ran out midway."""


class QuantizeFailed(EnvironmentFault):
    """llama.cpp could not make the quantization."""


class NoImportanceMatrix(EnvironmentFault):
    """A file holds no importance matrix, a damaged one, or that of another model."""


class ConverterFailed(EnvironmentFault):
    """A converter of the person's own did not make what it was asked for; `log` holds its last lines."""


class WorkerDied(EnvironmentFault):
    """The runtime's process ended without an answer; `log` holds its last lines."""


class WorkerCrashed(WorkerDied):
    """The processor or the system stopped the runtime's process at something forbidden."""


class UnknownInstruction(WorkerCrashed):
    """The runtime was built for another kind of processor."""


class WorkerAborted(WorkerDied):
    """A check inside llama.cpp failed, and it ended its process."""


class WorkerOutOfMemory(WorkerDied, TooLittleMemory):
    """The runtime's process ended because it was refused memory."""


class KilledForMemory(WorkerDied):
    """The system had no memory left and ended the runtime's process."""


class WorkerStalled(WorkerDied):
    """The runtime's process did nothing for too long and was ended."""


class DriverReset(WorkerDied):
    """The graphics driver gave up on the runtime's work, or its device is gone."""


class UnknownModel(EnvironmentFault):
    """No model of that name in the library."""


class WrongChoice(EnvironmentFault):
    """The combination asked for makes no sense, e.g. a quantization from a quantized file."""


class DataFolderFault(EnvironmentFault):
    """Nibble's own data folder or database cannot be used."""


class DatabaseDamaged(DataFolderFault):
    """What is in the database's file contradicts itself, or is no database."""


class DamagedProfile(EnvironmentFault):
    """A file that should describe a computer does not."""


class GuideDamaged(EnvironmentFault):
    """The checkpoint of the built-in model is not as this Nibble brought it."""


class NoConnection(EnvironmentFault):
    """The network or the server does not answer; asking again later may help."""


class HubFault(EnvironmentFault):
    """A server of models answers, but not with what was asked for."""


class HubBusy(HubFault):
    """A server of models has a problem of its own; asking again later may help."""


class OfflineWished(EnvironmentFault):
    """HF_HUB_OFFLINE is set: the Hub is not to be asked."""


class NotOnHub(EnvironmentFault):
    """The Hub has no such model, revision or file, or shows it only to others."""


class GatedRepository(EnvironmentFault):
    """Its authors want to be asked first; `page` is where."""

    def __init__(self, message: str, hint: str = "", log: tuple[str, ...] = (), page: str = "") -> None:
        super().__init__(message, hint, log)
        self.page = page


class TokenRefused(EnvironmentFault):
    """The Hub does not take the access token, or not for this."""


class RateLimited(EnvironmentFault):
    """The Hub has been asked too often; `retry_after_s` in seconds, None where it does not say."""

    def __init__(
        self, message: str, hint: str = "", log: tuple[str, ...] = (), retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint, log)
        self.retry_after_s = retry_after_s


class NoKeyring(EnvironmentFault):
    """The system has no keyring, or does not open it."""


class DamagedPack(EnvironmentFault):
    """The archive of a runtime pack does not hold what it should, or what no pack may."""


class PackInUse(EnvironmentFault):
    """A runtime pack cannot go while processes run on it."""


class NoRelease(EnvironmentFault):
    """There is no release of Nibble to compare with, or nobody has said where releases are."""


class ReleaseFault(EnvironmentFault):
    """The server of releases answers, but not with a release."""


class WrongContent(EnvironmentFault):
    """What arrives is not what the server announced: its size or its digest is another."""


FAULTS: dict[str, type[EnvironmentFault]] = {
    kind.__name__: kind
    for kind in (
        FileGone,
        NotAllowed,
        UnreadableFile,
        NotText,
        UnreadablePdf,
        NotGguf,
        UnsupportedGgufVersion,
        DamagedGguf,
        DamagedCheckpoint,
        NonFiniteWeights,
        UnsupportedCheckpoint,
        UnknownArchitecture,
        LoadFailed,
        TooLittleMemory,
        PromptTooLong,
        OtherVocabulary,
        TemplateFault,
        GrammarFault,
        DiskFull,
        QuantizeFailed,
        NoImportanceMatrix,
        ConverterFailed,
        WorkerDied,
        WorkerCrashed,
        UnknownInstruction,
        WorkerAborted,
        WorkerOutOfMemory,
        KilledForMemory,
        WorkerStalled,
        DriverReset,
        UnknownModel,
        WrongChoice,
        DataFolderFault,
        DatabaseDamaged,
        DamagedProfile,
        GuideDamaged,
        NoConnection,
        HubFault,
        HubBusy,
        OfflineWished,
        NotOnHub,
        GatedRepository,
        TokenRefused,
        RateLimited,
        NoKeyring,
        DamagedPack,
        PackInUse,
        NoRelease,
        ReleaseFault,
        WrongContent,
    )
}
"""By name, so that a fault can cross a process boundary and keep its type."""


def from_os_error(error: OSError, path: object, *, writing: bool = False) -> EnvironmentFault:
    """The fault behind an OSError met while reading or writing `path`."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return DiskFull(
            f"The disk ran full while writing {path}.",
            "Free some space or choose another folder, then try again.",
        )
    if isinstance(error, FileNotFoundError):
        return FileGone(f"{path} is not there any more.", "Refresh the library or pick the file again.")
    if isinstance(error, PermissionError):
        verb = "write" if writing else "read"
        return NotAllowed(
            f"Nibble is not allowed to {verb} {path}.",
            "Change its permissions or choose another folder.",
        )
    return UnreadableFile(
        f"{path} cannot be {'written' if writing else 'read'}: {error.strerror or error}.",
        "Check the disk it is on, or choose another file.",
    )
