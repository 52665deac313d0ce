# The commands that a developer needs. Each is a script, which works without just:
# https://github.com/casey/just (Debian 13: apt install just; PyPI: rust-just).

# Show this list.
help:
    @{{ just_executable() }} --list --unsorted

# Count this machine's connections: just run --all -f prometheus
run *arguments:
    cargo run --release --locked -- {{ arguments }}

# Run the tests, or those whose names contain a word: just test netlink
test *arguments:
    cargo test --locked {{ arguments }}

# Check the format, the linters, the words of comments and the layers of src/.
lint:
    scripts/lint

# Build the static program for a router, by default for all: just build mips-unknown-linux-musl
build *targets:
    scripts/build {{ targets }}

# List the targets, and the DISTRIB_ARCH of the OpenWrt routers that each is for.
targets:
    @awk '/^[a-z]/ { printf "%-32s", $1; for (i = 4; i <= NF; i++) printf " %s", $i; print "" }' packaging/architectures

# Show what a change costs: bytes and their change since a revision; instructions for a row, and stack.
cost revision="HEAD":
    scripts/measure/sizes {{ revision }}
    scripts/measure/instructions
    scripts/measure/stack

# Compare the time with other programs' and with the least that the kernel takes.
bench *numbers:
    scripts/bench {{ numbers }}

# Look for bytes that break the library: just fuzz [SECONDS] [FUZZ-TARGET…]
fuzz *arguments:
    scripts/fuzz {{ arguments }}

# Show changes of a file that no test notices: just mutants src/kernel/netlink.rs
mutants file:
    scripts/test/mutants --file {{ file }}

# Build all targets, and make packages and the container image of them.
package: build
    scripts/package
    scripts/image

# Run all that has to hold before a change lands (root, Debian 12, 25 minutes), or one group of it.
ci *groups:
    .ci/run {{ groups }}
