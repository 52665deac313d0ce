# A replacement for OpenWrt's rules.mk, with only the variables that this
# package needs. scripts/test/feed sets TARGET_CC_NOCACHE and RUSTC_TARGET_ARCH.

INCLUDE_DIR:=$(TOPDIR)/include
DL_DIR:=$(TOPDIR)/dl
BUILD_DIR:=$(TOPDIR)/build_dir/$(RUSTC_TARGET_ARCH)
INSTALL_DIR:=install -d -m0755
INSTALL_BIN:=install -m0755
