# Shared by the set-up scripts: where the tree is, how a step speaks, which Python it uses. Sourced, for bash 3.2 and newer.
root=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)

say() { printf '%-8s %s\n' "$step" "$*"; }

# at_least 1.11 1.11.4: is the second version the first one or newer?
at_least() {
    local want_major want_minor have_major have_minor rest
    IFS=. read -r want_major want_minor rest <<<"$1"
    IFS=. read -r have_major have_minor rest <<<"$2"
    ((10#${have_major:-0} > 10#${want_major:-0} || (10#${have_major:-0} == 10#${want_major:-0} && 10#${have_minor:-0} >= 10#${want_minor:-0})))
}

python_version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# The first Python that is new enough; PYTHON=/path/to/python names one.
find_python() {
    local candidate
    for candidate in "${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14; do
        if command -v "$candidate" >/dev/null && at_least 3.11 "$(python_version "$candidate")"; then
            echo "$candidate"
            return
        fi
    done
    return 1
}

# again COMMAND...: run what downloads, three times at most. A connection that breaks off is nobody's fault.
again() {
    local tried=1
    until "$@"; do
        ((tried < 3)) || return 1
        say "did not work, and is tried again in $((10 * tried)) s: $*" >&2
        sleep $((10 * tried))
        tried=$((tried + 1))
    done
}

# download_for [OPTION...] PACKAGE...: fetch all modules that `go build` of these needs, which asks for each but once.
download_for() { again go list -mod=readonly -buildvcs=false -deps "$@" >/dev/null; }

# sha256 FILE...: the lines of a SHA256SUMS, on Linux and macOS.
sha256() { if command -v sha256sum >/dev/null; then sha256sum "$@"; else shasum -a 256 "$@"; fi; }
