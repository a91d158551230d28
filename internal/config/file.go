//go:build !packaged

package config

// SettingsFile is the file with settings of commands that are told no other.
const SettingsFile = DefaultFile
