#!/usr/bin/env bash
# What rez-build runs: leaves the package and all that it needs in the rez package's folder `python`.
set -euo pipefail
if [ "${1:-}" != install ]; then
    echo "build.sh: there is nothing to build; rez-build --install installs"
    exit 0
fi
checkout=$(cd "$(dirname "$0")/../.." && pwd)
index=()
[ -z "${FLASHDEPTH_WHEELS:-}" ] || index=(--no-index --find-links "$FLASHDEPTH_WHEELS")
what=$checkout
# From wheels alone: to build the checkout's would need an index.
[ -z "${FLASHDEPTH_WHEELS:-}" ] || what=flashdepth_vfx
python -m pip install --quiet --upgrade --target "$REZ_BUILD_INSTALL_PATH/python" "${index[@]}" \
    -c "$checkout/constraints.txt" "$what"
