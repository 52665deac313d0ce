# Compiles Rust programs as OpenWrt's packages feed does, with the environment
# and the command of its lang/rust (rust-values.mk and rust-package.mk).
#
# With RUST=proposed, the environment and the command are from OpenWrt's pull
# request 22748, which moves Rust out of the feed and lets programs share one
# libstd. The linker flags for stack protection are left out, because only code
# in C needs them.

RUST_ARCH_DEPENDS:=@(aarch64||arm||mips||mipsel||x86_64)
RUST_PKG_LOCKED?=1
RUST_PREFER_DYNAMIC?=1

CARGO_PKG_PROFILE:=release
CARGO_RUSTFLAGS:=-Ctarget-feature=-crt-static
PANIC:=unwind
LTO:=true
CARGO_PKG_ARGS:=

ifeq ($(RUST),proposed)
  CARGO_RUSTFLAGS+= -Cpanic=abort $(if $(filter 1,$(RUST_PREFER_DYNAMIC)),-C prefer-dynamic)
  PANIC:=abort
  LTO:=$(if $(filter 1,$(RUST_PREFER_DYNAMIC)),false,true)
  CARGO_PKG_ARGS+= --offline
endif

ifeq ($(strip $(RUST_PKG_LOCKED)),1)
  CARGO_PKG_ARGS+= --locked
endif

# CARGO_HOME is left out, so cargo uses the downloads of this machine.
CARGO_PKG_CONFIG_VARS= \
	CARGO_BUILD_TARGET=$(RUSTC_TARGET_ARCH) \
	CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
	CARGO_PROFILE_RELEASE_DEBUG=false \
	CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS=false \
	CARGO_PROFILE_RELEASE_LTO=$(LTO) \
	CARGO_PROFILE_RELEASE_OPT_LEVEL=z \
	CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS=true \
	CARGO_PROFILE_RELEASE_PANIC=$(PANIC) \
	CARGO_PROFILE_RELEASE_RPATH=false \
	CARGO_TARGET_$(shell echo $(RUSTC_TARGET_ARCH) | tr a-z- A-Z_)_LINKER=$(TARGET_CC_NOCACHE) \
	RUSTFLAGS="$(CARGO_RUSTFLAGS)" \
	TARGET_CC=$(TARGET_CC_NOCACHE) \
	TARGET_CFLAGS="-Os -pipe"

CARGO_PKG_VARS= \
	$(CARGO_PKG_CONFIG_VARS) \
	CC=cc \
	MAKEFLAGS="$(PKG_JOBS)"

define Build/Compile/Cargo
	+$(CARGO_PKG_VARS) \
	cargo install -v \
		--profile $(CARGO_PKG_PROFILE) \
		--root $(PKG_INSTALL_DIR) \
		--path "$(PKG_BUILD_DIR)/$(1)" \
		$(CARGO_PKG_ARGS)
endef

define RustBinPackage
  ifndef Package/$(1)/install
    $$(error $(1) defines no Package/$(1)/install, so the package would contain only the program)
  endif
endef

Build/Compile=$(call Build/Compile/Cargo)
