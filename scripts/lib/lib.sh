# shellcheck shell=sh
# What the scripts share. Each of them goes to the project's directory, with one
# more `/..` if it is in a folder of scripts/, and reads this file:
#
#     cd "$(dirname "$0")/.."
#     . scripts/lib/lib.sh

# Nothing may make rustup download a toolchain.
export RUSTUP_AUTO_INSTALL=0 RUSTUP_DIST_SERVER=http://127.0.0.1:9

# Ends the script with a message: fail TEXT…
fail() {
    echo "$0: $*" >&2
    exit 1
}

# Fails unless root runs the script: need_root TO DO WHAT
need_root() {
    [ "$(id -u)" = 0 ] || fail "only root can $*"
}

# Installs the missing Debian packages, as root with apt. Anybody else gets
# their names and a failure. Without dpkg it prints the names and goes on:
# install_packages PACKAGE…
install_packages() (
    command -v dpkg-query >/dev/null || {
        echo "$0: this is not Debian; the contents of these packages are needed: $*" >&2
        exit 0
    }
    missing=
    for package; do
        dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null |
            grep -qx installed || missing="$missing $package"
    done
    [ -n "$missing" ] || exit 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        fail "these Debian packages are missing:$missing"
    fi
    # Other scripts may install packages at this time.
    exec 8>/tmp/network-connections.lock
    flock 8
    # Debian starts a server when it installs it. The tests start their own.
    # A container image may have this file already.
    policy=/usr/sbin/policy-rc.d
    [ -e $policy ] || {
        trap 'rm $policy' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    }
    export DEBIAN_FRONTEND=noninteractive
    update_packages
    # shellcheck disable=SC2086 # a list of words
    apt-get -qq install --yes --no-install-recommends $missing >/dev/null
)

# Updates the lists of Debian's packages, unless they are of the last hours.
update_packages() {
    [ -n "$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mmin -300 2>/dev/null)" ] ||
        apt-get -qq update
}

# Runs a Python test in the sandbox of tests/monitors/sandbox, and prints its
# result, with the log if it failed: run_in_sandbox LOG PROGRAM PYTHON TEST
#
# Python's ResourceWarning is off, because the sandbox closes the files and
# processes that a test leaves open.
run_in_sandbox() {
    if timeout --foreground --kill-after=5 600 tests/monitors/sandbox "$2" \
        "$3" -B -W ignore::ResourceWarning "$4" --verbose </dev/null >"$1" 2>&1; then
        echo "$4 passed: $(grep -E '^(Ran|OK)' "$1" | xargs)"
    else
        cat "$1"
        echo "$4 FAILED; above is $1"
        return 1
    fi
}

# Makes a virtual environment of Python with the packages of a file of
# requirements: make_venv DIRECTORY REQUIREMENTS COMMAND…
#
# A directory that was made from these requirements stays, if the command in its
# bin works. A moved project and a new Python break it.
make_venv() (
    venv=$1 requirements=$2 probe=$1/bin/$3
    shift 3
    install_packages python3-venv
    # Other scripts may make the same environment at this time.
    mkdir -p "$(dirname "$venv")"
    exec 8>"$venv.lock"
    flock 8
    if ! cmp -s "$requirements" "$venv/requirements.txt" || ! "$probe" "$@" >/dev/null; then
        python3 -m venv --clear "$venv"
        "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
            --requirement "$requirements"
        cp "$requirements" "$venv/requirements.txt"
    fi
)

# Makes target/linker/bin/python-zig, the C compiler and linker of every target.
make_linker() {
    make_venv target/linker cross/requirements.txt python-zig version
}

# Prints the version of Cargo.toml.
version() {
    sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml
}

# Prints the names of the targets, one a line: the tables of .cargo/config.toml.
targets() {
    sed -n 's/^\[target\.\([a-z].*\)\]$/\1/p' .cargo/config.toml
}

# Fails if one of the targets has no program in a directory, and names these
# targets, one a line: need_programs DIRECTORY TARGET…
need_programs() (
    directory=$1 missing=
    shift
    for target; do
        [ -f "$directory/$target/network-connections" ] || missing="$missing
$target"
    done
    [ -z "$missing" ] ||
        fail "$directory has no program for these targets (expected scripts/build to have built them):$missing"
)

# Prints the command that emulates the oldest processor of a target, as
# .cargo/config.toml has it: runner TARGET
runner() {
    sed -n "/^\[target\.$1\]$/,/^$/s/^runner = \"\(.*\)\"$/\1/p" .cargo/config.toml | grep . ||
        fail ".cargo/config.toml has no runner for $1"
}

# Prints the time of every file in packages and images, in seconds since 1970:
# SOURCE_DATE_EPOCH, by default the time of the last commit.
release_time() {
    [ -n "${SOURCE_DATE_EPOCH:-}" ] || SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) ||
        fail "without git the time of the last commit is unknown: set SOURCE_DATE_EPOCH"
    echo "$SOURCE_DATE_EPOCH"
}

# Copies the files of the project into a directory: the files that git has or
# would take. copy_project DIRECTORY
copy_project() (
    list=$(mktemp)
    trap 'rm "$list"' EXIT
    git ls-files -z --cached --others --exclude-standard >"$list"
    xargs --null cp --archive --parents --target-directory="$1" <"$list"
)

# Sets RUSTC and cargo to a Rust that has the sources of core, which -Zbuild-std
# compiles: the active toolchain, or Debian's.
use_rust_with_sources() {
    RUSTC=rustc cargo=cargo
    if ! has_sources; then
        install_packages rustc-web cargo-web rust-web-src || true
        # shellcheck disable=SC2034 # the scripts run it
        RUSTC=/usr/bin/rustc cargo=/usr/bin/cargo
        has_sources || fail "no Rust here has the sources of core. Debian 12: apt install" \
            "rustc-web cargo-web rust-web-src. Rustup: rustup component add rust-src"
    fi
    # -Zbuild-std is for nightly toolchains, and for stable ones with this.
    export RUSTC RUSTC_BOOTSTRAP=1
    # These would replace the flags of .cargo/config.toml.
    unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS
}

has_sources() {
    sysroot=$("$RUSTC" --print sysroot 2>/dev/null) &&
        [ -f "$sysroot/lib/rustlib/src/rust/library/core/Cargo.toml" ]
}

# Makes an apt of Debian 12 for one architecture in a directory, because the
# machine's own would know the architecture for ever: make_apt DIRECTORY
# ARCHITECTURE deb|deb-src
#
# It is apt-get and apt-cache with APT_CONFIG=DIRECTORY/apt.conf.
make_apt() {
    mkdir -p "$1"
    apt=$(realpath "$1")
    [ "$(id -u)" != 0 ] || update_packages
    apt-get indextargets 'Created-By: Packages' 'Release: bookworm' --format \
        "$3 [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" |
        sort -u >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || fail "apt has no sources for Debian 12 (bookworm)"
    cat >"$apt/apt.conf" <<END
Dir::State "$apt";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Etc::sourcelist "$apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "$2";
APT::Architectures "$2";
APT::Sandbox::User "root";
quiet "2";
END
    APT_CONFIG=$apt/apt.conf apt-get update
}
