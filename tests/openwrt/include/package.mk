# A replacement for OpenWrt's include/package.mk. `make compile` unpacks and
# compiles the source of a package, and `make install` installs the package's
# files into ROOT. Nothing is downloaded, because the source is already in
# DL_DIR.

PKG_BUILD_DIR:=$(BUILD_DIR)/$(PKG_NAME)-$(PKG_VERSION)
PKG_INSTALL_DIR:=$(PKG_BUILD_DIR)/ipkg-install
PKG_JOBS:=-j2

define BuildPackage
  $(foreach field,SECTION CATEGORY TITLE URL DEPENDS,$(if $(call Package/field,$(1),$(field)),,$(error $(1) has no $(field))))
  $(if $(Package/$(1)/description),,$(error $(1) has no description))

  source:
	@echo "$(PKG_SOURCE) $(PKG_SOURCE_URL)/$(PKG_SOURCE_URL_FILE) $(PKG_HASH)"

  compile:
	rm -rf $(PKG_BUILD_DIR)
	mkdir -p $(PKG_BUILD_DIR)
	gzip -dc $(DL_DIR)/$(PKG_SOURCE) | tar -C $(PKG_BUILD_DIR)/.. -xf -
	test -f $(PKG_BUILD_DIR)/$(PKG_LICENSE_FILES)
	$$(Build/Compile)

  install:
	$$(call Package/$(1)/install,$(ROOT))
endef

# $(call Package/field,NAME,FIELD) expands to the value of FIELD that
# Package/NAME defines.
Package/field=$(eval $(2):=)$(eval $(Package/$(1)))$($(2))

.PHONY: source compile install
