package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// readCounters returns what the counters say of each host.
func (b *batch) readCounters(ctx context.Context) (map[string]*room, error) {
	counts, err := hostCounts(ctx, b.tx, `SELECT containerHost, taken AS n FROM counters`)
	rooms := make(map[string]*room, len(counts))
	for host, n := range counts {
		rooms[host] = &room{taken: n, counted: true}
	}
	return rooms, err
}

// readWaiting returns how many containers of each kind wait for a client.
func (b *batch) readWaiting(ctx context.Context) (map[kind]int, error) {
	var list []struct {
		kind
		N int `db:"n"`
	}
	err := b.tx.SelectContext(ctx, &list, `
		SELECT containerHost, tls, gateway, COUNT(*) AS n FROM sessions
		WHERE state IN ('warm', 'warming') GROUP BY containerHost, tls, gateway`)
	waiting := make(map[kind]int, len(list))
	for _, w := range list {
		waiting[w.kind] += w.N
	}
	return waiting, err
}

// readEvictable returns the hosts that have a row which never had a client.
func (b *batch) readEvictable(ctx context.Context) (map[string]bool, error) {
	var list []string
	err := b.tx.SelectContext(ctx, &list, `SELECT DISTINCT containerHost FROM sessions WHERE clientIp = ''`)
	m := make(map[string]bool, len(list))
	for _, host := range list {
		m[host] = true
	}
	return m, err
}

// readRows reads the rows of hosts of which that was not done yet.
func (b *batch) readRows(ctx context.Context, hosts ...string) error {
	hosts = slices.DeleteFunc(hosts, func(host string) bool { return b.room(host).on != nil })
	if len(hosts) == 0 {
		return nil
	}
	list, err := selectIn[numbers](ctx, b.tx, readPlaces, hosts, hosts)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		b.room(host).on = newOccupancy()
	}
	for _, n := range list {
		on := b.room(n.Host).on
		if err := errors.Join(addNumbers(on.slots, n.Slots), addNumbers(on.ports, n.Ports)); err != nil {
			return fmt.Errorf("places of %s: %w", n.Host, err)
		}
	}
	for _, host := range hosts {
		r := b.room(host)
		r.setTaken(len(r.on.slots))
	}
	return nil
}

// numbers are slots or ports of one host, as a list with commas: a row for each would
// cost more than all the rest of a claim.
type numbers struct {
	Host  string `db:"containerHost"`
	Slots string `db:"slots"`
	Ports string `db:"ports"`
}

// readPlaces reads each from the unique key that has it, and no row.
const readPlaces = `
	SELECT containerHost, GROUP_CONCAT(slot) AS slots, '' AS ports FROM sessions WHERE containerHost IN (?) GROUP BY containerHost
	UNION ALL
	SELECT containerHost, '' AS slots, GROUP_CONCAT(port) AS ports FROM sessions WHERE containerHost IN (?) GROUP BY containerHost`

func addNumbers(set map[int]bool, list string) error {
	for text := range strings.SplitSeq(list, ",") {
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		set[n] = true
	}
	return nil
}

// recount counts the rows of all hosts.
func (b *batch) recount(ctx context.Context) error {
	rows, err := hostCounts(ctx, b.tx, countRows+`GROUP BY containerHost`)
	if err != nil {
		return err
	}
	for host := range rows {
		b.room(host)
	}
	for host, r := range b.rooms {
		if r.on == nil { // else its rows were read, and claims are placed among them
			r.setTaken(rows[host])
		}
	}
	b.recounted = true
	return nil
}

const countRows = `SELECT containerHost, COUNT(*) AS n FROM sessions `
