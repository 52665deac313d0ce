# What OpenWrt's include/package.mk does with a package: `make compile` unpacks the source and compiles it,
# `make install` puts the package's files into ROOT. What would be downloaded is in DL_DIR already.

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

# The fields are those of Package/NAME, which defines them as variables.
Package/field=$(eval $(2):=)$(eval $(Package/$(1)))$($(2))

.PHONY: source compile install
