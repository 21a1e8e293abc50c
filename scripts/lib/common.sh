# What scripts/demo and scripts/test share. Sourced, never run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"

# To compile (samael's XML signatures, aws-lc, bindgen) and to run.
packages_build=(build-essential pkg-config cmake clang libclang-dev libxmlsec1-dev libxml2-dev libssl-dev
    libxmlsec1-openssl libxslt1.1)
# A SAML implementation, an XML signer, an OpenID client and a browser that nobody here wrote, and room for Python packages of our own.
# Without the package `apache2`, which nobody here needs, no web server begins to serve; without a font the browser draws nothing.
packages_test=(python3-lasso xmlsec1 python3-venv openssl php-cli php-xml php-sqlite3 apache2-bin
    libapache2-mod-auth-openidc chromium fonts-liberation)

# Programs that are built to be tried draw their random numbers from the kernel alone. aws-lc gathers jitter of the processor as well
# when a process begins, which without optimisation is most of what a command costs.
export AWS_LC_SYS_NO_JITTER_ENTROPY=1

say() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die "run as root, or do by hand: $*"
        sudo "$@"
    fi
}

# Installs the Debian packages that are missing; asks the network for nothing when none is.
need_packages() {
    local missing=() package
    command -v dpkg >/dev/null || die "this needs Debian or Ubuntu; elsewhere install by hand: $*"
    for package in "$@"; do
        dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed' || missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then
        echo "Debian packages: all there"
        return
    fi
    echo "Debian packages to install: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

need_cargo() {
    command -v cargo >/dev/null || die "cargo is missing: install Rust as https://rustup.rs says"
    echo "Rust: $(rustc --version)"
}
