; The installer for one person, without an administrator. Compiled by package.py, which defines:
;   Version, VersionNumbers   of the release ("1.0.0rc1", and "1.0.0.0" as Windows has it)
;   Name, Command, Publisher, Homepage, Description   of the release
;   Program      the frozen program's folder
;   Icons        the folder with nibble.ico, gguf.ico and the window's pictures
;   Licence      the file with the licence
;   Out, Stem    where the installer goes and what it is called
;   Signed       where it is signed

[Setup]
; Never changes: by it an installer knows the version that is there and replaces it in its place.
AppId={{6C1D0B7E-3F0A-4B5C-9A43-7A1B5B0E4D21}
AppName={#Name}
AppVersion={#Version}
AppVerName={#Name} {#Version}
AppPublisher={#Publisher}
AppPublisherURL={#Homepage}
AppSupportURL={#Homepage}
AppUpdatesURL={#Homepage}/releases
AppComments={#Description}
VersionInfoVersion={#VersionNumbers}
VersionInfoTextVersion={#Version}
VersionInfoProductName={#Name}
VersionInfoProductTextVersion={#Version}
VersionInfoCompany={#Publisher}
VersionInfoDescription={#Name} Setup

PrivilegesRequired=lowest
DefaultDirName={autopf}\{#Name}
DisableProgramGroupPage=yes
DisableWelcomePage=no
UsePreviousAppDir=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
; Windows 10 1809, the oldest that Qt 6.11 supports.
MinVersion=10.0.17763

LicenseFile={#Licence}
SetupIconFile={#Icons}\nibble.ico
UninstallDisplayName={#Name}
UninstallDisplayIcon={app}\{#Command}.exe
WizardStyle=modern
WizardImageFile={#Icons}\large-*.bmp
WizardSmallImageFile={#Icons}\small-*.bmp
ShowLanguageDialog=auto

; What uses files that are replaced is closed: the window, which ends its workers, and commands in a console.
CloseApplications=force
CloseApplicationsFilter=*.exe,*.com,*.dll,*.pyd
RestartApplications=no
; The Explorer learns of the kind of file.
ChangesAssociations=yes

OutputDir={#Out}
OutputBaseFilename={#Stem}
Compression=lzma2/max
SolidCompression=yes
LZMAUseSeparateProcess=yes
#ifdef Signed
SignTool=nibble
SignedUninstaller=yes
#endif

[Languages]
Name: "en"; MessagesFile: "compiler:Default.isl"
Name: "de"; MessagesFile: "compiler:Languages\German.isl"
Name: "es"; MessagesFile: "compiler:Languages\Spanish.isl"
Name: "fr"; MessagesFile: "compiler:Languages\French.isl"
Name: "it"; MessagesFile: "compiler:Languages\Italian.isl"
Name: "pt"; MessagesFile: "compiler:Languages\BrazilianPortuguese.isl"

[CustomMessages]
en.ModelFile=GGUF model
de.ModelFile=GGUF-Modell
es.ModelFile=Modelo GGUF
fr.ModelFile=Modèle GGUF
it.ModelFile=Modello GGUF
pt.ModelFile=Modelo GGUF
en.Running=Nibble is running. Close its window, then go on.
de.Running=Nibble läuft gerade. Schließen Sie das Fenster und fahren Sie dann fort.
es.Running=Nibble se está ejecutando. Cierre su ventana y continúe.
fr.Running=Nibble est en cours d'exécution. Fermez sa fenêtre, puis continuez.
it.Running=Nibble è in esecuzione. Chiudere la finestra e poi continuare.
pt.Running=O Nibble está em execução. Feche a janela e continue.
en.DataStays=Your models, conversations and settings were not touched. They are in%n%n%1%n%nDelete that folder if you do not want them any more.
de.DataStays=Ihre Modelle, Unterhaltungen und Einstellungen wurden nicht angerührt. Sie liegen in%n%n%1%n%nLöschen Sie diesen Ordner, wenn Sie sie nicht mehr brauchen.
es.DataStays=Sus modelos, conversaciones y ajustes no se han tocado. Están en%n%n%1%n%nElimine esa carpeta si ya no los quiere.
fr.DataStays=Vos modèles, conversations et réglages n'ont pas été touchés. Ils se trouvent dans%n%n%1%n%nSupprimez ce dossier si vous n'en voulez plus.
it.DataStays=I modelli, le conversazioni e le impostazioni non sono stati toccati. Si trovano in%n%n%1%n%nEliminare la cartella se non servono più.
pt.DataStays=Seus modelos, conversas e configurações não foram alterados. Eles estão em%n%n%1%n%nExclua essa pasta se não quiser mais mantê-los.

[Tasks]
Name: "desktopicon"; Description: "{cm:CreateDesktopIcon}"; GroupDescription: "{cm:AdditionalIcons}"; Flags: unchecked

[InstallDelete]
; Of an earlier version: modules that are no longer there would be found otherwise.
Type: filesandordirs; Name: "{app}\_internal"
Type: filesandordirs; Name: "{app}\packs"

[Files]
Source: "{#Program}\*"; DestDir: "{app}"; Flags: ignoreversion recursesubdirs createallsubdirs
Source: "{#Icons}\gguf.ico"; DestDir: "{app}"; Flags: ignoreversion

[Icons]
Name: "{autoprograms}\{#Name}"; Filename: "{app}\{#Command}.exe"; Comment: "{#Description}"
Name: "{autodesktop}\{#Name}"; Filename: "{app}\{#Command}.exe"; Comment: "{#Description}"; Tasks: desktopicon

[Registry]
; Nibble is among what can open a model's file. Which program does is left as it is: no default value of .gguf is set.
Root: HKA; Subkey: "Software\Classes\.gguf\OpenWithProgids"; ValueType: string; ValueName: "Nibble.gguf"; ValueData: ""; Flags: uninsdeletevalue uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\.gguf"; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\Classes\Nibble.gguf"; ValueType: string; ValueData: "{cm:ModelFile}"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Nibble.gguf\DefaultIcon"; ValueType: string; ValueData: "{app}\gguf.ico"
Root: HKA; Subkey: "Software\Classes\Nibble.gguf\shell\open\command"; ValueType: string; ValueData: """{app}\{#Command}.exe"" ""%1"""
Root: HKA; Subkey: "Software\Classes\Applications\{#Command}.exe"; ValueType: string; ValueName: "FriendlyAppName"; ValueData: "{#Name}"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\Classes\Applications\{#Command}.exe\SupportedTypes"; ValueType: string; ValueName: ".gguf"; ValueData: ""
Root: HKA; Subkey: "Software\Classes\Applications\{#Command}.exe\shell\open\command"; ValueType: string; ValueData: """{app}\{#Command}.exe"" ""%1"""
; It can be chosen under Settings, Default apps.
Root: HKA; Subkey: "Software\{#Name}\Capabilities"; ValueType: string; ValueName: "ApplicationName"; ValueData: "{#Name}"; Flags: uninsdeletekey
Root: HKA; Subkey: "Software\{#Name}\Capabilities"; ValueType: string; ValueName: "ApplicationDescription"; ValueData: "{#Description}"
Root: HKA; Subkey: "Software\{#Name}\Capabilities\FileAssociations"; ValueType: string; ValueName: ".gguf"; ValueData: "Nibble.gguf"
Root: HKA; Subkey: "Software\{#Name}"; Flags: uninsdeletekeyifempty
Root: HKA; Subkey: "Software\RegisteredApplications"; ValueType: string; ValueName: "{#Name}"; ValueData: "Software\{#Name}\Capabilities"; Flags: uninsdeletevalue

[Run]
Filename: "{app}\{#Command}.exe"; Description: "{cm:LaunchProgram,{#Name}}"; Flags: nowait postinstall skipifsilent

[Code]
function IsInUse(Name: String): Boolean;
var
  Path: String;
  Stream: TFileStream;
begin
  Path := ExpandConstant('{app}\' + Name);
  Result := False;
  if FileExists(Path) then
    try
      { Nobody may write to what is running. }
      Stream := TFileStream.Create(Path, fmOpenReadWrite or fmShareExclusive);
      Stream.Free;
    except
      Result := True;
    end;
end;

function InitializeUninstall: Boolean;
begin
  { Files that are in use could not be removed. }
  Result := True;
  while Result and (IsInUse('{#Command}.exe') or IsInUse('{#Command}.com')) do
    Result := (not UninstallSilent) and (MsgBox(CustomMessage('Running'), mbInformation, MB_OKCANCEL) = IDOK);
end;

procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Data: String;
begin
  { Where app/storage/paths.py keeps it. }
  Data := ExpandConstant('{localappdata}\nibble');
  if (Step = usDone) and (not UninstallSilent) and DirExists(Data) then
    MsgBox(FmtMessage(CustomMessage('DataStays'), [Data]), mbInformation, MB_OK);
end;
