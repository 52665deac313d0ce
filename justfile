# The commands that a developer needs. Each is a script, which works without just:
# https://github.com/casey/just (Debian 13: apt install just; PyPI: rust-just).

# Show this list.
help:
    @{{ just_executable() }} --list --unsorted

# Count this machine's connections: just run --all -f prometheus
run *arguments:
    cargo run --release --locked -- {{ arguments }}

# Run the tests, or those whose names contain a word: just test netlink
test *words:
    cargo test --locked {{ words }}

# Check the format, the linters, the words of comments and the layers of src/.
lint:
    scripts/lint

# Build the static program for a router, by default for all: just build TARGET
build *targets:
    scripts/build {{ targets }}

# List the targets. README.md says which one a router needs.
targets:
    scripts/build --list

# Show what a change costs: bytes since a revision, instructions for a row, stack.
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

# Make the packages and the container image of the programs that are built.
package: build
    scripts/package
    scripts/image

# Run all that has to hold before a change lands (root, Debian 12, 25 minutes), or one group of it.
ci *groups:
    .ci/run {{ groups }}
