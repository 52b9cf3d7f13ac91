"""The configuration as a package: `hydra.initialize_config_module("fedrec.conf")` finds it."""

from fedrec.config.package_files import register_package

register_package()  # Hydra imports this module before it reads the first file
