# What a package's Makefile finds in OpenWrt's rules.mk, as far as this one needs it. scripts/test-feed gives
# TARGET_CC_NOCACHE and RUSTC_TARGET_ARCH.

INCLUDE_DIR:=$(TOPDIR)/include
DL_DIR:=$(TOPDIR)/dl
BUILD_DIR:=$(TOPDIR)/build_dir/$(RUSTC_TARGET_ARCH)
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
