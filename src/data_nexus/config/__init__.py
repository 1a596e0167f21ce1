"""The settings: what can be set, from where, and which files may set what."""

from data_nexus.config.addresses import (
    LOOPBACK_HOSTS,
    check_alert_address,
    check_schema_name,
    is_file_name,
    vendor_proxy,
    without_password,
    without_user,
)
from data_nexus.config.allowances import Allowances, user_allowances
from data_nexus.config.certificates import check_certificates
from data_nexus.config.key import TOKEN_VARIABLES, read_secret
from data_nexus.config.regular_files import read_regular
from data_nexus.config.secret import Secret
from data_nexus.config.settings import SETTINGS, Setting, Settings
from data_nexus.config.sources import (
    allow_folder_file,
    load_settings,
    setting_sources,
    settings_files,
)

__all__ = [
    "LOOPBACK_HOSTS",
    "SETTINGS",
    "TOKEN_VARIABLES",
    "Allowances",
    "Secret",
    "Setting",
    "Settings",
    "allow_folder_file",
    "check_alert_address",
    "check_certificates",
    "check_schema_name",
    "is_file_name",
    "load_settings",
    "read_regular",
    "read_secret",
    "setting_sources",
    "settings_files",
    "user_allowances",
    "vendor_proxy",
    "without_password",
    "without_user",
]
