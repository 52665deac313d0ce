# The commands that a developer needs. Each is a script, which works without
# just: https://github.com/casey/just (Debian 13: just; PyPI: rust-just).

# Show this list.
help:
    @{{ just_executable() }} --list --unsorted

# Count this machine's connections: just run --all
run *arguments:
    cargo run --release --locked -- {{ arguments }}

# Run all tests, or some by their names: just test netlink
test *arguments:
    cargo test --locked {{ arguments }}

# Check the format, lints, words and imports.
lint:
    scripts/lint

# Build dist/TARGET/network-connections, by default for all.
build *targets:
    scripts/build {{ targets }}

# List the targets with the DISTRIB_ARCH of their routers.
targets:
    @awk '/^[a-z]/ { printf "%-32s", $1; for (i = 4; i <= NF; i++) printf " %s", $i; print "" }' packaging/architectures

# Print sizes, instructions and stack: just cost HEAD~1
cost *revision:
    #!/bin/sh
    # A limit that is exceeded does not hide the other measurements.
    status=0
    scripts/measure/sizes {{ if revision == "" { "HEAD" } else { revision } }} || status=1
    scripts/measure/instructions || status=1
    scripts/measure/stack || status=1
    exit $status

# Compare the time to count sockets with other programs'.
bench *numbers:
    scripts/bench {{ numbers }}

# Look for bytes that break the library: just fuzz 60 rows
fuzz *arguments:
    scripts/fuzz {{ arguments }}

# Find changes of src/FILE.rs that no test notices.
mutants file:
    scripts/test/mutants --file {{ file }}

# Build all targets, their packages and the image.
package: build
    scripts/package
    scripts/image

# Run all that has to hold, or one group: just ci lint
ci *groups:
    .ci/run {{ groups }}
