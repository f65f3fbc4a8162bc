#!/bin/sh
# Puts Nibble into the menu of this person's desktop, and makes it the program for models' files; --remove takes it back.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
share=${XDG_DATA_HOME:-$HOME/.local/share}

cd "$here/share"
find applications mime icons -type f | while read -r file; do
    if [ "${1:-}" = --remove ]; then
        rm -f -- "$share/$file"
    else
        mkdir -p -- "$share/$(dirname -- "$file")"
        cp -- "$file" "$share/$file"
    fi
done
if [ "${1:-}" != --remove ]; then
    # In an entry " is around a path, \ before what means something inside it, \\ stands for \ and %% for %.
    program=$(printf '%s' "$here/nibble" | sed 's/\\/\\\\\\\\/g; s/["`$]/\\\\&/g; s/%/%%/g')
    export program
    awk '/^Exec=/ { print "Exec=\"" ENVIRON["program"] "\" %f"; next } { print }' \
        applications/nibble.desktop > "$share/applications/nibble.desktop"
fi
for update in "update-mime-database $share/mime" "update-desktop-database $share/applications"; do
    if command -v "${update%% *}" > /dev/null; then
        "${update%% *}" "${update#* }"
    fi
done
