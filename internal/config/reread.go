package config

import (
	"errors"
	"reflect"
	"strings"

	"wrpdistributor/internal/hosts"
)

// ErrNoHostsFile means that the hosts do not stand in a file of their own.
var ErrNoHostsFile = errors.New("HOSTS_FILE is not set, so that there is nothing to read again: hosts of CONTAINER_HOSTS change with a restart")

// An Origin is where settings came from, and what stood there.
type Origin struct {
	envFile string
	read    *variables
	secrets map[string]string // what stood in files of secrets, by variable
}

// Remember reads what [Load] reads, to be compared later.
func Remember(envFile string) (*Origin, error) {
	v, _, _, err := read(envFile, nil)
	if err != nil {
		return nil, err
	}
	return &Origin{envFile: envFile, read: v, secrets: v.secrets()}, nil
}

// Hosts reads HOSTS_FILE again. All else is as it was. The error is [ErrNoHostsFile], or of
// type [Problems].
func (o *Origin) Hosts() ([]hosts.Host, error) {
	v := o.read
	if v.HostsFile == "" {
		return nil, ErrNoHostsFile
	}
	p := new(parser)
	c := &Config{LocalAddress: p.host("LOCAL_ADDRESS", v.LocalAddress), PublishAddress: p.ip("PUBLISH_ADDRESS", v.PublishAddress)}
	c.StartPort = p.number("START_PORT", v.StartPort, 1, maxPort)
	c.SparePorts = p.number("SPARE_PORTS", v.SparePorts, 0, maxPort)
	p.parsePool(c, v)
	p.limitsNeedMemory(c, v)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return c.Hosts, nil
}

// Changed returns the variables that say something else now than at the start, which
// counts after a restart only. A file of settings that cannot be read is named itself.
func (o *Origin) Changed() (names []string) {
	v, _, _, err := read(o.envFile, nil)
	if err != nil {
		return []string{o.envFile}
	}
	secrets := v.secrets()
	was, is := reflect.ValueOf(o.read).Elem(), reflect.ValueOf(v).Elem()
	for i := range was.NumField() {
		name := was.Type().Field(i).Tag.Get("envconfig")
		if was.Field(i).String() != is.Field(i).String() || o.secrets[name] != secrets[name] {
			names = append(names, name)
		}
	}
	return names
}

// secrets returns what stands in files of secrets. Of one that cannot be read nothing is
// known.
func (v *variables) secrets() map[string]string {
	all := make(map[string]string)
	fields := reflect.ValueOf(v).Elem()
	for i := range fields.NumField() {
		name, file := fields.Type().Field(i).Tag.Get("envconfig"), fields.Field(i).String()
		if name == hostsFileName || file == "" || !strings.HasSuffix(name, "_FILE") {
			continue
		}
		if text, err := readText(credential(file)); err == nil {
			all[name] = text
		}
	}
	return all
}
