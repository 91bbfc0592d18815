#!/bin/sh
# Make .venv from requirements.lock, once: later calls return in a moment. It is complete or it is made anew, so an
# interrupted set-up, a new lock or a moved folder needs no care. Every failure ends in one sentence that says what to do.
set -u
cd "$(dirname "$0")/.." || exit 1

ready=.venv/ready
state="$PWD $(cat requirements.lock tools/uv.txt tools/setup.sh | cksum)"
if [ "$(cat $ready 2>/dev/null)" = "$state" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi

fail() { printf 'set-up: %s\n' "$1" >&2; exit 1; }
trap 'fail "interrupted; type the same command again, it starts afresh."' INT TERM HUP

supported='import sys, struct; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and struct.calcsize("P") == 8))'
set -- "${PYTHON:-python3}"
[ -n "${PYTHON:-}" ] || set -- python3 python3.13 python3.12 python3.11 python
python=
for candidate in "$@"; do
    if "$candidate" -c "$supported" 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || fail "needs a 64-bit Python 3.11, 3.12 or 3.13, and $1 is $("$1" --version 2>/dev/null || echo "not there"); install one from python.org or your package manager, or say where it is: make setup PYTHON=/path/to/python3.12"

case $(uname -s) in Linux) gigabytes=7 ;; *) gigabytes=3 ;; esac  # on Linux PyTorch brings its GPU libraries
rm -rf .venv
free=$(df -Pk . | awk 'NR == 2 {print int($4 / 1048576)}')
[ "$free" -ge "$gigabytes" ] || fail "the disk has $free GB free here and the course needs $gigabytes GB; free some and type the same command again."

step() {  # step "what is being done" command...: quiet while it works, a sentence when it does not
    what=$1; shift
    printf 'set-up: %s\n' "$what"
    if output=$("$@" 2>&1); then return; fi
    printf '%s\n' "$output" | tail -n 12 >&2
    case $output in
        *"No space left"* | *"Disk quota exceeded"*)
            fail "the disk is full (the course needs $gigabytes GB); free some and type the same command again." ;;
        *ensurepip*)
            fail "this Python has no venv module; on Debian and Ubuntu: sudo apt-get install python3-venv, then type the same command again." ;;
        *"DO NOT MATCH THE HASHES"* | *"ash mismatch"*)
            fail "a downloaded package is not the one that was locked (see above); a proxy or mirror may have changed it. Try another network." ;;
        *"certificate"* | *"CERTIFICATE"*)
            fail "the package index answered with a certificate that this machine does not trust (see above); behind a proxy, set SSL_CERT_FILE and PIP_CERT to its certificate and type the same command again." ;;
        *"onnection"* | *"resolve"* | *"error sending request"* | *"timed out"* | *"unreachable"* | *"dns error"* | *"Failed to fetch"*)
            fail "the package index could not be reached (see above); connect to the internet, or set your proxy, and type the same command again." ;;
        *) fail "$what failed (see above); type the same command again, and report it if it stays." ;;
    esac
}

# The system's certificates, where there are any: behind a company's or school's proxy the built-in ones do not suffice.
for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
    if [ -s "$bundle" ]; then export UV_SYSTEM_CERTS=true; fi
done

uv() { .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"; }
step "making .venv with $("$python" --version)" "$python" -m venv .venv
step "installing uv" .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.txt
step "installing the locked packages (about 3 GB to download on Linux, 0.5 GB elsewhere)" uv --require-hashes -r requirements.lock
step "installing segutils" uv --no-deps --no-build-isolation --editable .
step "switching JupyterLab's news off" .venv/bin/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements
printf '%s' "$state" > "$ready.tmp" && mv "$ready.tmp" "$ready" || fail "the disk is full; free some space and type the same command again."
printf 'set-up: done\n'
