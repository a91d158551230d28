package config

import (
	"maps"
	"os"
	"reflect"
	"slices"
)

// An Environment is what the environment of a process sets of our variables, less the
// secrets. The nil one sets nothing.
type Environment map[string]string

// notTold are variables that may hold a password, and those by which a service is found.
var notTold = []string{"SESSION_DATABASE_DSN", "SESSION_DATABASE_USER", "DATA_DIR", "RUNTIME_DIR"}

// OwnEnvironment returns that of this process.
func OwnEnvironment() Environment {
	own := make(Environment)
	fields := reflect.TypeFor[variables]()
	for i := range fields.NumField() {
		tag := fields.Field(i).Tag
		name := tag.Get("envconfig")
		value, set := os.LookupEnv(name)
		if isSecret := tag.Get("verbatim") != ""; set && !isSecret && !slices.Contains(notTold, name) {
			own[name] = value
		}
	}
	return own
}

// names are those that our own environment does not set.
func (e Environment) names() []string {
	names := slices.Sorted(maps.Keys(e))
	return slices.DeleteFunc(names, func(name string) bool {
		_, ours := os.LookupEnv(name)
		return ours
	})
}

// nothingToPretend are variables that mean nothing where hosts are pretended.
var nothingToPretend = []string{
	"CONTAINER_HOSTS", "CONTAINER_HOSTS_KEYS", "CONTAINER_HOSTS_KEYS_FILE", "HOSTS_FILE", "SSH_DIR", "SSH_HOST_KEYS",
	"LOCAL_ADDRESS", "PUBLISH_ADDRESS", "SESSION_DATABASE_DSN", "SESSION_DATABASE_DSN_FILE", "SESSION_DATABASE_USER",
	"SESSION_DATABASE_USER_FILE", "SESSION_DATABASE_PASS", "SESSION_DATABASE_PASS_FILE",
}

// ignored returns those that are set to something.
func (v *variables) ignored() (names []string) {
	fields := reflect.ValueOf(v).Elem()
	for i := range fields.NumField() {
		tag := fields.Type().Field(i).Tag
		name := tag.Get("envconfig")
		if slices.Contains(nothingToPretend, name) && fields.Field(i).String() != tag.Get("default") {
			names = append(names, name)
		}
	}
	return names
}
