package pretend

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// A Pool is several hosts that were started together.
type Pool struct {
	Hosts []*Host
}

// StartPool starts n hosts like config, each with an address of its own: the
// first has config.Addr, or 127.0.0.2, the others follow; with [AnyAddr] each
// gets one anywhere. The manifest says how to get to them.
func StartPool(n int, config Config) (*Pool, Manifest, error) {
	var m Manifest
	next, err := addresses(config.Addr)
	if err != nil {
		return nil, m, fmt.Errorf("start pretend hosts: %w", err)
	}
	p := &Pool{}
	for i := range n {
		each := config
		each.Addr = next()
		each.HostKeySeed = deriveSeed(config.HostKeySeed, i)
		each.ClientKeySeed = deriveSeed(config.ClientKeySeed, i)
		if config.EngineID != "" {
			each.EngineID = fmt.Sprintf("%s-%d", config.EngineID, i+1)
		}
		h, err := Start(each)
		if err != nil {
			return nil, Manifest{}, errors.Join(err, p.Close())
		}
		p.Hosts = append(p.Hosts, h)
		m.Hosts = append(m.Hosts, h.Manifest())
	}
	return p, m, nil
}

// addresses returns a function that gives out addresses, beginning with first.
func addresses(first string) (next func() string, err error) {
	switch first {
	case AnyAddr:
		return randomAddrs(), nil
	case "":
		first = defaultAddr
	}
	addr, err := netip.ParseAddr(first)
	return func() string {
		defer func() { addr = addr.Next() }()
		return addr.String()
	}, err
}

// randomAddrs returns a function that gives out addresses anywhere, none twice.
func randomAddrs() (next func() string) {
	given := make(map[netip.Addr]bool)
	return func() string {
		for {
			addr := randomAddr()
			if !given[addr] {
				given[addr] = true
				return addr.String()
			}
		}
	}
}

// deriveSeed makes a seed of its own for each host from one seed, if there is one.
func deriveSeed(seed []byte, i int) []byte {
	if len(seed) == 0 {
		return nil
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint32(append([]byte(nil), seed...), uint32(i)))
	return sum[:]
}

// Close ends all hosts.
func (p *Pool) Close() error {
	var errs []error
	for _, h := range p.Hosts {
		errs = append(errs, h.Close())
	}
	return errors.Join(errs...)
}
