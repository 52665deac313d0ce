# The commands that a developer needs. Each is a script, which works without
# just: https://github.com/casey/just (Debian 13: just; PyPI: rust-just).

# Show this list.
help:
    @{{ just_executable() }} --list --unsorted

# Count this machine's connections: just run --all
run *arguments:
    cargo run --release --locked -- {{ arguments }}

# Run all tests, or those with a word in their name: just test netlink
test *arguments:
    cargo test --locked {{ arguments }}

# Check the format, the linters, the words and the imports.
lint:
    scripts/lint

# Build for all routers, or for one: just build mips-unknown-linux-musl
build *targets:
    scripts/build {{ targets }}

# List the targets, each with OpenWrt's DISTRIB_ARCH of its routers.
targets:
    @awk '/^[a-z]/ { printf "%-32s", $1; for (i = 4; i <= NF; i++) printf " %s", $i; print "" }' packaging/architectures

# Print sizes and their change, instructions for a row, and stack.
cost revision="HEAD":
    scripts/measure/sizes {{ revision }}
    scripts/measure/instructions
    scripts/measure/stack

# Compare the time with other programs' and with the kernel's own.
bench *numbers:
    scripts/bench {{ numbers }}

# Look for bytes that break the library: just fuzz 60 rows
fuzz *arguments:
    scripts/fuzz {{ arguments }}

# Find changes that no test notices: just mutants src/text/buffer.rs
mutants file:
    scripts/test/mutants --file {{ file }}

# Build all targets, their packages and the container image.
package: build
    scripts/package
    scripts/image

# Run what has to hold before a change lands, or a group: just ci lint
ci *groups:
    .ci/run {{ groups }}
