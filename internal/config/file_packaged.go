//go:build packaged

package config

// SettingsFile is the file with settings of commands that are told no other: of the
// Debian package's, which are called from any folder.
const SettingsFile = "/etc/wrp-distributor/env"
