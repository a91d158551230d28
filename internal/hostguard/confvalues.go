package hostguard

import (
	"math"
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// A parser makes a [Config] of settings, and gathers all that is wrong with them.
type parser struct {
	settings map[string]setting
	problems []problem
}

func (p *parser) config() *Config {
	first, last := p.ports("PORTS")
	return &Config{
		Images:      p.images("IMAGES"),
		FirstPort:   first,
		LastPort:    last,
		Publish:     p.addresses("PUBLISH"),
		MaxMemory:   p.size("MAX_MEMORY"),
		MaxNanoCPUs: p.cpus("MAX_CPUS"),
		MaxPids:     p.number("MAX_PIDS", 1, maxPids),
		Certificate: p.certificate("CERTIFICATE"),
		Network:     p.match("NETWORK", networkName, "want the name of a Docker network, such as wrp"),
		Subnet:      p.subnet("SUBNET"),
		DatabaseID:  p.databaseID("DATABASE_ID"),
		StateDir:    p.folder("STATE_DIR"),
		Docker:      p.folder("DOCKER_SOCKET"),
	}
}

const (
	maxPids   = 1 << 22 // the kernel has no more
	minMemory = 6 << 20 // engines take no less
	maxMemory = 1 << 50
	maxCores  = 1 << 12
)

var (
	networkName  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$`)
	databaseName = regexp.MustCompile(`^[0-9a-f]{32}$`)
	sizeForm     = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)([kmg])$`)
)

func (p *parser) value(name string) string { return p.settings[name].value }

// wrong notes a mistake.
func (p *parser) wrong(name, want string) {
	s := p.settings[name]
	p.problems = append(p.problems, problem{s.line, name + "=" + s.value, want})
}

func (p *parser) match(name string, form *regexp.Regexp, want string) string {
	if !form.MatchString(p.value(name)) {
		p.wrong(name, want)
	}
	return p.value(name)
}

// list splits a value at commas and spaces.
func (p *parser) list(name string) []string {
	return strings.FieldsFunc(p.value(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

func (p *parser) images(name string) (images []Image) {
	for _, text := range p.list(name) {
		image, ok := parseImage(text)
		if !ok {
			p.wrong(name, strconv.Quote(text)+" is no image; want names as docker pull takes them, separated by commas, such as alb42/amifoxserver:latest")
			continue
		}
		images = append(images, image)
	}
	if len(p.list(name)) == 0 {
		p.wrong(name, "want the image of WRP_IMAGE, such as alb42/amifoxserver:latest")
	}
	return images
}

func (p *parser) ports(name string) (first, last int) {
	a, b, isRange := strings.Cut(p.value(name), "-")
	if !isRange {
		b = a
	}
	first, err := strconv.Atoi(a)
	last, err2 := strconv.Atoi(b)
	if err != nil || err2 != nil || first < 1024 || last < first || last > math.MaxUint16 {
		p.wrong(name, "want START_PORT to START_PORT + MAX_CONTAINERS_RUNNING + SPARE_PORTS - 1 of the distributor, such as 9090-9115; from 1024 to 65535")
	}
	return first, last
}

// everywhere stands for all addresses of the host at once.
const everywhere = "*"

func (p *parser) addresses(name string) (list []string) {
	for _, text := range p.list(name) {
		if text == everywhere {
			list = append(list, "")
			continue
		}
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.String() != text || addr.Zone() != "" || addr.IsUnspecified() {
			p.wrong(name, "want addresses of this host, separated by commas: 127.0.0.1 for a gateway, * for clients that connect to containers themselves")
			continue
		}
		list = append(list, text)
	}
	if p.value(name) == "" {
		p.wrong(name, "want 127.0.0.1, or other addresses of this host")
	}
	return list
}

// size parses a number of bytes with its unit.
func (p *parser) size(name string) int64 {
	m := sizeForm.FindStringSubmatch(strings.ToLower(p.value(name)))
	if m != nil {
		n, err := strconv.ParseFloat(m[1], 64)
		n *= map[string]float64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[m[2]]
		if err == nil && n >= minMemory && n <= maxMemory {
			return int64(n)
		}
	}
	p.wrong(name, "want a size with its unit, at least 6m, such as 512m or 1g")
	return 0
}

func (p *parser) cpus(name string) int64 {
	if p.value(name) == "" {
		return 0
	}
	n, err := strconv.ParseFloat(p.value(name), 64)
	if err != nil || !(n >= 0.01 && n <= maxCores) { // NaN fails too
		p.wrong(name, "want a number of processor cores, at least 0.01, such as 0.5 or 2; empty for no limit")
		return 0
	}
	return int64(n * 1e9)
}

func (p *parser) number(name string, least, most int64) int64 {
	n, err := strconv.ParseInt(p.value(name), 10, 64)
	if err != nil || n < least || n > most {
		p.wrong(name, "want a whole number from "+strconv.FormatInt(least, 10)+" to "+strconv.FormatInt(most, 10))
	}
	return n
}

func (p *parser) certificate(name string) *Certificate {
	if p.value(name) == "" {
		return nil
	}
	cert, key, ok := strings.Cut(p.value(name), "~")
	if !ok || !isAbsolute(cert) || !isAbsolute(key) || strings.Contains(key, "~") {
		p.wrong(name, "want cert~key, absolute paths on this host, as in CONTAINER_HOSTS_TLS_CERTS of the distributor")
		return nil
	}
	return &Certificate{cert, key}
}

// isAbsolute reports whether a path begins at the root and is in its shortest form.
func isAbsolute(name string) bool { return path.IsAbs(name) && path.Clean(name) == name && name != "/" }

func (p *parser) folder(name string) string {
	if !isAbsolute(p.value(name)) {
		p.wrong(name, "want an absolute path, without . and .. in it")
	}
	return p.value(name)
}

func (p *parser) subnet(name string) netip.Prefix {
	if p.value(name) == "" {
		return netip.Prefix{}
	}
	subnet, err := netip.ParsePrefix(p.value(name))
	if err != nil || !subnet.Addr().Is4() || subnet != subnet.Masked() || subnet.Bits() < 8 || subnet.Bits() > 28 {
		p.wrong(name, "want an IPv4 network from /8 to /28, as CONTAINER_SUBNET of the distributor, such as 10.99.0.0/24")
	}
	if p.value("NETWORK") != ownNetwork {
		p.wrong(name, "goes with NETWORK="+ownNetwork+" only: another network is made by you")
	}
	return subnet
}

func (p *parser) databaseID(name string) string {
	if p.value(name) == firstCome {
		return ""
	}
	return p.match(name, databaseName, "want "+firstCome+", or the 32 hex digits that docker inspect shows in the label wrpdistributor.database of a container")
}
